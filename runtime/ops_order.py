"""What generated code calls for what depends on an order: places in a sorted row, the largest
entries, sums over what comes before.

All take O(V log V) time and O(V) memory for rows of V entries, and none subtracts sums, so
nothing is lost to cancellation.
"""

from __future__ import annotations

import torch
from torch import Tensor


def first(x: Tensor, dim: int, where: Tensor) -> Tensor:
    """The first index that `where` admits; where it admits none, the first of the largest."""
    return torch.where(where.any(dim), where.to(torch.uint8).argmax(dim), x.argmax(dim))


def rank(x: Tensor, dim: int, where: Tensor | None = None) -> Tensor:
    """How many entries come before each one when the row is sorted from the largest down,
    ties by index; the number of admitted entries at those that `where` does not admit."""
    order = torch.argsort(x, dim=dim, descending=True, stable=True)
    if where is not None:
        where = where.expand(x.shape)
        outside = torch.gather(~where, dim, order).to(torch.uint8)
        order = torch.gather(order, dim, torch.argsort(outside, dim=dim, stable=True))
    result = _inverse(order, dim)
    if where is None:
        return result
    return torch.where(where, result, where.sum(dim, keepdim=True))


def _inverse(order: Tensor, dim: int) -> Tensor:
    """The inverse of a permutation along `dim`."""
    return torch.empty_like(order).scatter(dim, order, _indices(order, dim))


def _indices(x: Tensor, dim: int) -> Tensor:
    """The index along `dim` of every entry of x."""
    shape = [1] * x.dim()
    shape[dim] = x.shape[dim]
    return torch.arange(x.shape[dim], device=x.device).reshape(shape).expand(x.shape)


