"""Attention from queries, keys and values."""

from __future__ import annotations

import torch
from torch import Tensor


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    scale: float,
    causal: bool = False,
    where: Tensor | None = None,
    bias: Tensor | None = None,
    grouped: bool = False,
) -> Tensor:
    """o[…,t,i] = sum[u] a[…,t,u] · v[…,u,i], where
    a[…,t,u] = softmax[u if c] (scale · sum[d] q[…,t,d] · k[…,u,d] + bias[…,t,u]).

    Args:
        q: shape (…, T, D).
        k: shape (…, U, D); axes before the last two are those of q, or broadcast against them.
        v: shape (…, U, I), likewise.
        causal: admits u <= t alone.
        where: admits where it holds, shape (…, T, U) or one that broadcasts against that. A row
            that it admits nothing in gives 0, and what no row admits does not matter.
        bias: shape (…, T, U) or one that broadcasts against that.
        grouped: the axis before the last two is shorter in k and v, and entry h of q goes with
            h // M there, M being how many times.

    Returns:
        Shape (…, T, I), of the inputs' dtype. Neither scores nor weights are held in memory.
    """
    batch = q.shape[:-2]
    heads = batch if not grouped else (*batch[:-1], k.shape[-3])
    k, v = (x.expand(*heads, *x.shape[-2:]) for x in (k, v))
    if causal:  # no query admits more keys than there are queries: NaN may stand there
        k, v = k[..., : q.shape[-2], :], v[..., : q.shape[-2], :]
    if where is None:
        return torch.nn.functional.scaled_dot_product_attention(
            q, k, v, attn_mask=bias, is_causal=causal, scale=scale, enable_gqa=grouped
        )
    seen = where.any(-2)
    if grouped and seen.dim() > 1:
        seen = seen.reshape(*seen.shape[:-2], k.shape[-3], -1, seen.shape[-1]).any(-2)
    k, v = (torch.where(seen[..., None], x, 0.0) for x in (k, v))
    some = where.any(-1, keepdim=True)
    mask = where | ~some
    if bias is not None:
        mask = torch.where(mask, bias, -torch.inf)
    o = torch.nn.functional.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, scale=scale, enable_gqa=grouped
    )
    return torch.where(some, o, 0.0)
