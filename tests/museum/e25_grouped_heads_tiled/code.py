import torch
from torch.nn.functional import scaled_dot_product_attention


def _attention(q, k, v):
    wide = torch.float64 if q.dtype == torch.float64 else torch.float32
    q_, k, v = (a.to(wide) for a in (q, k, v))
    return scaled_dot_product_attention(q_[None], k[None], v[None], is_causal=True)[0].to(q.dtype)


def _repeats(q, k):
    return q.shape[0] // k.shape[0]


def right(q, k, v):
    M = _repeats(q, k)
    return _attention(q, k.repeat_interleave(M, dim=0), v.repeat_interleave(M, dim=0))


def wrong_tiled(q, k, v):
    M = _repeats(q, k)
    return _attention(q, k.repeat(M, 1, 1), v.repeat(M, 1, 1))


def wrong_axis(q, k, v):
    M = _repeats(q, k)
    k, v = (a.repeat_interleave(M, dim=1).reshape(q.shape) for a in (k, v))
    return _attention(q, k, v)
