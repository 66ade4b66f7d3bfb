import torch


def _attention(q, k, v, keep):
    wide = torch.float64 if q.dtype == torch.float64 else torch.float32
    s = q.to(wide) @ k.to(wide).mT / q.shape[-1] ** 0.5
    a = s.masked_fill(~keep, -torch.inf).softmax(-1).masked_fill(~keep, 0)
    return (a @ v.to(wide)).to(q.dtype)


def _all(q, k):
    return torch.ones(q.shape[1], k.shape[1], dtype=torch.bool)


def right(q, k, v):
    return _attention(q, k, v, _all(q, k).tril(k.shape[1] - q.shape[1]))


def wrong(q, k, v):
    return _attention(q, k, v, _all(q, k).tril())
