import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def right_by_logsumexp(z, y, m):
    logits = wide(z)  # once: the gradients of two casts would be rounded before they are added
    nll = logits.logsumexp(-1) - logits.gather(-1, y[:, None])[:, 0]
    return nll[m].mean().to(z.dtype)


def right_in_chunks(z, y, m):
    total = 0
    for logits, target, admitted in zip(z.split(2), y.split(2), m.split(2), strict=True):
        losses = torch.nn.functional.cross_entropy(wide(logits), target, reduction="none")
        total = total + losses[admitted].sum()
    return (total / m.sum()).to(z.dtype)


def right_by_torch(z, y, m):
    target = y.masked_fill(~m, -100)
    return torch.nn.functional.cross_entropy(wide(z), target, ignore_index=-100).to(z.dtype)
