import torch
from torch.nn.functional import logsigmoid


def _log_ratios(lw, ll, rw, rl):
    lw, ll, rw, rl = (x.float() if x.itemsize < 4 else x for x in (lw, ll, rw, rl))
    return lw - rw, ll - rl


def _difference(chosen, rejected, alpha):
    """The difference of the two scores under the divergence."""
    if alpha == 0:
        return chosen - rejected
    return (torch.expm1(-alpha * rejected) - torch.expm1(-alpha * chosen)) / alpha


def _losses(chosen, scores, anchored, beta, dtype):
    dpo = -logsigmoid(beta * scores).mean()
    apo_down = ((beta * chosen).sigmoid() - (beta * anchored).sigmoid()).mean()
    return dpo.to(dtype), apo_down.to(dtype)


def right(lw, ll, rw, rl, beta, alpha):
    chosen, rejected = _log_ratios(lw, ll, rw, rl)
    scores = _difference(chosen, rejected, alpha)
    return _losses(chosen, scores, chosen - rejected, beta, lw.dtype)


def wrong(lw, ll, rw, rl, beta, alpha):
    chosen, rejected = _log_ratios(lw, ll, rw, rl)
    scores = _difference(chosen, rejected, alpha)
    return _losses(chosen, scores, scores, beta, lw.dtype)
