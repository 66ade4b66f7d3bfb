import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def loss(ratio, A, m, dtype):
    return -(ratio * wide(A)[:, None])[m].mean().to(dtype)


def right_by_detach(lp, A, m):
    return loss((wide(lp) - wide(lp).detach()).exp(), A, m, lp.dtype)


def right_without_exp(lp, A, m):
    return loss(1 + (wide(lp) - wide(lp).detach()), A, m, lp.dtype)
