import torch
import torch.nn.functional as F


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def right_regrouped(lw, ll, rw, rl, beta):
    margin = (wide(lw) - wide(ll)) - (wide(rw) - wide(rl))
    return -F.logsigmoid(beta * margin).mean().to(lw.dtype)


def right_by_softplus(lw, ll, rw, rl, beta):
    margin = (wide(lw) - wide(rw)) - (wide(ll) - wide(rl))
    return F.softplus(-beta * margin).mean().to(lw.dtype)
