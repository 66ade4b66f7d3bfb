import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def right(lp, old, R, m, epsilon, L_max):
    A = (wide(R) - wide(R).mean(1, keepdim=True))[..., None]
    ratio = (wide(lp) - wide(old)).exp()
    clipped = torch.minimum(ratio * A, ratio.clamp(1 - epsilon, 1 + epsilon) * A)
    return -(torch.where(m, clipped, 0).sum() / (m.shape[0] * m.shape[1] * L_max)).to(lp.dtype)
