"""Log-probabilities of given classes, without those of all others.

On a CPU logits are worked on in blocks that stay in its cache, elsewhere all at once. What is
compiled, exported or transformed by torch.func, and a gradient that is itself to be
differentiated, takes the plain operations, which hold more in memory and give the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad
from torch.nn import functional as F

BLOCK = 2**18
"""How many logits are worked on at a time: 1 MiB in float32."""

ROWS = 256
"""How many rows of logits W h are formed at a time: as many as keep the products efficient."""


def log_prob(z: Tensor, y: Tensor) -> Tensor:
    """log_softmax[v] z[…,t,v] at v = y[…,t]. The gradient is the only tensor that is made of the
    size of z.

    Args:
        z: shape (…, T, V), or (V,).
        y: shape (…, S), or (), each in 0 … V - 1; axes before the last broadcast against those of
            z. Rows of z from S on are not read.

    Returns:
        Shape (…, S), worked out in float32 for 16-bit formats, and of that dtype under autocast,
        else of the dtype of z.
    """
    if z.dim() == 1:
        return log_prob(z[None], y[None])[0]
    y = y.long().expand(*z.shape[:-2], y.shape[-1])
    if _plainly(z):
        return _rounded(_plain(z[..., : y.shape[-1], :], y), z)
    rows = _LogProb.apply(z.reshape(-1, *z.shape[-2:]), y.reshape(-1, y.shape[-1]))  # type: ignore[no-untyped-call]
    return _rounded(rows.reshape(y.shape), z)


def linear_log_prob(h: Tensor, W: Tensor, y: Tensor) -> Tensor:
    """log_softmax[v] z[…,t,v] at v = y[…,t], of the logits z[…,t,v] = sum[d] W[v,d] · h[…,t,d],
    of which some rows at a time are held. They are formed once more for the gradient.

    Args:
        h: shape (…, T, D).
        W: shape (V, D).
        y: shape (…, S), as for `log_prob`, which says what is returned.
    """
    h, W, y = _rows(h, W, y)
    if _plainly(h, W):
        return _rounded(_plain(F.linear(h, W), y), h)
    rows = _LinearLogProb.apply(h.reshape(-1, h.shape[-1]), W, y.reshape(-1))  # type: ignore[no-untyped-call]
    return _rounded(rows.reshape(y.shape), h)


def linear_cross_entropy(h: Tensor, W: Tensor, y: Tensor, where: Tensor | None = None) -> Tensor:
    """-mean[t if c] of `linear_log_prob`, over all axes of y and the rows that `where` admits, of
    its shape; NaN without any. The gradient is formed with the value, up to the factor that it
    will have: each row of logits is formed once.
    """
    h, W, y = _rows(h, W, y)
    admitted = torch.ones_like(y, dtype=torch.bool) if where is None else where.expand(y.shape)
    if _plainly(h, W):
        total = torch.where(admitted, _plain(F.linear(h, W), y), 0.0).sum()
    else:
        flat = h.reshape(-1, h.shape[-1]), W, y.reshape(-1), admitted.reshape(-1)
        total = _LinearLogLikelihood.apply(*flat, torch.is_grad_enabled())  # type: ignore[no-untyped-call]
    return _rounded(-total / admitted.sum(), h)


def _plainly(*operands: Tensor) -> bool:
    """Whether plain operations are wanted: there is a tracer, a transform, a forward gradient."""
    return (
        torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()
        or any(forward_ad.unpack_dual(x).tangent is not None for x in operands)  # type: ignore[no-untyped-call]
    )


def _plain(z: Tensor, y: Tensor) -> Tensor:
    rows = torch.log_softmax(z.to(_wide(z.dtype)), -1)
    return rows.gather(-1, y[..., None])[..., 0]


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


def autocasts(x: Tensor) -> bool:
    """Whether autocast is on for the device of a tensor; meta tensors have none."""
    kind = x.device.type
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)


def _rounded(x: Tensor, like: Tensor) -> Tensor:
    """In the format of an operand; under autocast in that of computation, as its losses are."""
    return x if autocasts(like) else x.to(like.dtype)


def _rows(h: Tensor, W: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The rows of h that have a class, its classes, and the format that autocast asks for."""
    if autocasts(h):
        dtype = torch.get_autocast_dtype(h.device.type)
        h, W = h.to(dtype), W.to(dtype)
    return h[..., : y.shape[-1], :], W, y.long().expand(*h.shape[:-2], y.shape[-1])


