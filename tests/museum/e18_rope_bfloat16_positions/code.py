import torch


def _turned(x, angle):
    first, second = x.chunk(2, dim=-1)
    cos, sin = angle.cos(), angle.sin()
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(x.dtype)


def _frequencies(x, base):
    K = x.shape[-1]
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    return base ** -(torch.arange(0, K, 2, dtype=wide) / K)


def right(x, pos, N, base):
    frequency = _frequencies(x, base)
    return _turned(x, pos.to(frequency.dtype)[..., None] * frequency)


def wrong_positions(x, pos, N, base):
    frequency = _frequencies(x, base)
    return _turned(x, pos.to(x.dtype)[..., None] * frequency)


def wrong_frequencies(x, pos, N, base):
    frequency = _frequencies(x, base).to(x.dtype).to(_frequencies(x, base).dtype)
    return _turned(x, pos.to(frequency.dtype)[..., None] * frequency)
