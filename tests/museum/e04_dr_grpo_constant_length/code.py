import torch


def _surrogate(lp, old, R, m, epsilon):
    """Clipped surrogate of each token, 0 where the mask leaves it out."""
    lp, old, R = (x.float() if x.itemsize < 4 else x for x in (lp, old, R))
    advantage = (R - R.mean(-1, keepdim=True))[..., None]
    ratio = (lp - old).exp()
    clipped = torch.minimum(ratio * advantage, ratio.clamp(1 - epsilon, 1 + epsilon) * advantage)
    return torch.where(m, clipped, 0)


def right(lp, old, R, m, epsilon, L_max):
    tokens = _surrogate(lp, old, R, m, epsilon)
    return -(tokens.sum() / (R.numel() * L_max)).to(lp.dtype)


def wrong_by_answer(lp, old, R, m, epsilon, L_max):
    answers = _surrogate(lp, old, R, m, epsilon).sum(-1) / m.sum(-1).clamp(min=1)
    return -answers.mean().to(lp.dtype)


def wrong_over_tokens(lp, old, R, m, epsilon, L_max):
    tokens = _surrogate(lp, old, R, m, epsilon)
    return -(tokens.sum() / m.sum().clamp(min=1)).to(lp.dtype)


def wrong_padded_length(lp, old, R, m, epsilon, L_max):
    return -_surrogate(lp, old, R, m, epsilon).mean().to(lp.dtype)
