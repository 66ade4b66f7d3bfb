"""Holds one tensor against its exact values, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .oracle import Exact
from .reference import Spread

Array = npt.NDArray[Any]

FACTOR = 32.0
"""λ: how many standard deviations of rounding noise are allowed; one for everything."""
ROUGH = 8.0
"""How much coarser the rounding is whose largest effect is allowed too; well below λ, so that
it matters only where effects do not grow in proportion."""
ULPS = 4.0
"""The floor of every tolerance, in units in the last place."""
LOSSY = 3.0
"""How many times the error of a careful evaluation half of the numbers may have at most."""


@dataclass(frozen=True, slots=True)
class Format:
    """The numbers of a floating-point format that tolerances depend on."""

    name: str
    epsilon: float
    smallest_normal: float
    largest: float


FORMATS = {
    "float64": Format("float64", 2.0**-52, 2.0**-1022, float(np.finfo(np.float64).max)),
    "float32": Format("float32", 2.0**-23, 2.0**-126, float(np.finfo(np.float32).max)),
    "bfloat16": Format("bfloat16", 2.0**-7, 2.0**-126, 255.0 * 2.0**120),
    "float16": Format("float16", 2.0**-10, 2.0**-14, 65504.0),
}


@dataclass(frozen=True, slots=True)
class Target:
    """What a tensor should be: exact values, the tolerance of each, which of them count.
    `typical` is the error of a careful evaluation, 0 where it has none.

    An index below `bound` that rounding decides does not count, but must be below it still."""

    exact: Exact
    tolerance: Array
    counts: npt.NDArray[np.bool_]
    bound: int | None
    typical: Array

    @property
    def compared(self) -> int:
        return int(self.counts.sum())

    @property
    def left_out(self) -> int:
        return int(self.counts.size - self.counts.sum())


@dataclass(frozen=True, slots=True)
class Noise:
    """What rounding does to a tensor: `fine` in its format; `rough` where it is `ROUGH` times as
    coarse; `flushed` where small intermediate results become 0."""

    fine: Spread
    rough: Spread
    flushed: Spread


def target(exact: Exact, noise: Noise, format: Format, bound: int | None = None) -> Target:
    """Tolerances in a format: λ·σ, or what rough rounding reaches where that is more (a
    saturated softmax that rarely tips over has a small σ, and fused kernels recompute it from
    the logsumexp), plus twice what flushing does where that leaves a number, plus ulps. No claim is
    made where the value is undefined, beyond the format, or rests on a comparison that rounding
    decides."""
    counts = ~exact.undefined & ~noise.fine.jump
    if exact.high.dtype.kind in "bi":
        zero = np.zeros(exact.high.shape)
        return Target(exact, zero, counts, bound, zero)
    size = np.abs(exact.high)
    counts &= ~(exact.finite & (size > format.largest))
    magnitude = np.maximum(np.where(exact.finite, size, 0.0), format.smallest_normal)
    floor = np.ldexp(ULPS * format.epsilon, np.frexp(magnitude)[1] - 1)
    flush = 2 * np.where(np.isfinite(noise.flushed.reach), noise.flushed.reach, 0.0)
    tolerance = np.maximum(FACTOR * noise.fine.sigma, noise.rough.reach) + flush + floor
    counts &= ~(exact.finite & ~np.isfinite(tolerance))
    sigma = noise.fine.sigma
    typical = np.where(exact.finite & (sigma > 0), sigma + floor / (2 * ULPS), 0.0)
    return Target(exact, tolerance, counts, bound, typical)


def disagree(exact: Exact, spread: Spread, aim: Target) -> bool:
    """Whether oracle and reference, which know nothing of one another, differ where it counts:
    then one of them is wrong, and nothing can be said of anybody's code."""
    if exact.high.dtype.kind in "bi":
        return bool(np.any(aim.counts & (spread.nominal != exact.high)))
    with np.errstate(invalid="ignore"):
        close = np.abs(spread.nominal - exact.high) <= aim.tolerance + 1e-6 * np.abs(exact.high)
    return bool(np.any(aim.counts & exact.finite & ~close))


def ratios(got: Array, aim: Target) -> Array:
    """Error over tolerance for every element that counts; 0 for the others.

    Integers and booleans are equal or not; infinities must be met exactly; a NaN where a
    number is expected is infinitely wrong.
    """
    exact = aim.exact
    if exact.high.dtype.kind in "bi":
        wrong = aim.counts & (got != exact.high)
        if aim.bound is not None:
            wrong |= ~exact.undefined & ((got < 0) | (got >= aim.bound))
        return np.where(wrong, np.inf, 0.0)
    with np.errstate(invalid="ignore", over="ignore"):
        ratio = _errors(got, exact) / aim.tolerance
    ratio = np.where(np.isnan(ratio), np.inf, ratio)
    ratio = np.where(exact.finite, ratio, np.where(got == exact.high, 0.0, np.inf))
    return np.where(aim.counts, ratio, 0.0)


def losses(got: Array, aim: Target) -> Array:
    """Errors over those of a careful evaluation, of the numbers that count and that rounding
    moves at all."""
    moved = aim.counts & (aim.typical > 0)
    if not moved.any():
        return np.zeros(0)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(_errors(got, aim.exact)[moved] / aim.typical[moved])


def _errors(got: Array, exact: Exact) -> Array:
    error: Array = np.abs((got - exact.high) - exact.low)
    return error
