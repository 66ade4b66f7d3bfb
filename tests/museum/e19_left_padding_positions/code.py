import torch
from torch.nn.functional import embedding


def right(tok, keep, E, P):
    position = (keep.long().cumsum(-1) - 1).clamp(min=0)
    return (embedding(tok, E) + embedding(position, P)).masked_fill(~keep[..., None], 0)


def wrong(tok, keep, E, P):
    position = torch.arange(tok.shape[1])
    return (embedding(tok, E) + embedding(position, P)).masked_fill(~keep[..., None], 0)


def wrong_uncounted(tok, keep, E, P):
    position = keep.long().cumsum(-1).clamp(max=tok.shape[1] - 1)
    return (embedding(tok, E) + embedding(position, P)).masked_fill(~keep[..., None], 0)
