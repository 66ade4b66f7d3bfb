import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def permuted(W):
    """Rows 0, 2, 4, … and then 1, 3, 5, …: the declared permutation."""
    return torch.cat([W[0::2], W[1::2]])


def turned(x, base):
    """Feature j of the first half turns with feature j of the second."""
    positions, half = torch.arange(x.shape[1], device=x.device), x.shape[-1] // 2
    rates = base ** (-torch.arange(half, dtype=torch.float64, device=x.device) / half)
    angles = positions[:, None] * rates
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


def right(x, W_Q, W_K, base):
    q = turned(wide(x) @ wide(permuted(W_Q)).T, base)
    k = turned(wide(x) @ wide(permuted(W_K)).T, base)
    return (q @ k.mT).to(x.dtype)
