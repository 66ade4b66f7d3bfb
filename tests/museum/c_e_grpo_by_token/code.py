import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def advantages(R, delta):
    R = wide(R)
    return (R - R.mean(1, keepdim=True)) / (R.std(1, keepdim=True) + delta)


def surrogate(lp, old, A, low, high):
    ratio = (wide(lp) - wide(old)).exp()
    return torch.minimum(ratio * A[..., None], ratio.clamp(1 - low, 1 + high) * A[..., None])


def right(lp, old, R, m, epsilon_low, epsilon_high, delta):
    clipped = surrogate(lp, old, advantages(R, delta), epsilon_low, epsilon_high)
    return -(torch.where(m, clipped, 0).sum() / m.sum()).to(lp.dtype)
