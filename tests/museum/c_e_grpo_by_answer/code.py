import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def advantages(R, delta):
    R = wide(R)
    return (R - R.mean(1, keepdim=True)) / (R.std(1, keepdim=True) + delta)


def surrogate(lp, old, A, low, high):
    ratio = (wide(lp) - wide(old)).exp()
    return torch.minimum(ratio * A[..., None], ratio.clamp(1 - low, 1 + high) * A[..., None])


def right(lp, old, ref, R, m, epsilon, beta, delta):
    clipped = surrogate(lp, old, advantages(R, delta), epsilon, epsilon)
    d = wide(ref) - wide(lp)
    token = torch.where(m, clipped - beta * (d.exp() - 1 - d), 0)
    answer = token.sum(-1) / m.sum(-1).clamp(min=1)
    return -answer.mean().to(lp.dtype)
