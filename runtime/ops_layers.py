"""Linear maps, normalisation along the last axis, and an activation."""

from __future__ import annotations

import torch
from torch import Tensor


def linear(x: Tensor, W: Tensor, *, inner: int = 1) -> Tensor:
    """y[…,o…] = sum of W[o…,i…] · x[…,i…] over the last `inner` axes of both."""
    y = torch.nn.functional.linear(x.flatten(-inner), W.flatten(-inner).flatten(0, -2))
    return y.reshape(*y.shape[:-1], *W.shape[:-inner])


def rms_norm(x: Tensor, gain: Tensor | None = None, *, eps: float) -> Tensor:
    """gain[d] · x[…,d] / sqrt(mean[e] x[…,e]² + eps)."""
    return torch.nn.functional.rms_norm(x, x.shape[-1:], gain, eps)


def layer_norm(
    x: Tensor, gain: Tensor | None = None, shift: Tensor | None = None, *, eps: float
) -> Tensor:
    """gain[d] · (x[…,d] - mean[e] x[…,e]) / sqrt(var[…] + eps) + shift[d], the variance over all
    entries. The mean goes off first, since torch takes the difference of products, which loses
    the digits of rows far from 0; nothing depends on it, and it carries no gradient."""
    x = x - x.detach().mean(-1, keepdim=True)
    return torch.nn.functional.layer_norm(x, x.shape[-1:], gain, shift, eps)


def gelu_tanh(x: Tensor) -> Tensor:
    """x · (1 + tanh(sqrt(2/pi) · (x + 0.044715 · x³))) / 2."""
    return torch.nn.functional.gelu(x, approximate="tanh")
