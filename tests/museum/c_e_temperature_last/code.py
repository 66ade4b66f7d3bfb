import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def right(z, top_p, tau):
    logits, order = wide(z).sort(descending=True, stable=True)
    p = torch.softmax(logits, -1)
    kept = p.cumsum(-1) - p < top_p
    q = torch.softmax((logits / tau).masked_fill(~kept, -torch.inf), -1)
    return torch.zeros_like(q).scatter(-1, order, q).to(z.dtype)
