import math

import torch
from torch.nn.functional import gelu, linear


def _layer(activation, x, W_in, c_in, W_out, c_out):
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    hidden = activation(linear(x.to(wide), W_in.to(wide), c_in.to(wide)))
    return linear(hidden, W_out.to(wide), c_out.to(wide)).to(x.dtype)


def _by_tanh(inner):
    return lambda h: 0.5 * h * (1 + torch.tanh(inner(h)))


SLOPE = math.sqrt(2 / math.pi)


def right(x, W_in, c_in, W_out, c_out):
    return _layer(lambda h: gelu(h, approximate="tanh"), x, W_in, c_in, W_out, c_out)


def wrong_erf(x, W_in, c_in, W_out, c_out):
    return _layer(gelu, x, W_in, c_in, W_out, c_out)


def wrong_factor(x, W_in, c_in, W_out, c_out):
    activation = _by_tanh(lambda h: SLOPE * h + 0.044715 * h**3)
    return _layer(activation, x, W_in, c_in, W_out, c_out)


def wrong_digit(x, W_in, c_in, W_out, c_out):
    activation = _by_tanh(lambda h: SLOPE * (h + 0.04715 * h**3))
    return _layer(activation, x, W_in, c_in, W_out, c_out)
