def _estimators(lp, ref, sign):
    d = (lp.float() - ref.float()) if lp.itemsize < 4 else lp - ref
    k3 = (sign * d).exp() - sign * d - 1
    return [k.to(lp.dtype) for k in (d, d.square() / 2, k3)]


def right(lp, ref):
    return _estimators(lp, ref, -1)


def wrong(lp, ref):
    return _estimators(lp, ref, 1)
