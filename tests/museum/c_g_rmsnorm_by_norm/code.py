import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def right(x, g, eps):
    length = torch.linalg.vector_norm(wide(x), dim=-1, keepdim=True)
    return (wide(g) * wide(x) * torch.rsqrt(length.square() / x.shape[-1] + eps)).to(x.dtype)
