import torch


def _scores(q, k):
    wide = torch.float64 if q.dtype == torch.float64 else torch.float32
    return q.to(wide) @ k.to(wide).mT / q.shape[-1] ** 0.5


def _visible(keep):
    T = keep.shape[1]
    return keep[:, None, :] & torch.ones(T, T, dtype=torch.bool).tril()


def right(q, k, v, keep):
    s, visible = _scores(q, k), _visible(keep)
    some = visible.any(-1, keepdim=True)
    a = s.masked_fill(~visible & some, -torch.inf).softmax(-1).masked_fill(~some, 0)
    return (a @ v.to(s.dtype)).to(q.dtype)


def wrong_infinite(q, k, v, keep):
    s = _scores(q, k).masked_fill(~_visible(keep), -torch.inf)
    return (s.softmax(-1) @ v.to(s.dtype)).to(q.dtype)


def wrong_two_lowest(q, k, v, keep):
    s = _scores(q, k)
    lowest = torch.finfo(s.dtype).min
    future = torch.full(s.shape[-2:], lowest, dtype=s.dtype).triu(1)
    padding = torch.zeros(keep.shape, dtype=s.dtype).masked_fill(~keep, lowest)
    return ((s + (future + padding[:, None, :])).softmax(-1) @ v.to(s.dtype)).to(q.dtype)


def wrong_lowest(q, k, v, keep):
    s = _scores(q, k)
    s = s.masked_fill(~_visible(keep), torch.finfo(s.dtype).min)
    return (s.softmax(-1) @ v.to(s.dtype)).to(q.dtype)