def prefix_sum(x: Tensor, dim: int, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """y[v] = sum of x[w] over w <= v; over w < v where `exclusive`; over w >= v, or w > v,
    where `reverse`. Booleans are counted."""
    if reverse:
        return prefix_sum(x.flip(dim), dim, exclusive).flip(dim)
    if exclusive:
        blank = torch.zeros_like(x.narrow(dim, 0, 1))
        x = torch.cat([blank, x.narrow(dim, 0, x.shape[dim] - 1)], dim)
    return torch.cumsum(x, dim)


def sum_before(
    x: Tensor, place: Tensor, dim: int, inclusive: bool = False, reverse: bool = False
) -> Tensor:
    """y[v] = sum of x[w] over those with place[w] < place[v], where `place` is a permutation of
    the row; with <= where `inclusive`, > and >= where `reverse`."""
    x, place = torch.broadcast_tensors(x, place)  # type: ignore[no-untyped-call]
    ordered = torch.gather(x, dim, _inverse(place, dim))
    return torch.gather(prefix_sum(ordered, dim, not inclusive, reverse), dim, place)


def sum_below(
    x: Tensor, key: Tensor, dim: int, inclusive: bool = False, reverse: bool = False
) -> Tensor:
    """y[v] = sum of x[w] over those with key[w] < key[v]; with <= where `inclusive`, > and >=
    where `reverse`. Booleans are counted."""
    x, key = torch.broadcast_tensors(x, key)  # type: ignore[no-untyped-call]
    key, order = torch.sort(key.detach(), dim=dim, descending=reverse)
    sums = prefix_sum(torch.gather(x, dim, order), dim, exclusive=not inclusive)
    return torch.gather(
        torch.gather(sums, dim, _ends(key, dim, inclusive)), dim, _inverse(order, dim)
    )


def count_below(key: Tensor, dim: int, inclusive: bool = False, reverse: bool = False) -> Tensor:
    """How many entries have key[w] < key[v]; <= where `inclusive`, > and >= where `reverse`."""
    return sum_below(torch.ones_like(key, dtype=torch.bool), key, dim, inclusive, reverse)


def _ends(key: Tensor, dim: int, last: bool) -> Tensor:
    """For each entry of a sorted row the index of the first, or the last, that equals it."""
    at, rest = _indices(key, dim), key.shape[dim] - 1
    changes = key.narrow(dim, 1, rest) != key.narrow(dim, 0, rest)
    edge = torch.ones_like(key.narrow(dim, 0, 1), dtype=torch.bool)
    if last:
        ends = torch.where(torch.cat([changes, edge], dim), at, rest)
        return ends.flip(dim).cummin(dim).values.flip(dim)
    return torch.where(torch.cat([edge, changes], dim), at, 0).cummax(dim).values


BLOCK = 64
"""How many neighbours `top` looks at together: their maximum takes one pass at full speed."""
FEW = 1024
"""Up to so many numbers a stable sort is faster than keys and torch.topk."""


def top(x: Tensor, k: int, dim: int) -> Tensor:
    """The indices of the k largest entries, the largest first, ties by index: those v with
    rank[v] x[v] < k, in the order of their ranks."""
    return _top(x.detach().movedim(dim, -1), k).movedim(-1, dim)


def _top(x: Tensor, k: int) -> Tensor:
    """`top` along the last axis."""
    n = x.shape[-1]
    if x.numel() <= FEW or n < 4 * k:
        return _descending(x)[..., :k]
    if n < 4 * k * BLOCK:
        index = torch.arange(n, device=x.device)
    else:  # the k blocks of largest maximum, ties by index, hold all of them
        count = n // BLOCK
        blocks = _top(x[..., : count * BLOCK].reshape(*x.shape[:-1], count, BLOCK).amax(-1), k)
        if x.dtype not in KEYED:
            blocks = blocks.sort(-1).values
        inside = blocks[..., None] * BLOCK + torch.arange(BLOCK, device=x.device)
        rest = torch.arange(count * BLOCK, n, device=x.device).expand(*x.shape[:-1], -1)
        index = torch.cat([inside.flatten(-2), rest], -1)
        x = x.gather(-1, index)
    if x.dtype in KEYED:
        return torch.topk(_keys(x, index), k, largest=False).values & 0xFFFFFFFF
    return index.expand(x.shape).gather(-1, _descending(x)[..., :k])


def _descending(x: Tensor) -> Tensor:
    """The order of a row from the largest entry down, ties by index."""
    return torch.sort(x, dim=-1, descending=True, stable=True).indices


KEYED = (torch.float32, torch.bfloat16, torch.float16)
"""The formats of numbers that leave room for an index in a key."""


def _keys(x: Tensor, index: Tensor) -> Tensor:
    """Integers in the reverse order of the numbers of a row, and of equal numbers in the order
    of their indices, which are the last 32 bits: none are equal, so that torch.topk, which breaks
    ties as it likes, has none to break."""
    bits = x.to(torch.float32).view(torch.int32)
    # Read as integers, floats are in their order, but negative ones in the reverse one.
    sign = bits >> 31
    order = (bits ^ (sign & 0x7FFFFFFF)) - sign
    return torch.sub(index, order, alpha=2**32)


def spread(x: Tensor, places: Tensor, size: int, dim: int) -> Tensor:
    """y[places[k]] = x[k] along an axis of that size, and 0 elsewhere; `places` are distinct."""
    shape = [*x.shape]
    shape[dim] = size
    return x.new_zeros(shape).scatter_(dim, places, x)


def first_above(x: Tensor, places: Tensor, level: Tensor, dim: int) -> Tensor:
    """The first index v at which level < the sum of x[k] over places[k] <= v, for x >= 0 at
    distinct places; where rounding leaves none, the first at which the sum is largest."""
    places, order = torch.sort(places.movedim(dim, -1), dim=-1)
    sums = torch.cumsum(x.movedim(dim, -1).gather(-1, order), -1)
    level = level.movedim(dim, -1).contiguous()
    found = torch.searchsorted(sums, level, right=True)
    found = torch.minimum(found, torch.searchsorted(sums, sums.amax(-1, keepdim=True)))
    return torch.where(level < 0, 0, places.gather(-1, found)).squeeze(-1)


def discounted_sum(
    x: Tensor, rate: float, dim: int, reverse: bool = False, start: Tensor | None = None
) -> Tensor:
    """y[t] = x[t] + rate · y[t - 1] = sum of rate^(t - u) x[u] over u <= t, over u >= t where
    `reverse`; after y = `start`, if there is one, which comes first. In log T steps."""
    if reverse:
        return discounted_sum(x.flip(dim), rate, dim, start=start).flip(dim)
    if start is not None:
        x = torch.cat([start.expand_as(x.narrow(dim, 0, 1)), x], dim)
    shift, count = 1, x.shape[dim]
    while shift < count and rate != 0:
        rest = x.narrow(dim, shift, count - shift) + rate * x.narrow(dim, 0, count - shift)
        x = torch.cat([x.narrow(dim, 0, shift), rest], dim)
        shift, rate = 2 * shift, rate * rate
    return x
