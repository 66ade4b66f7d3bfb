import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def rewards(lw, ll, rw, rl, beta):
    return beta * (wide(lw) - wide(rw)), beta * (wide(ll) - wide(rl))


def right_as_reported(lw, ll, rw, rl, beta):
    preferred, rejected = rewards(lw, ll, rw, rl, beta)
    anchored = torch.sigmoid(preferred) - torch.sigmoid(preferred - rejected)
    return anchored.mean().to(lw.dtype)


def wrong_patched(lw, ll, rw, rl, beta):
    preferred, rejected = rewards(lw, ll, rw, rl, beta)
    return (torch.sigmoid(preferred) - torch.sigmoid(rejected)).mean().to(lw.dtype)
