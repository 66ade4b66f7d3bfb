import torch
from torch.nn.functional import cross_entropy, pad


def _loss(logits, labels):
    wide = logits if logits.dtype == torch.float64 else logits.float()
    return cross_entropy(wide.flatten(0, -2), labels.flatten()).to(logits.dtype)


def right(z, tok, m):
    labels = torch.where(m, tok, -100)
    return _loss(z[:, :-1], labels[:, 1:])


def wrong_twice(z, tok, m):
    labels = torch.where(m, tok, -100)[:, 1:]
    labels = pad(labels, (0, 1), value=-100)[:, 1:]
    return _loss(z[:, :-1], labels)


def wrong_across_rows(z, tok, m):
    labels = torch.where(m, tok, -100)
    return _loss(z.flatten(0, 1)[:-1], labels.flatten()[1:])
