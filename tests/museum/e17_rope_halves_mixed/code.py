import torch


def _angles(x, base):
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    T, K = x.shape[-2:]
    frequency = base ** -(torch.arange(0, K, 2, dtype=wide) / K)
    return torch.arange(T, dtype=wide)[:, None] * frequency


def _halves_turned(x):
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


def right(x, base):
    angle = torch.cat(2 * (_angles(x, base),), dim=-1)
    return (x * angle.cos() + _halves_turned(x) * angle.sin()).to(x.dtype)


def wrong(x, base):
    angle = _angles(x, base).repeat_interleave(2, dim=-1)
    return (x * angle.cos() + _halves_turned(x) * angle.sin()).to(x.dtype)
