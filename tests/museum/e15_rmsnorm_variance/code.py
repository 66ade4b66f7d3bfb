import torch


def right(x, g, eps):
    wide = x if x.dtype == torch.float64 else x.float()
    size = torch.linalg.vector_norm(wide, dim=-1, keepdim=True) / x.shape[-1] ** 0.5
    return (g * wide / (size.square() + eps).sqrt()).to(x.dtype)


def wrong(x, g, eps):
    wide = x if x.dtype == torch.float64 else x.float()
    spread = wide.var(dim=-1, keepdim=True, unbiased=False)
    return (g * wide * torch.rsqrt(spread + eps)).to(x.dtype)
