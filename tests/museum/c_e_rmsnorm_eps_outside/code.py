import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def right(x, g, eps):
    root = wide(x).square().mean(-1, keepdim=True).sqrt()
    return (wide(g) * wide(x) / (root + eps)).to(x.dtype)