def _blocks(rows: torch.Size, V: int, device: torch.device) -> Iterator[tuple[slice, slice]]:
    """Rows of logits, shape (B, S), in blocks."""
    B, S = rows
    count = max(1, BLOCK // V) if device.type == "cpu" else B * S
    b, s = max(1, count // max(1, S)), max(1, min(count, S))
    for i in range(0, B, b):
        for j in range(0, S, s):
            yield slice(i, i + b), slice(j, min(j + s, S))


def _exponentials(z: Tensor, y: Tensor, out: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """exp(z - top) in `out`, which may be z; top, the largest of each row, their sum, and
    log_softmax at y."""
    top = z.amax(-1, keepdim=True)
    torch.sub(z, top, out=out)
    chosen = out.gather(-1, y[..., None])
    total = out.exp_().sum(-1, keepdim=True)
    return top, total, (chosen - total.log())[..., 0]


def _slopes(exponentials: Tensor, total: Tensor, y: Tensor, g: Tensor) -> Tensor:
    """g · ([v = y] - softmax), by the exponentials and their sum, in their place."""
    g = g[..., None]
    return exponentials.mul_(-g / total).scatter_add_(-1, y[..., None], g)


def _plain_slopes(z: Tensor, y: Tensor, g: Tensor) -> Tensor:
    """The same by operations that can be differentiated."""
    p = torch.softmax(z.to(_wide(z.dtype)), -1)
    return (-g[..., None] * p).scatter_add(-1, y[..., None], g[..., None])


class _LogProb(Function):
    """`log_prob` of z, shape (B, T, V), at y, shape (B, S)."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, y: Tensor) -> Tensor:
        wide = _wide(z.dtype)
        result, top, total = (z.new_empty(y.shape, dtype=wide) for _ in range(3))
        buffer = z.new_empty(0, dtype=wide)
        for at in _blocks(y.shape, z.shape[-1], z.device):
            block = z[at].to(wide)
            buffer.resize_(max(buffer.numel(), block.numel()))
            work = buffer[: block.numel()].view(block.shape)
            above, below, result[at] = _exponentials(block, y[at], work)
            top[at], total[at] = above[..., 0], below[..., 0]
        ctx.save_for_backward(z, y, top[..., None], total[..., None])
        return result

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        z, y, top, total = ctx.saved_tensors
        S = y.shape[-1]
        if torch.is_grad_enabled():
            plain = _plain_slopes(z[:, :S], y, g).to(z.dtype)
            return F.pad(plain, (0, 0, 0, z.shape[1] - S)), None
        slopes = torch.empty_like(z, memory_format=torch.contiguous_format)
        slopes[:, S:] = 0
        for at in _blocks(y.shape, z.shape[-1], z.device):
            block, narrow = z[at].to(g.dtype), z.dtype != g.dtype
            work = torch.sub(block, top[at], out=None if narrow else slopes[at]).exp_()
            _slopes(work, total[at], y[at], g[at])
            if narrow:
                slopes[at] = work
        return slopes, None


def _linear(
    h: Tensor, W: Tensor, y: Tensor, g: Tensor | None = None, needs: Sequence[bool] = ()
) -> tuple[Tensor, list[Tensor | None]]:
    """log_softmax of W h at y, and with g the derivatives of the sum of g times that by h and by
    W, those that it `needs`; the latter is added up, and left, in the wide format."""
    wide = _wide(h.dtype)
    result = h.new_empty(y.shape, dtype=wide)
    by_h = torch.empty_like(h) if g is not None and needs[0] else None
    by_W = torch.zeros_like(W, dtype=wide) if g is not None and needs[1] else None
    buffer = h.new_empty(min(ROWS, len(h)), len(W))
    for i in range(0, len(h), ROWS):
        x = h[i : i + ROWS]
        narrow = torch.mm(x, W.T, out=buffer[: len(x)])
        z = narrow.to(wide)
        for _, block in _blocks(torch.Size([1, len(z)]), len(W), z.device):
            rows = slice(i + block.start, i + block.stop)
            _, total, result[rows] = _exponentials(z[block], y[rows], z[block])
            if g is not None:
                _slopes(z[block], total, y[rows], g[rows])
        z = narrow.copy_(z)
        if by_h is not None:
            by_h[i : i + ROWS] = z @ W
        if by_W is not None and wide == h.dtype:
            by_W.addmm_(z.T, x)
        elif by_W is not None:
            by_W += z.T @ x
    return result, [by_h, by_W]


class _LinearLogProb(Function):
    """`linear_log_prob` of h, shape (N, D), at y, shape (N,)."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, W: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(h, W, y)
        return _linear(h, W, y)[0]

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        h, W, y = ctx.saved_tensors
        if torch.is_grad_enabled():
            z = _plain_slopes(h @ W.T, y, g).to(h.dtype)
            return z @ W, z.T @ h, None
        _, (by_h, by_W) = _linear(h, W, y, g, ctx.needs_input_grad)
        return by_h, None if by_W is None else by_W.to(W.dtype), None


class _LinearLogLikelihood(Function):
    """The sum of `linear_log_prob` of h, shape (N, D), at y over the rows `where`, both (N,). The
    gradient is scaled in place, for which there is one time: others form it anew."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, W: Tensor, y: Tensor, where: Tensor, graph: bool) -> Tensor:
        ctx.save_for_backward(h, W, y, where)
        g = where.to(_wide(h.dtype)) if graph and any(ctx.needs_input_grad) else None
        rows, ctx.slopes = _linear(h, W, y, g, ctx.needs_input_grad)
        return torch.where(where, rows, 0.0).sum()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        h, W, y, where = ctx.saved_tensors
        if torch.is_grad_enabled():
            z = _plain_slopes(h @ W.T, y, torch.where(where, g, 0.0)).to(h.dtype)
            return z @ W, z.T @ h, None, None, None
        slopes, ctx.slopes = ctx.slopes, None
        if slopes is None:
            _, slopes = _linear(h, W, y, where.to(g.dtype), ctx.needs_input_grad)
        by_h, by_W = (None if slope is None else slope.mul_(g) for slope in slopes)
        return by_h, None if by_W is None else by_W.to(W.dtype), None, None, None
