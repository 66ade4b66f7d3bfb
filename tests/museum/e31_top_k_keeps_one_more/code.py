import math

import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def above(z, index):
    """The law of the logits that are not below the one with that index when they are sorted."""
    threshold = wide(z).sort(descending=True).values[..., min(index, z.shape[-1] - 1), None]
    return torch.softmax(wide(z).masked_fill(wide(z) < threshold, -torch.inf), -1).to(z.dtype)


def right(z, top_k):
    logits, order = wide(z).sort(descending=True, stable=True)
    logits[..., math.ceil(top_k) :] = -torch.inf
    q = torch.softmax(logits, -1)
    return torch.zeros_like(q).scatter(-1, order, q).to(z.dtype)


def wrong(z, top_k):
    return above(z, math.ceil(top_k))


def wrong_ties_stay(z, top_k):
    return above(z, math.ceil(top_k) - 1)
