import torch


def _surrogate(lp, old, ref, R, epsilon, beta, delta):
    """Clipped surrogate less the penalty, of each token."""
    advantage = (R - R.mean(-1, keepdim=True)) / (R.std(-1, keepdim=True) + delta)
    advantage = advantage[..., None]
    ratio = (lp - old).exp()
    clipped = torch.minimum(ratio * advantage, ratio.clamp(1 - epsilon, 1 + epsilon) * advantage)
    d = ref - lp
    return clipped - beta * (d.exp() - 1 - d)


def _wide(*tensors):
    return [x.float() if x.itemsize < 4 else x for x in tensors]


def right(lp, old, ref, R, m, epsilon, beta, delta):
    token = _surrogate(*_wide(lp, old, ref, R), epsilon, beta, delta)
    answer = torch.where(m, token, 0).sum(-1) / m.sum(-1).clamp(min=1)
    return -answer.mean().to(lp.dtype)


def wrong_over_tokens(lp, old, ref, R, m, epsilon, beta, delta):
    token = _surrogate(*_wide(lp, old, ref, R), epsilon, beta, delta)
    return -(torch.where(m, token, 0).sum() / m.sum().clamp(min=1)).to(lp.dtype)


def wrong_over_constant_length(lp, old, ref, R, m, epsilon, beta, delta):
    token = _surrogate(*_wide(lp, old, ref, R), epsilon, beta, delta)
    return -(torch.where(m, token, 0).sum() / m.numel()).to(lp.dtype)
