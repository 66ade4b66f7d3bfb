"""Tensors of the reference in parts: the elements of sequences, which are made one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..compiler.typed import Type
from .reference_tape import Adjoint, Discrete, Jump, Real, Value, derived
from .wide import Wide

Array = npt.NDArray[Any]
At = tuple[int | None, ...]
"""For each axis of a tensor a number, or None for all of it."""


@dataclass(slots=True)
class Parts:
    """A tensor of the shape `dims` that is being put together. All parts have numbers at the
    same axes; an element that is in no part yet is 0, and must not be looked at."""

    dims: tuple[int, ...]
    type: Type
    parts: dict[At, Value] = field(default_factory=dict)
    _whole: Value | None = None

    def put(self, at: At, part: Value) -> None:
        self.parts[at] = part
        self._whole = None

    def find(self, at: At) -> tuple[Value, At]:
        """A value that has all elements at `at`, and where they are in it: a part if they lie
        in one."""
        numbers = [number is not None for number in next(iter(self.parts), ())]
        if numbers:
            key = tuple(n if is_number else None for n, is_number in zip(at, numbers, strict=True))
            if key in self.parts:
                rest = [n for n, is_number in zip(at, numbers, strict=True) if not is_number]
                return self.parts[key], tuple(rest)
        return self.whole(), at

    def whole(self) -> Value:
        """All parts as one value."""
        if self._whole is None:
            parts = [(_index(at), part) for at, part in self.parts.items()]
            self._whole = self._real(parts) if self.type == "real" else self._discrete(parts)
        return self._whole

    def _real(self, parts: Sequence[tuple[Any, Value]]) -> Real:
        reals = [(index, x) for index, x in parts if isinstance(x, Real)]
        samples = max((len(x.value.m) for _, x in reals), default=1)
        m, k = np.zeros((samples, *self.dims)), np.zeros((samples, *self.dims))
        for index, x in reals:
            m[index], k[index] = x.value.m, x.value.k
        edges = [(x, _part_of(index, self.dims)) for index, x in reals]
        return derived(Wide(m, k), self._jump(), edges)

    def _discrete(self, parts: Sequence[tuple[Any, Value]]) -> Discrete:
        discrete = [(index, x) for index, x in parts if isinstance(x, Discrete)]
        samples = max((len(x.value) for _, x in discrete), default=1)
        kind = np.bool_ if self.type == "bool" else np.int64
        values: Any = np.zeros((samples, *self.dims), kind)
        for index, x in discrete:
            values[index] = x.value
        return Discrete(values, self._jump())

    def _jump(self) -> Jump:
        if all(x.jump is None for x in self.parts.values()):
            return None
        blocks = max(len(x.jump) for x in self.parts.values() if x.jump is not None)
        jump = np.zeros((blocks, *self.dims), np.bool_)
        for at, x in self.parts.items():
            if x.jump is not None:
                jump[_index(at)] = x.jump
        return jump


def take(tensor: Value, at: At) -> Value:
    """The elements of a tensor at `at`."""
    dims, index = tensor.value.shape[1:], _index(at)
    jump = tensor.jump
    if jump is not None:
        jump = np.broadcast_to(jump, (len(jump), *dims))[index]
    if isinstance(tensor, Discrete):
        return Discrete(tensor.value[index], jump)

    def full(part: Array) -> Array:
        whole = np.zeros((len(part), *dims), part.dtype)
        whole[index] = part
        return whole

    def pull(adjoint: Adjoint) -> Adjoint:
        jump = None if adjoint.jump is None else full(adjoint.jump)
        return Adjoint(adjoint.value.shaped(full), jump)

    return derived(tensor.value[index], jump, [(tensor, pull)])


def _index(at: Sequence[int | None]) -> tuple[Any, ...]:
    return (slice(None), *(slice(None) if number is None else number for number in at))


def _part_of(index: tuple[Any, ...], dims: tuple[int, ...]) -> Callable[[Adjoint], Adjoint]:
    """From the adjoint of the whole to that of a part."""

    def pull(adjoint: Adjoint) -> Adjoint:
        jump = adjoint.jump
        if jump is not None:
            jump = np.broadcast_to(jump, (len(jump), *dims))[index]
        return Adjoint(adjoint.value[index], jump)

    return pull
