import math

import torch
from torch import log_softmax, logsumexp, where


def _jsd(z, w, m, share, beta, tau):
    """`share` is the teacher's in the mixture, beta that of its divergence."""
    student, teacher = (
        log_softmax((x.float() if x.itemsize < 4 else x) / tau, dim=-1) for x in (z, w)
    )
    parts = [teacher + math.log(share), student + math.log(1 - share)]
    mixture = logsumexp(torch.stack(parts), dim=0)
    of_teacher = (teacher.exp() * (teacher - mixture)).sum(-1)
    of_student = (student.exp() * (student - mixture)).sum(-1)
    rows = beta * of_teacher + (1 - beta) * of_student
    return (where(m, rows, 0).sum() / m.sum()).to(z.dtype)


def right(z, w, m, beta, tau):
    return _jsd(z, w, m, beta, beta, tau)


def wrong_mixture(z, w, m, beta, tau):
    return _jsd(z, w, m, 1 - beta, beta, tau)


def wrong_throughout(z, w, m, beta, tau):
    return _jsd(z, w, m, 1 - beta, 1 - beta, tau)
