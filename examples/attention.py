"""Torch's own attention kernel, held against `attention.CausalSelfAttention`.

lawful verify attention.CausalSelfAttention --impl examples.attention:fused
lawful verify attention.CausalSelfAttention --impl examples.attention:fused_wrong_scale
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention


def fused(x: Tensor, W_Q: Tensor, W_K: Tensor, W_V: Tensor, W_O: Tensor) -> Tensor:
    """Projections around `scaled_dot_product_attention`."""
    return _attention(x, W_Q, W_K, W_V, W_O, 1 / math.sqrt(W_Q.shape[1]))


def fused_wrong_scale(x: Tensor, W_Q: Tensor, W_K: Tensor, W_V: Tensor, W_O: Tensor) -> Tensor:
    """Wrong on purpose: scaled by the width of the model, not by that of a head. With one
    head the two are the same, which is how this bug gets past tests."""
    return _attention(x, W_Q, W_K, W_V, W_O, 1 / math.sqrt(x.shape[-1]))


def _attention(
    x: Tensor, W_Q: Tensor, W_K: Tensor, W_V: Tensor, W_O: Tensor, scale: float
) -> Tensor:
    q = torch.einsum("btd,hkd->bhtk", x, W_Q)
    k = torch.einsum("btd,hkd->bhtk", x, W_K)
    v = torch.einsum("btd,hkd->bhtk", x, W_V)
    o = scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
    return torch.einsum("bhtk,dhk->btd", o, W_O)
