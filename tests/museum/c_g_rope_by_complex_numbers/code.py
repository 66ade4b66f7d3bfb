import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def right(x, base):
    T, K = x.shape[1:]
    rates = base ** (-torch.arange(0, K, 2, dtype=torch.float64) / K)
    angles = torch.arange(T)[:, None] * rates
    pairs = torch.view_as_complex(wide(x).unflatten(-1, (-1, 2)).contiguous())
    turned = pairs * torch.polar(torch.ones_like(angles), angles).to(pairs.dtype)
    return torch.view_as_real(turned).flatten(-2).to(x.dtype)
