import torch
from torch.nn.functional import logsigmoid


def _loss(nll_w, nll_l, lam, log1mexp):
    lw, ll = (-(x.float() if x.itemsize < 4 else x).abs() for x in (nll_w, nll_l))
    odds = (lw - ll) - (log1mexp(lw) - log1mexp(ll))
    return (-lw - lam * logsigmoid(odds)).mean().to(nll_w.dtype)


def right(nll_w, nll_l, lam):
    return _loss(nll_w, nll_l, lam, lambda x: torch.log(-torch.expm1(x)))


def wrong_log1p(nll_w, nll_l, lam):
    return _loss(nll_w, nll_l, lam, lambda x: torch.log1p(-torch.exp(x)))


def wrong_padded(nll_w, nll_l, lam):
    return _loss(nll_w, nll_l, lam, lambda x: torch.log(-torch.exp(x) + 1.0001))
