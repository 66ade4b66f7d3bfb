"""Reducers and row operators of the reference, along the last axis.

A row is a value whose last axis has its full length; `mask` says which of its entries are
admissible. Reducers return the value without the last axis, row operators keep it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from . import wide
from .reference_noise import Arithmetic
from .reference_ops import add, difference, divide, in_samples, recomputed, side_by_side
from .reference_tape import (
    Adjoint,
    Discrete,
    Jump,
    Real,
    Value,
    along,
    chain,
    derived,
    either,
    live,
    marks,
    select,
    some,
    within,
)
from .wide import INF, NAN, ONE, ZERO, Bools, Ints, Wide, where

BIGGEST = np.iinfo(np.int64).max


def reduce_real(
    arithmetic: Arithmetic,
    operator: Literal["sum", "prod", "max", "min", "mean", "logsumexp"],
    x: Real,
    mask: Discrete,
) -> Real:
    match operator:
        case "sum":
            return total(arithmetic, fill(arithmetic, x, mask, ZERO))
        case "mean":
            count = Real(Wide.of(np.asarray(mask.value).sum(axis=-1)), last(along(mask.jump)))
            terms = fill(arithmetic, x, mask, ZERO)
            mean = divide(arithmetic, total(arithmetic, terms), count)
            if terms is not x or not terms.value.shape[-1]:
                return mean
            return replace(mean, value=arithmetic.running(mean.value, terms.value))
        case "prod":
            return product(arithmetic, fill(arithmetic, x, mask, ONE))
        case "max":
            return largest(arithmetic, fill(arithmetic, x, mask, -INF), mask)
        case "min":
            negative = add(arithmetic, [(-1, fill(arithmetic, x, mask, INF))])
            return add(arithmetic, [(-1, largest(arithmetic, negative, mask))])
        case "logsumexp":
            return log_sum_exp(arithmetic, fill(arithmetic, x, mask, -INF))


def fill(arithmetic: Arithmetic, x: Real, mask: Discrete, value: Wide) -> Real:
    """x with another value where it is not admissible."""
    if mask.jump is None and np.asarray(mask.value).all():
        return x
    ndim = x.value.m.ndim
    return select(arithmetic, mask, x, Real(value.shaped(lambda a: a.reshape((1,) * ndim))))


def last(jump: Jump) -> Jump:
    """Without the last axis, which has length 1."""
    return None if jump is None else jump[..., 0]


def total(arithmetic: Arithmetic, x: Real) -> Real:
    def pull(adjoint: Adjoint) -> Adjoint:
        return Adjoint(adjoint.value[..., None], inner(adjoint.jump))

    value = arithmetic.sum(x.value, (x.value.m.ndim - 1,))[..., 0]
    return derived(value, last(along(x.jump)), [(x, pull)])


def inner(jump: Jump) -> Jump:
    """With a last axis of length 1."""
    return None if jump is None else jump[..., None]


def product(arithmetic: Arithmetic, x: Real) -> Real:
    n = x.value.shape[-1]

    def products(factors: list[Wide]) -> list[Wide]:
        """The products of the first 0 to n factors."""
        results = [ONE.broadcast(factors[0].shape)]
        for factor in factors:
            results.append(arithmetic.multiply(results[-1], factor))
        return results

    factors = [x.value[..., i] for i in range(n)]
    before = products(factors)

    def pull(adjoint: Adjoint) -> Adjoint:
        after = products(factors[::-1])
        others = [arithmetic.multiply(before[i], after[n - 1 - i]) for i in range(n)]
        shape = np.broadcast_shapes(*(other.shape for other in others))
        partial = wide.stack([other.broadcast(shape) for other in others], -1)
        value = chain(arithmetic, adjoint.value[..., None], partial)
        unsure = along(x.jump)
        jump = either(inner(adjoint.jump), unsure)
        if jump is not None:
            alive = live(arithmetic, adjoint.value, adjoint.jump)[..., None]
            jump = jump & alive & live(arithmetic, partial, unsure)
        return Adjoint(value, jump)

    return derived(before[n], last(along(x.jump)), [(x, pull)])


def first_largest(x: Wide, mask: Bools) -> Ints:
    """The index of the largest admissible entry, the first of several, 0 where there is none;
    the last axis is kept with length 1. nan is not looked at."""
    mask = mask & ~x.isnan()
    best, found = x[..., 0], mask[..., 0]
    index = np.zeros(np.broadcast_shapes(best.shape, found.shape), np.int64)
    for i in range(1, x.shape[-1]):
        better = mask[..., i] & (~found | (best < x[..., i]))
        best = where(better, x[..., i], best)
        index = np.where(better, i, index)
        found = found | mask[..., i]
    return index[..., None]


def close_calls(arithmetic: Arithmetic, x: Wide, index: Ints, mask: Bools) -> Jump:
    """Which admissible entries rounding might make larger than the nominally largest one."""
    winner = np.broadcast_to(index[:1], (x.shape[0], *index.shape[1:]))
    return within(arithmetic.unstable(difference(x, _take(x, winner))), mask[:1])


def _take(x: Wide, index: Ints) -> Wide:
    """The entry of that index; arrays broadcast, save along the last axis."""
    rows = np.broadcast_shapes(x.shape[:-1], index.shape[:-1])
    full = x.broadcast((*rows, x.shape[-1]))
    return wide.take_along(full, np.broadcast_to(index, (*rows, 1)), -1)


def largest(arithmetic: Arithmetic, x: Real, mask: Discrete) -> Real:
    """The maximum of a row that is -inf where it is not admissible. Its derivative is undefined
    at ties."""
    admissible = np.asarray(mask.value, np.bool_)
    index = first_largest(x.value, admissible)
    best = _take(x.value, index)
    undefined = some(x.value.isnan() & admissible, -1, keepdims=True)
    best = where(undefined, NAN, best)
    close = close_calls(arithmetic, x.value, index, admissible)

    def pull(adjoint: Adjoint) -> Adjoint:
        above = adjoint.value[..., None]
        winner = index == np.arange(x.value.shape[-1])
        tied = x.value.equals(best) & admissible
        tied = tied & (tied.sum(axis=-1, keepdims=True) > 1) & (above.m != 0)
        value = where(tied, NAN, where(winner, above, ZERO))
        jump = within(inner(adjoint.jump), winner[:1])
        if close is not None:
            contenders = close | (winner[:1] & some(close, -1, keepdims=True))
            jump = either(
                jump, contenders & live(arithmetic, adjoint.value, adjoint.jump)[..., None]
            )
        return Adjoint(value, jump)

    return derived(best[..., 0], last(along(x.jump)), [(x, pull)])


def extremum(arithmetic: Arithmetic, name: Literal["min", "max"], values: list[Real]) -> Real:
    """The least or largest of the values."""
    row = side_by_side(values)
    everything = Discrete(np.ones((1,) * len(row.value.shape[:-1]) + (len(values),), np.bool_))
    return reduce_real(arithmetic, name, row, everything)


def _shifted_exponentials(arithmetic: Arithmetic, x: Wide) -> tuple[Wide, Wide, Wide, Wide]:
    """The row's maximum (0 where infinite), x minus it, the exponentials and their sum; all but
    the second and third with last axis 1."""
    everything = np.ones((1,) * (len(x.shape) - 1) + x.shape[-1:], np.bool_)
    top = _take(x, first_largest(x, everything))
    top = where(top.isfinite(), top, ZERO)
    difference = arithmetic.add(x, -top)
    exponentials = arithmetic.round(wide.exp(difference), "exp")
    return top, difference, exponentials, arithmetic.sum(exponentials, (len(x.shape) - 1,))


def log_sum_exp(arithmetic: Arithmetic, x: Real) -> Real:
    """log of the sum of exp(x), with x -inf where it is not admissible."""
    top, _, _, s = _shifted_exponentials(arithmetic, x.value)
    value = arithmetic.add(top, arithmetic.round(wide.log(s), "log"))
    jump = along(x.jump)

    def pull(adjoint: Adjoint) -> Adjoint:
        share = arithmetic.round(wide.exp(arithmetic.add(x.value, -value)), "exp")
        above = adjoint.value[..., None]
        unsure = either(inner(adjoint.jump), jump)
        if unsure is not None:
            unsure = unsure & live(arithmetic, above, inner(adjoint.jump))
            unsure = unsure & live(arithmetic, share, jump)
        return Adjoint(chain(arithmetic, above, share), unsure)

    return derived(value[..., 0], last(jump), [(x, pull)])


def row_real(
    arithmetic: Arithmetic, operator: Literal["softmax", "log_softmax"], x: Real, mask: Discrete
) -> Real:
    filled = fill(arithmetic, x, mask, -INF)
    match operator:
        case "softmax":
            return fill(arithmetic, softmax(arithmetic, filled), mask, ZERO)
        case "log_softmax":
            return fill(arithmetic, log_softmax(arithmetic, filled), mask, -INF)


def softmax(arithmetic: Arithmetic, x: Real) -> Real:
    top, _, exponentials, s = _shifted_exponentials(arithmetic, x.value)
    a = arithmetic.divide(exponentials, s)
    if arithmetic.recomputing is not None:
        a = a * recomputed(arithmetic, _slip(arithmetic, top + wide.log(s)))
    jump = along(x.jump)

    def pull(adjoint: Adjoint) -> Adjoint:
        weighted = chain(arithmetic, adjoint.value, a)
        mean = arithmetic.sum(weighted, (len(a.shape) - 1,))
        if arithmetic.recomputing is not None:  # from numbers that were rounded apart
            mean = where(in_samples(arithmetic.recomputing, mean), mean[:1], mean)
        value = chain(arithmetic, a, arithmetic.add(adjoint.value, -mean))
        return Adjoint(value, _row_jump(arithmetic, adjoint, a, jump))

    return derived(a, jump, [(x, pull)])


def _slip(arithmetic: Arithmetic, lse: Wide) -> Wide:
    """What rounding the logsumexp of a row loses."""
    return wide.where(lse.isfinite(), lse - arithmetic.round(lse, "logsumexp"), ZERO)


def log_softmax(arithmetic: Arithmetic, x: Real) -> Real:
    """Its derivative is taken as kernels do, from the result that they kept."""
    y = _log_softmax(arithmetic, x.value)
    jump = along(x.jump)
    within_row = arithmetic.accumulating

    def pull(adjoint: Adjoint) -> Adjoint:
        kept = y
        if within_row is not arithmetic:
            kept = arithmetic.round(_log_softmax(within_row, x.value), "log_softmax")
        share = within_row.round(wide.exp(kept), "exp")
        mass = within_row.sum(adjoint.value, (len(y.shape) - 1,))
        value = within_row.add(adjoint.value, -chain(within_row, mass, share))
        if within_row is not arithmetic:
            value = arithmetic.round(value, "store")
        return Adjoint(value, either(adjoint.jump, _row_jump(arithmetic, adjoint, share, jump)))

    return derived(y, jump, [(x, pull)])


def _log_softmax(arithmetic: Arithmetic, x: Wide) -> Wide:
    top, shifted, _, s = _shifted_exponentials(arithmetic, x)
    y = arithmetic.add(shifted, -arithmetic.round(wide.log(s), "log"))
    if arithmetic.recomputing is not None:
        slip = _slip(arithmetic, top + wide.log(s))
        y = y + where(in_samples(arithmetic.recomputing, slip), slip, ZERO)
    return y


def _row_jump(arithmetic: Arithmetic, adjoint: Adjoint, share: Wide, jump: Jump) -> Jump:
    """What an adjoint along a row marks, where each entry feels all others by its share."""
    if adjoint.jump is None and jump is None:
        return None
    alive = live(arithmetic, adjoint.value, adjoint.jump)
    unsure = along(within(either(adjoint.jump, jump), alive))
    return within(unsure, live(arithmetic, share, jump))


def rank(arithmetic: Arithmetic, x: Real, mask: Discrete) -> Discrete:
    """How many admissible entries come before each when sorted from the largest down."""
    admissible = np.asarray(mask.value, np.bool_)
    d = difference(x.value[..., None, :], x.value[..., :, None])
    n = x.value.shape[-1]
    before = (d.m > 0) | ((d.m == 0) & (np.arange(n) < np.arange(n)[:, None]))
    pairs = admissible[..., None, :] & admissible[..., :, None]
    place = (before & pairs).sum(axis=-1)
    count = admissible.sum(axis=-1, keepdims=True)
    undefined = arithmetic.differs(some(x.value.isnan() & admissible, -1, keepdims=True))
    unstable = last(along(within(arithmetic.unstable(d), pairs[:1])))
    jump = either(
        along(either(mask.jump, within(x.jump, admissible[:1]))),
        unstable,
        marks(undefined),
    )
    return Discrete(np.where(admissible, place, count), jump)


def arg_largest(arithmetic: Arithmetic, x: Real, mask: Discrete) -> Discrete:
    """The index of the largest admissible entry; undefined where there is none."""
    admissible = np.asarray(mask.value, np.bool_)
    index = first_largest(x.value, admissible)
    undefined = ~some(admissible, -1) | some(x.value.isnan() & admissible, -1)
    jump = either(
        last(along(either(mask.jump, within(x.jump, admissible[:1])))),
        last(along(close_calls(arithmetic, x.value, index, admissible))),
        marks(arithmetic.differs(undefined)),
    )
    return Discrete(index[..., 0], jump)


def reduce_discrete(
    arithmetic: Arithmetic,
    operator: Literal["sum", "prod", "max", "min", "count", "any", "all"],
    x: Discrete,
    mask: Discrete,
) -> Value:
    """Reducers of integers and booleans; max and min over nothing are undefined."""
    admissible = np.asarray(mask.value, np.bool_)
    undefined: Jump = None
    result: Ints | Bools
    match operator:
        case "sum" | "count":
            result = np.where(admissible, x.value, 0).astype(np.int64).sum(axis=-1)
        case "prod":
            result = np.where(admissible, x.value, 1).prod(axis=-1)
        case "max" | "min":
            sign = 1 if operator == "max" else -1
            best = np.where(admissible, sign * x.value, -BIGGEST).max(axis=-1)
            found = some(admissible, -1)
            result = np.where(found, sign * best, 0)
            undefined = marks(arithmetic.differs(~found))
        case "any":
            result = some(admissible & x.value.astype(np.bool_), -1)
        case "all":
            result = ~some(admissible & ~x.value.astype(np.bool_), -1)
    jump = last(along(either(mask.jump, within(x.jump, admissible[:1]))))
    return Discrete(result, either(jump, undefined))
