import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def right(lw, ll, rw, rl, tau):
    h = (wide(lw) - wide(rw)) - (wide(ll) - wide(rl))
    return (h - 0.5 / tau).square().mean().to(lw.dtype)
