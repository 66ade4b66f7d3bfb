import torch
from torch.nn.functional import gelu, linear


def _layer(activation, x, W_in, c_in, W_out, c_out):
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    hidden = activation(linear(x.to(wide), W_in.to(wide), c_in.to(wide)))
    return linear(hidden, W_out.to(wide), c_out.to(wide)).to(x.dtype)


def right(x, W_in, c_in, W_out, c_out):
    return _layer(gelu, x, W_in, c_in, W_out, c_out)


def wrong(x, W_in, c_in, W_out, c_out):
    return _layer(lambda h: gelu(h, approximate="tanh"), x, W_in, c_in, W_out, c_out)
