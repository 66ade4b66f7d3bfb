import torch


def right(x, g, eps):
    wide = x if x.dtype == torch.float64 else x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps) * g).to(x.dtype)


def wrong(x, g, eps):
    wide = x if x.dtype == torch.float64 else x.float()
    return (wide / (wide.square().mean(-1, keepdim=True).sqrt() + eps) * g).to(x.dtype)
