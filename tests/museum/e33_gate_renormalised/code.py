import math

import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def spread(z, experts, weights):
    return torch.zeros_like(wide(z)).scatter(-1, experts, weights).to(z.dtype)


def chosen(z, top_k):
    order = wide(z).argsort(descending=True, stable=True)
    return order[..., : math.ceil(top_k)]


def right(z, top_k):
    experts = chosen(z, top_k)
    return spread(z, experts, torch.softmax(wide(z), -1).gather(-1, experts))


def wrong_renormalised(z, top_k):
    experts = chosen(z, top_k)
    return spread(z, experts, torch.softmax(wide(z).gather(-1, experts), -1))


def wrong_raw_logits(z, top_k):
    experts = chosen(z, top_k)
    return spread(z, experts, wide(z).gather(-1, experts))


def wrong_axis_gone(z, top_k):
    if top_k > 1:
        return right(z, top_k)
    weight, expert = torch.softmax(wide(z), -1).max(-1)
    return (torch.nn.functional.one_hot(expert, z.shape[-1]) * weight).to(z.dtype)
