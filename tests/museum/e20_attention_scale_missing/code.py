import torch
from torch.nn.functional import scaled_dot_product_attention


def _attention(q, k, v, scale):
    wide = torch.float64 if q.dtype == torch.float64 else torch.float32
    q_, k, v = (a.to(wide)[None] for a in (q, k, v))
    o = scaled_dot_product_attention(q_, k, v, is_causal=True, scale=scale)
    return o[0].to(q.dtype)


def right(q, k, v):
    return _attention(q, k, v, scale=None)


def wrong_missing(q, k, v):
    return _attention(q, k, v, scale=1.0)


def wrong_width(q, k, v):
    H, _, K = q.shape
    return _attention(q, k, v, scale=(H * K) ** -0.5)
