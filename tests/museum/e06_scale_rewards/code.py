def _advantage(R, whole_batch):
    wide = R.float() if R.itemsize < 4 else R
    std = wide.std() if whole_batch else wide.std(-1, keepdim=True)
    return ((wide - wide.mean(-1, keepdim=True)) / (std + 1e-4)).to(R.dtype)


def right(R, scale):
    return _advantage(R, whole_batch=scale == 1)


def wrong_exchanged(R, scale):
    return _advantage(R, whole_batch=scale == 0)


def wrong_always_group(R, scale):
    return _advantage(R, whole_batch=False)
