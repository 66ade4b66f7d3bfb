import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def expanded(x, M):
    """Every head M times in a row."""
    return x[:, None].expand(-1, M, -1, -1).reshape(-1, *x.shape[1:])


def right(q, k, v):
    M = q.shape[0] // k.shape[0]
    s = wide(q) @ wide(expanded(k, M)).mT / q.shape[-1] ** 0.5
    later = torch.ones(s.shape[-2:], dtype=torch.bool).triu(1)
    return (s.masked_fill(later, -torch.inf).softmax(-1) @ wide(expanded(v, M))).to(q.dtype)
