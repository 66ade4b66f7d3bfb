import math

import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def descending(z, tau, top_k):
    """Probabilities of the top_k from the largest down, and where they stood."""
    logits, order = wide(z).sort(descending=True, stable=True)
    logits[..., math.ceil(top_k) :] = -torch.inf
    return torch.softmax(logits / tau, -1), order


def prefix(p, top_p):
    """Which of the probabilities make up the smallest prefix of that mass."""
    return (p.cumsum(-1) - p < top_p) & (p > 0)


def draw(p, kept, order, z, g):
    """The law of what is kept, and what the draws g take from it."""
    p = torch.where(kept, p, 0)
    q = torch.zeros_like(p).scatter(-1, order, p / p.sum(-1, keepdim=True))
    above = q.cumsum(-1) > wide(g)[:, None]
    last = z.shape[-1] - 1 - (q > 0).int().flip(-1).argmax(-1)
    x = torch.where(above.any(-1), above.int().argmax(-1), last)
    return q.to(z.dtype), x


def right(z, g, tau, top_k, top_p):
    p, order = descending(z, tau, top_k)
    return draw(p, prefix(p, top_p), order, z, g)


def wrong_order(z, g, tau, top_k, top_p):
    cold, order = descending(z, 1, top_k)
    p, _ = descending(z, tau, top_k)
    return draw(p, prefix(cold, top_p), order, z, g)


def wrong_twice(z, g, tau, top_k, top_p):
    p, order = descending(z, tau * tau, top_k)
    return draw(p, prefix(p, top_p), order, z, g)
