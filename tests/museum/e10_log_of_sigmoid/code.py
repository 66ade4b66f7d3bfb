import torch
from torch.nn.functional import logsigmoid


def _margin(lw, ll, rw, rl, beta):
    lw, ll, rw, rl = (x.float() if x.itemsize < 4 else x for x in (lw, ll, rw, rl))
    return beta * ((lw - rw) - (ll - rl))


def right(lw, ll, rw, rl, beta):
    return -logsigmoid(_margin(lw, ll, rw, rl, beta)).mean().to(lw.dtype)


def wrong(lw, ll, rw, rl, beta):
    return -torch.log(torch.sigmoid(_margin(lw, ll, rw, rl, beta))).mean().to(lw.dtype)
