"""Real and discrete values of the reference, and reverse-mode differentiation.

Arrays have the sample axis first and then one axis per index in scope, of length 1 where the
value does not depend on the index (or, along the sample axis, where all samples agree).

`jump` marks elements that a rounding might move by more than a rounding: what depends on a
comparison that is too close to call, and integers and booleans that are undefined. In place of
the sample axis it has one for the blocks of samples that decide (`Arithmetic`), of length 1
where they agree; it broadcasts as the value does, and is None where nothing is marked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .reference_noise import Arithmetic
from .wide import ZERO, Bools, Ints, Wide, stack, where

Jump = Bools | None
Move = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Adjoint:
    """The derivative of the outputs, weighted by the cotangents, by each element of a value."""

    value: Wide
    jump: Jump


Pull = Callable[[Adjoint], Adjoint]


@dataclass(frozen=True, slots=True, eq=False)
class Real:
    """A real value. `edges` lead to what it was computed from, each with the map from this
    value's adjoint to a contribution to that one's. `named` are the tensors of the module:
    their adjoints are stored in the format, and kept."""

    value: Wide
    jump: Jump = None
    edges: tuple[tuple[Real, Pull], ...] = ()
    named: bool = False

    @property
    def active(self) -> bool:
        """Whether a derivative may pass through."""
        return self.named or bool(self.edges)


@dataclass(frozen=True, slots=True, eq=False)
class Discrete:
    """Integers (int64) or booleans; 0 or false where undefined."""

    value: Ints | Bools
    jump: Jump = None


Value = Real | Discrete


def either(*jumps: Jump) -> Jump:
    """Marked in any of them."""
    result: Jump = None
    for jump in jumps:
        if jump is not None:
            result = jump if result is None else result | jump
    return result


def within(jump: Jump, mask: Bools) -> Jump:
    """Marked and inside the mask."""
    return None if jump is None else jump & mask


def along(jump: Jump) -> Jump:
    """Marked anywhere along the last axis, which is kept with length 1."""
    return None if jump is None else some(jump, -1, keepdims=True)


def some(mask: Bools, axis: int | tuple[int, ...], keepdims: bool = False) -> Bools:
    """Whether any element along the axes holds."""
    return np.asarray(mask.any(axis=axis, keepdims=keepdims))


def marks(mask: Bools) -> Jump:
    return mask if mask.any() else None


def derived(value: Wide, jump: Jump, edges: Iterable[tuple[Real, Pull]]) -> Real:
    """A value with those of the edges along which a derivative may pass."""
    return Real(value, jump, tuple((parent, pull) for parent, pull in edges if parent.active))


def slope(
    arithmetic: Arithmetic, parent: Real, partial: Callable[[], Wide], jump: Jump
) -> tuple[Real, Pull]:
    """The edge of a pointwise function: `partial` is its derivative by the parent, and `jump`
    marks where that may jump."""

    def pull(adjoint: Adjoint) -> Adjoint:
        slopes = partial()
        value = chain(arithmetic, adjoint.value, slopes)
        unsure = either(adjoint.jump, jump)
        if unsure is not None:
            unsure = unsure & live(arithmetic, adjoint.value, adjoint.jump)
            unsure = unsure & live(arithmetic, slopes, jump)
        return Adjoint(value, unsure)

    return parent, pull


def chain(arithmetic: Arithmetic, adjoint: Wide, partial: Wide) -> Wide:
    """Their product; an adjoint of 0 contributes 0 even where the partial is undefined."""
    product = arithmetic.multiply(adjoint, partial)
    if product.isnan().any():
        product = where(adjoint.m == 0, ZERO, product)
    return product


def live(arithmetic: Arithmetic, x: Wide, jump: Jump) -> Bools:
    """Where x may differ from 0, for each deciding block."""
    nonzero = arithmetic.differs(x.m != 0)
    return nonzero if jump is None else nonzero | jump


def move(x: Value, there: Move, back: Move) -> Value:
    """Elements moved about one to one; both maps leave the sample axis where it is."""
    jump = moved(x.jump, there)
    if isinstance(x, Discrete):
        return Discrete(there(x.value), jump)
    return derived(
        x.value.shaped(there),
        jump,
        [(x, lambda a: Adjoint(a.value.shaped(back), moved(a.jump, back)))],
    )


def moved(jump: Jump, there: Move) -> Jump:
    return None if jump is None else there(jump)


def spread_out(x: Value, shape: tuple[int, ...]) -> Value:
    """x with axes of length 1 repeated, so that all but the sample axis have the lengths given
    by `shape`."""

    def there(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.broadcast_to(a, a.shape[:1] + shape)

    jump = moved(x.jump, there)
    if isinstance(x, Discrete):
        return Discrete(there(x.value), jump)
    return derived(x.value.shaped(there), jump, [(x, lambda adjoint: adjoint)])


def select(arithmetic: Arithmetic, condition: Discrete, a: Real, b: Real) -> Real:
    """a where the condition holds, b elsewhere; the other one counts for nothing."""
    holds = np.asarray(condition.value, dtype=np.bool_)

    def pull(adjoint: Adjoint, taken: Bools) -> Adjoint:
        jump = within(adjoint.jump, taken[:1])
        if condition.jump is not None:
            jump = either(jump, condition.jump & live(arithmetic, adjoint.value, adjoint.jump))
        return Adjoint(where(taken, adjoint.value, ZERO), jump)

    return derived(
        where(holds, a.value, b.value),
        either(condition.jump, within(a.jump, holds[:1]), within(b.jump, ~holds[:1])),
        [(a, lambda adjoint: pull(adjoint, holds)), (b, lambda adjoint: pull(adjoint, ~holds))],
    )


def backward(arithmetic: Arithmetic, seeds: Sequence[tuple[Real, Wide]]) -> dict[Real, Adjoint]:
    """The adjoints of the named values that the seeds (values with their cotangents) depend on."""
    adjoints: dict[Real, Adjoint] = {}
    received: dict[Real, list[Adjoint]] = {}

    def receive(node: Real, adjoint: Adjoint) -> None:
        received.setdefault(node, []).append(_fit(arithmetic, adjoint, node.value.shape[1:]))

    for node, cotangent in seeds:
        receive(node, Adjoint(cotangent, None))
    for node in _users_first([node for node, _ in seeds]):
        adjoint = _total(arithmetic, received.pop(node))
        if node.named:
            adjoint = Adjoint(arithmetic.store(adjoint.value), adjoint.jump)
            adjoints[node] = adjoint
        for parent, pull in node.edges:
            receive(parent, pull(adjoint))
    return adjoints


def _total(arithmetic: Arithmetic, parts: Sequence[Adjoint]) -> Adjoint:
    """The sum of what a value's users pass back, in no particular order."""
    if len(parts) == 1:
        return parts[0]
    shape = np.broadcast_shapes(*(part.value.shape for part in parts))
    stacked = stack([part.value.broadcast(shape) for part in parts], 1)
    jump = either(*(part.jump for part in parts))
    return Adjoint(arithmetic.sum(stacked, (1,))[:, 0], jump)


def _fit(arithmetic: Arithmetic, adjoint: Adjoint, shape: tuple[int, ...]) -> Adjoint:
    """Summed along the axes that a value of this shape was broadcast along, and repeated along
    those in which the adjoint is constant."""
    value, jump = adjoint.value, adjoint.jump
    axes = [i for i, n in enumerate(shape) if n == 1 and value.shape[i + 1] > 1]
    if axes:
        value = arithmetic.sum(value, tuple(i + 1 for i in axes))
        jump = None if jump is None else some(jump, tuple(i + 1 for i in axes), keepdims=True)
    if value.shape[1:] != shape:
        value = value.broadcast(value.shape[:1] + shape)
    return Adjoint(value, jump)


def _users_first(roots: list[Real]) -> list[Real]:
    """What the roots depend on, every value after all that were computed from it."""
    finished: list[Real] = []
    seen: set[Real] = set()
    stack = [(root, False) for root in roots]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            finished.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((parent, False) for parent, _ in node.edges if parent not in seen)
    return finished[::-1]
