import torch
from torch.nn.functional import scaled_dot_product_attention


def _attention(x, W_Q, W_K, W_V, W_O, scale):
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    x_, W_Q, W_K, W_V, W_O = (a.to(wide) for a in (x, W_Q, W_K, W_V, W_O))
    q, k, v = (torch.einsum("hkd,btd->bhtk", W, x_) for W in (W_Q, W_K, W_V))
    o = scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
    return torch.einsum("dhk,bhtk->btd", W_O, o).to(x.dtype)


def right(x, W_Q, W_K, W_V, W_O):
    return _attention(x, W_Q, W_K, W_V, W_O, scale=None)


def wrong_missing(x, W_Q, W_K, W_V, W_O):
    return _attention(x, W_Q, W_K, W_V, W_O, scale=1.0)


def wrong_width(x, W_Q, W_K, W_V, W_O):
    return _attention(x, W_Q, W_K, W_V, W_O, scale=x.shape[-1] ** -0.5)
