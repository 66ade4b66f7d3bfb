import math

import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def sample(z, g, top_k, top_p, before, after=1.0):
    """Divides by a temperature before the filters, and by another after them."""
    logits, order = wide(z).sort(descending=True, stable=True)
    k = min(math.ceil(top_k), z.shape[-1])
    logits[..., k:] = -torch.inf
    p = torch.softmax(logits / before, -1)
    kept = (p.cumsum(-1) - p < top_p) & (logits > -torch.inf)
    q = torch.softmax((logits / before / after).masked_fill(~kept, -torch.inf), -1)
    q = torch.zeros_like(q).scatter(-1, order, q)
    above = q.cumsum(-1) > wide(g)[:, None]
    last = z.shape[-1] - 1 - (q > 0).int().flip(-1).argmax(-1)
    x = torch.where(above.any(-1), above.int().argmax(-1), last)
    return q.to(z.dtype), x


def right(z, g, tau, top_k, top_p):
    return sample(z, g, top_k, top_p, before=tau)


def wrong_order(z, g, tau, top_k, top_p):
    return sample(z, g, top_k, top_p, before=1.0, after=tau)


def wrong_twice(z, g, tau, top_k, top_p):
    return sample(z, g, top_k, top_p, before=tau, after=tau)
