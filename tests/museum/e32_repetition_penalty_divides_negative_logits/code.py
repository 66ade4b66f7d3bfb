import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def penalised(z, tok, m, lowered):
    """The logits, with those of tokens that have occurred lowered."""
    seen = (torch.nn.functional.one_hot(tok, z.shape[-1]).bool() & m[..., None]).any(1)
    return torch.where(seen, lowered, wide(z)).to(z.dtype)


def right(z, tok, m, theta):
    lowered = torch.where(z < 0, wide(z) * theta, wide(z) / theta)
    return penalised(z, tok, m, lowered)


def wrong(z, tok, m, theta):
    return penalised(z, tok, m, wide(z) / theta)
