def _wide(A):
    return A.float() if A.itemsize < 4 else A


def right(A, m):
    admitted = _wide(A).masked_fill(~m, 0)
    return (admitted.sum(-1) / m.sum(-1).clamp(min=1)).to(A.dtype)


def wrong_mean(A, m):
    return _wide(A).mean(-1).to(A.dtype)


def wrong_sum(A, m):
    return (_wide(A).sum(-1) / m.sum(-1).clamp(min=1)).to(A.dtype)
