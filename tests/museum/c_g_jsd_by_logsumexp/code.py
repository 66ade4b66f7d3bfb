import math

import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def kl(p, q):
    """Row by row, from log-probabilities."""
    return (p.exp() * (p - q)).sum(-1)


def between(student, teacher, beta):
    shares = torch.stack([teacher + math.log(beta), student + math.log1p(-beta)])
    mixture = torch.logsumexp(shares, 0)
    return beta * kl(teacher, mixture) + (1 - beta) * kl(student, mixture)


def right(z, w, m, beta, tau):
    student, teacher = (torch.log_softmax(wide(x) / tau, -1) for x in (z, w))
    return between(student, teacher, beta)[m].mean().to(z.dtype)
