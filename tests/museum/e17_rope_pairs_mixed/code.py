import torch


def _angles(x, base):
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    T, K = x.shape[-2:]
    frequency = base ** -(torch.arange(0, K, 2, dtype=wide) / K)
    return torch.arange(T, dtype=wide)[:, None] * frequency


def _pairs_turned(x):
    return torch.stack((-x[..., 1::2], x[..., ::2]), dim=-1).flatten(-2)


def right(x, base):
    angle = _angles(x, base).repeat_interleave(2, dim=-1)
    return (x * angle.cos() + _pairs_turned(x) * angle.sin()).to(x.dtype)


def wrong(x, base):
    angle = torch.cat(2 * (_angles(x, base),), dim=-1)
    return (x * angle.cos() + _pairs_turned(x) * angle.sin()).to(x.dtype)
