import torch


def _attention(q, k, v, scale):
    wide = torch.float64 if q.dtype == torch.float64 else torch.float32
    s = (q.to(wide) @ k.to(wide).mT) * scale
    future = torch.ones(s.shape[-2:], dtype=torch.bool).triu(1)
    return (s.masked_fill(future, -torch.inf).softmax(-1) @ v.to(wide)).to(q.dtype)


def right(q, k, v, width):
    return _attention(q, k, v, width**-0.5)


def wrong(q, k, v, width):
    return _attention(q, k, v, q.shape[-1] ** -0.5)
