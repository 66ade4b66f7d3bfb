"""Reading elements of tensors, and adding up the adjoints of what was read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .reference_noise import Arithmetic
from .reference_tape import (
    Adjoint,
    Discrete,
    Jump,
    Value,
    derived,
    either,
    live,
    move,
)
from .wide import Ints, Wide


def align(tensor: Value, axes: Sequence[int], ndim: int) -> Value:
    """The tensor with its axes, in order, at distinct places among `ndim` axes; all without the
    sample axis. The other axes get length 1."""
    order = [0, *(1 + i for i in np.argsort(np.asarray(axes, np.int64)).tolist())]
    inverse = np.argsort(np.asarray(order, np.int64)).tolist()
    others = tuple(1 + i for i in range(ndim) if i not in axes)

    def there(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.expand_dims(a.transpose(order), others)

    def back(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return a.squeeze(others).transpose(inverse)

    return move(tensor, there, back)


def gather(arithmetic: Arithmetic, tensor: Value, subscripts: Sequence[Discrete]) -> Value:
    """tensor[subscripts], pointwise in the subscripts, which broadcast and are as many as the
    tensor's axes. What is out of range is clipped: the language allows it only where it is not
    looked at."""
    dims = tensor.value.shape[1:]
    flat = np.zeros((1,) * subscripts[0].value.ndim, np.int64)
    for subscript, n in zip(subscripts, dims, strict=True):
        flat = flat * n + np.clip(subscript.value.astype(np.int64), 0, n - 1)
    unsure = either(*(subscript.jump for subscript in subscripts))

    def there(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
        rows = a.reshape(len(a), -1)
        if len(flat) == 1:
            return rows[:, flat[0]]
        samples = np.arange(len(flat)).reshape(-1, *(1,) * (flat.ndim - 1))
        return np.broadcast_to(rows, (len(flat), rows.shape[1]))[samples, flat]

    jump = tensor.jump
    if jump is not None:
        jump = np.broadcast_to(jump, (len(jump), *dims)).reshape(len(jump), -1)[:, flat[0]]
    jump = either(jump, unsure)
    if isinstance(tensor, Discrete):
        return Discrete(there(tensor.value), jump)

    def pull(adjoint: Adjoint) -> Adjoint:
        value = scatter(arithmetic, adjoint.value, flat, dims)
        jump = scatter_jump(adjoint, flat, dims)
        if unsure is not None:
            hit = unsure & live(arithmetic, adjoint.value, adjoint.jump)
            anywhere = hit.any(axis=tuple(range(1, hit.ndim)))
            if anywhere.any():
                spread = np.broadcast_to(anywhere.reshape(-1, *(1,) * len(dims)), (len(hit), *dims))
                jump = either(jump, spread)
        return Adjoint(value, jump)

    return derived(tensor.value.shaped(there), jump, [(tensor, pull)])


def scatter(arithmetic: Arithmetic, x: Wide, flat: Ints, dims: tuple[int, ...]) -> Wide:
    """For each element of a tensor the sum of the x at the places whose flat index, the same in
    all samples or not, is the element's."""
    size = int(np.prod(dims, dtype=np.int64))
    shape = (max(len(x.m), len(flat)), *x.shape[1:])
    if len(flat) == 1:
        table = _places(np.broadcast_to(flat[0], shape[1:]).ravel(), size)
        padded = x.shaped(lambda a: np.pad(a.reshape(len(a), -1), ((0, 0), (0, 1))))
        terms = padded.shaped(lambda a: a[:, table])
    else:
        offsets = size * np.arange(len(flat)).reshape(-1, *(1,) * (flat.ndim - 1))
        table = _places(np.broadcast_to(flat + offsets, shape).ravel(), len(flat) * size)
        padded = x.broadcast(shape).shaped(lambda a: np.pad(a.ravel(), (0, 1)))
        terms = padded.shaped(lambda a: a[table].reshape(len(flat), size, -1))
    return arithmetic.sum(terms, (2,)).shaped(lambda a: a.reshape(len(a), *dims))


def _places(targets: Ints, size: int) -> Ints:
    """Row i: the places where `targets` is i, filled up with len(targets)."""
    order = np.argsort(targets, kind="stable")
    ordered = targets[order]
    place = np.arange(len(targets)) - np.searchsorted(ordered, np.arange(size))[ordered]
    table = np.full((size, int(place.max()) + 1), len(targets), np.int64)
    table[ordered, place] = order
    return table


def scatter_jump(adjoint: Adjoint, flat: Ints, dims: tuple[int, ...]) -> Jump:
    if adjoint.jump is None:
        return None
    shape = adjoint.value.shape[1:]
    blocks = len(adjoint.jump)
    marks = np.zeros((blocks, int(np.prod(dims, dtype=np.int64))), np.bool_)
    targets = np.broadcast_to(flat[0], shape)
    for marked, jump in zip(marks, adjoint.jump, strict=True):
        marked[targets[np.broadcast_to(jump, shape)]] = True
    return marks.reshape(blocks, *dims)


def read_row(row: Value, at: int) -> Value:
    """A row operator's value, whose last axis is the operator's own copy of the index at axis
    `at` (without the sample axis) and which has length 1 there: the copy takes that place."""

    def there(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.swapaxes(a, 1 + at, -1)[..., 0]

    def back(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.swapaxes(a[..., None], 1 + at, -1)

    return move(row, there, back)
