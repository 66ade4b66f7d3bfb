def _ratio(lp, ref):
    return ref.float() - lp.float() if lp.itemsize < 4 else ref - lp


def right(lp, ref, bound):
    ratio = _ratio(lp, ref)
    # From bound + 2 on the estimator is above its bound, so this changes nothing but overflow.
    small = ratio.clamp(max=bound + 2)
    return (small.exp() - 1 - ratio).clamp(max=bound).to(lp.dtype)


def wrong(lp, ref, bound):
    ratio = _ratio(lp, ref)
    return (ratio.exp() - 1 - ratio).clamp(max=bound).to(lp.dtype)
