import math

import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def kept(z, top_k):
    """The probabilities of the chosen experts, 0 elsewhere."""
    experts = wide(z).argsort(descending=True, stable=True)[..., : math.ceil(top_k)]
    p = torch.softmax(wide(z), -1)
    return torch.zeros_like(p).scatter(-1, experts, p.gather(-1, experts))


def right(z, top_k):
    p = kept(z, top_k)
    return (p / p.sum(-1, keepdim=True)).to(z.dtype)


def right_softmax_of_chosen(z, top_k):
    """Softmax over the chosen alone normalises by itself."""
    p = kept(z, top_k)
    return torch.softmax(wide(z).masked_fill(p == 0, -torch.inf), -1).to(z.dtype)


def wrong(z, top_k):
    return kept(z, top_k).to(z.dtype)
