import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def law(z, kept):
    """What is drawn from among the kept entries of the rows of z, sorted from the largest down."""
    logits, order = wide(z).sort(descending=True, stable=True)
    q = torch.softmax(logits.masked_fill(~kept, float("-inf")), -1)
    return torch.zeros_like(q).scatter(-1, order, q).to(z.dtype)


def mass(z):
    """Probabilities from the largest down, and their sums up to and including each."""
    p = torch.softmax(wide(z).sort(descending=True, stable=True).values, -1)
    return p, p.cumsum(-1)


def right(z, top_p):
    p, cumulated = mass(z)
    return law(z, cumulated - p < top_p)


def wrong(z, top_p):
    _, cumulated = mass(z)
    return law(z, cumulated <= top_p)


def wrong_but_one_stays(z, top_p):
    _, cumulated = mass(z)
    kept = cumulated <= top_p
    kept[..., 0] = True
    return law(z, kept)
