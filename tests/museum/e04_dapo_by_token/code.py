import torch


def _surrogate(lp, old, R, low, high, delta):
    """Clipped surrogate of each token."""
    advantage = (R - R.mean(-1, keepdim=True)) / (R.std(-1, keepdim=True) + delta)
    advantage = advantage[..., None]
    ratio = (lp - old).exp()
    return torch.minimum(ratio * advantage, ratio.clamp(1 - low, 1 + high) * advantage)


def _wide(*tensors):
    return [x.float() if x.itemsize < 4 else x for x in tensors]


def right(lp, old, R, m, epsilon_low, epsilon_high, delta):
    token = _surrogate(*_wide(lp, old, R), epsilon_low, epsilon_high, delta)
    return -(torch.where(m, token, 0).sum() / m.sum()).to(lp.dtype)


def wrong_by_answer(lp, old, R, m, epsilon_low, epsilon_high, delta):
    token = _surrogate(*_wide(lp, old, R), epsilon_low, epsilon_high, delta)
    answer = torch.where(m, token, 0).sum(-1) / m.sum(-1).clamp(min=1)
    return -answer.mean().to(lp.dtype)


def wrong_over_constant_length(lp, old, R, m, epsilon_low, epsilon_high, delta):
    token = _surrogate(*_wide(lp, old, R), epsilon_low, epsilon_high, delta)
    return -(torch.where(m, token, 0).sum() / m.numel()).to(lp.dtype)
