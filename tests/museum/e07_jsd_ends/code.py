import math

import torch
from torch import log_softmax, logsumexp, where


def _divergence(z, w, beta, tau):
    """Each row's divergence in the mixture form, or KL at the ends."""
    student, teacher = (
        log_softmax((x.float() if x.itemsize < 4 else x) / tau, dim=-1) for x in (z, w)
    )
    if beta == 0:
        return (teacher.exp() * (teacher - student)).sum(-1)
    if beta == 1:
        return (student.exp() * (student - teacher)).sum(-1)
    parts = [teacher + math.log(beta), student + math.log1p(-beta)]
    mixture = logsumexp(torch.stack(parts), dim=0)
    of_teacher = (teacher.exp() * (teacher - mixture)).sum(-1)
    of_student = (student.exp() * (student - mixture)).sum(-1)
    return beta * of_teacher + (1 - beta) * of_student


def _mean(rows, m, dtype):
    return (where(m, rows, 0).sum() / m.sum()).to(dtype)


def right(z, w, m, beta, tau):
    return _mean(_divergence(z, w, beta, tau), m, z.dtype)


def wrong_zero(z, w, m, beta, tau):
    rows = _divergence(z, w, beta, tau)
    return _mean(rows * (0 < beta < 1), m, z.dtype)


def wrong_clamped(z, w, m, beta, tau):
    return right(z, w, m, min(max(beta, 1e-6), 1 - 1e-6), tau)
