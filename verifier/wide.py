"""Wide numbers: float64 mantissas with exponents that do not overflow.

A `Wide` is an array of numbers m * 2**k: `m` holds float64 mantissas with 0.5 <= |m| < 1, or
0, inf or nan, and `k` whole numbers, held as float64 (meaningless where m is 0, inf or nan).
exp(-1e8) is an ordinary number here, and its logarithm is -1e8.

Arithmetic is that of the equation language: 0 * inf = 0, finite / inf = 0, log(0) = -inf,
0 ^ 0 = 1; x / 0, log and sqrt of a negative, inf - inf and inf / inf are undefined. nan stands
for undefined and propagates, also through 0 * nan. Arrays broadcast as in numpy. Where numpy
would warn of such cases, so do these functions: callers switch that off with `np.errstate`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

LOWEST = -1e300  # the exponent of 0, where exponents are compared
LARGEST = 1e200  # exp(x) is inf beyond this x, and 0 beyond its negative
LN2 = math.log(2.0)
LN2_HIGH = 6.93147180369123816490e-01  # its last 20 bits are zero
LN2_LOW = 1.90821492927058770002e-10


@dataclass(frozen=True, slots=True, eq=False)
class Wide:
    """An array of wide numbers; `m` and `k` have one shape."""

    m: Floats
    k: Floats

    @staticmethod
    def of(values: npt.ArrayLike) -> Wide:
        """The given floats (exactly) or integers (to 53 bits)."""
        return normal(np.asarray(values, dtype=np.float64), np.zeros(()))

    @staticmethod
    def rational(value: Fraction) -> Wide:
        """A scalar, rounded to 53 bits."""
        shift = value.numerator.bit_length() - value.denominator.bit_length()
        scaled = value / 2**shift if shift >= 0 else value * 2**-shift
        return normal(np.asarray(float(scaled)), np.asarray(float(shift)))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.m.shape

    def shaped(self, f: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> Wide:
        """Elements moved about: `f` reshapes, transposes, indexes or broadcasts an array."""
        return Wide(f(self.m), f(self.k))

    def __getitem__(self, key: Any) -> Wide:
        return Wide(self.m[key], self.k[key])

    def broadcast(self, shape: tuple[int, ...]) -> Wide:
        return Wide(np.broadcast_to(self.m, shape), np.broadcast_to(self.k, shape))

    def floats(self) -> Floats:
        """As float64: inf where too large, 0 where too small."""
        return _scale(self.m, self.k)

    def isnan(self) -> Bools:
        return np.isnan(self.m)

    def isfinite(self) -> Bools:
        return np.isfinite(self.m)

    def fits(self, bits: int) -> Bools:
        """Where a mantissa of so many bits holds the number exactly."""
        scaled = self.m * 2.0**bits
        return np.equal(scaled, np.rint(scaled))

    def __neg__(self) -> Wide:
        return Wide(-self.m, self.k)

    def __abs__(self) -> Wide:
        return Wide(np.abs(self.m), self.k)

    def __add__(self, other: Wide) -> Wide:
        own, others = self._exponents(), other._exponents()
        top = np.maximum(own, others)
        return normal(_scale(self.m, own - top) + _scale(other.m, others - top), top)

    def __sub__(self, other: Wide) -> Wide:
        return self + -other

    def __mul__(self, other: Wide) -> Wide:
        m = self.m * other.m
        if np.isnan(m).any():
            zero = ((self.m == 0) | (other.m == 0)) & ~(self.isnan() | other.isnan())
            m = np.where(zero, 0.0, m)
        return normal(m, self.k + other.k)

    def __truediv__(self, other: Wide) -> Wide:
        m = self.m / other.m
        if not other.m.all():
            m = np.where(other.m == 0, np.nan, m)
        return normal(m, self.k - other.k)

    def __lt__(self, other: Wide) -> Bools:
        return order(self, other) < 0

    def __le__(self, other: Wide) -> Bools:
        return order(self, other) <= 0

    def equals(self, other: Wide) -> Bools:
        return np.equal(order(self, other), 0)

    def aligned(self, axis: int) -> tuple[Floats, Floats]:
        """Floats, and the power of two to scale them by: the largest exponent along the axis,
        which is kept with length 1."""
        exponents = self._exponents()
        top = exponents.max(axis=axis, keepdims=True)
        return _scale(self.m, exponents - top), top

    def sum(self, axis: int) -> Wide:
        """The sum along one axis, which disappears."""
        values, top = self.aligned(axis)
        return normal(values.sum(axis=axis), top.squeeze(axis))

    def prod(self, axis: int) -> Wide:
        """The product along one axis, which disappears."""
        factors = self.shaped(lambda a: np.moveaxis(a, axis, 0))
        result = ONE.broadcast(factors.shape[1:])
        for i in range(factors.shape[0]):
            result = result * factors[i]
        return result

    def _exponents(self) -> Floats:
        return self.k if self.m.all() else np.where(self.m == 0, LOWEST, self.k)


def normal(m: Floats, k: Floats) -> Wide:
    """m * 2**k for any floats m and whole numbers k, in the normal form."""
    mantissas, exponents = np.frexp(m)
    return Wide(mantissas, k + exponents)


def _scale(m: Floats, k: Floats) -> Floats:
    """m * 2**k in float64."""
    return np.ldexp(m, np.minimum(np.maximum(k, -4000.0), 4000.0).astype(np.int32))


def order(a: Wide, b: Wide) -> Floats:
    """A float with the sign of a - b, also between infinities; nan where one is undefined."""
    d = (a - b).m
    if np.isnan(d).any():
        d = np.where((a.m == b.m) & np.isinf(a.m), 0.0, d)
    return d


ZERO = Wide.of(0.0)
ONE = Wide.of(1.0)
TWO = Wide.of(2.0)
INF = Wide.of(np.inf)
NAN = Wide.of(np.nan)


def where(condition: Bools, a: Wide, b: Wide) -> Wide:
    return Wide(np.where(condition, a.m, b.m), np.where(condition, a.k, b.k))


def minimum(a: Wide, b: Wide) -> Wide:
    return where((a < b) | a.isnan(), a, b)


def maximum(a: Wide, b: Wide) -> Wide:
    return where((b < a) | a.isnan(), a, b)


def stack(parts: list[Wide], axis: int) -> Wide:
    """Arrays of one shape side by side along a new axis."""
    return Wide(np.stack([p.m for p in parts], axis), np.stack([p.k for p in parts], axis))


def take_along(x: Wide, index: Ints, axis: int) -> Wide:
    return x.shaped(lambda a: np.take_along_axis(a, index, axis))


def inverse(x: Wide) -> Wide:
    """1 / x where that is a derivative's limit: inf at 0."""
    return normal(1.0 / np.abs(x.m) * np.where(x.m < 0, -1.0, 1.0), -x.k)


def exp(x: Wide) -> Wide:
    """The relative error is a few 1e-16 times max(1, |x|)."""
    exponent = x.floats()
    clipped = np.clip(exponent, -LARGEST, LARGEST)
    n = np.rint(np.nan_to_num(clipped) / LN2)
    rest = np.clip((clipped - n * LN2_HIGH) - n * LN2_LOW, -1.0, 1.0)
    m = np.where(exponent <= -LARGEST, 0.0, np.exp(rest))
    return normal(np.where(exponent >= LARGEST, np.inf, m), n)


def log(x: Wide) -> Wide:
    low = x.m < math.sqrt(0.5)  # the mantissa is brought into [sqrt(1/2), sqrt(2))
    part = np.log(np.where(low, x.m * 2.0, x.m))
    return Wide.of(np.where(np.isfinite(part), part + (x.k - low) * LN2, part))


def log1p(x: Wide) -> Wide:
    y = Wide.of(np.log1p(_scale(x.m, np.minimum(x.k, 60.0))))
    large = (x.k > 60) & (x.m > 0)
    return where(_tiny(x), x, where(large, log(x), y) if large.any() else y)


def expm1(x: Wide) -> Wide:
    exponent = x.floats()
    y = where(exponent > 700, exp(x), Wide.of(np.expm1(np.minimum(exponent, 700.0))))
    return where(_tiny(x), x, y)


def sqrt(x: Wide) -> Wide:
    odd = np.remainder(x.k, 2.0)
    return normal(np.sqrt(np.ldexp(x.m, odd.astype(np.int32))), (x.k - odd) / 2)


def sin(x: Wide) -> Wide:
    return where(_tiny(x), x, Wide.of(np.sin(x.floats())))


def cos(x: Wide) -> Wide:
    return Wide.of(np.cos(x.floats()))


def tanh(x: Wide) -> Wide:
    return where(_tiny(x), x, Wide.of(np.tanh(x.floats())))


def sech2(x: Wide) -> Wide:
    """1 - tanh(x)^2 without cancellation."""
    e = exp(-abs(x + x))
    return Wide.of(4.0) * e / ((ONE + e) * (ONE + e))


_erf = np.frompyfunc(math.erf, 1, 1)


def erf(x: Wide) -> Wide:
    y = Wide.of(np.asarray(_erf(x.floats()), dtype=np.float64))
    return where(_tiny(x), Wide.of(2.0 / math.sqrt(math.pi)) * x, y)


def sign(x: Wide) -> Wide:
    return Wide.of(np.sign(x.m))


def floor(x: Wide) -> Wide:
    small = np.where((x.k <= 0) & (x.m < 0), -1.0, np.floor(_scale(x.m, np.minimum(x.k, 60.0))))
    return where((x.k > 53) & (x.m != 0) | ~x.isfinite(), x, Wide.of(small))


def ceil(x: Wide) -> Wide:
    return -floor(-x)


def power(x: Wide, y: Wide) -> Wide:
    """x ^ y: of a negative x for whole y alone; by multiplication for small multiples y of 1/2,
    so that exact powers and roots are exact, and elsewhere with a relative error of a few 1e-16
    times max(1, |y log x|)."""
    twice = 2.0 * y.floats()
    odd = np.remainder(twice, 4.0) == 2.0
    whole = (np.remainder(twice, 2.0) == 0) & np.isfinite(twice)
    small = (np.abs(twice) <= 64) & (np.remainder(twice, 1.0) == 0)
    if small.all():
        return _small_power(x, twice, whole)
    general = exp(y * log(abs(x)))
    general = where((x.m < 0) & odd, -general, general)
    undefined = ((x.m < 0) & ~whole) | ((x.m == 0) & (y.m < 0))
    general = where(undefined, NAN, general)
    if not small.any():
        return general
    return where(small, _small_power(x, np.where(small, twice, 0.0), whole), general)


def _small_power(x: Wide, twice: Floats, whole: Bools) -> Wide:
    """x ^ (twice / 2) by repeated squaring of x, or of its root."""
    square = x if whole.all() else where(whole, x, sqrt(x))
    left = np.abs(np.where(whole, twice / 2, twice)).astype(np.int64)
    result = where(np.isnan(x.m + left), NAN, ONE)
    while left.any():
        result = where(left % 2 == 1, result * square, result)
        square, left = square * square, left // 2
    return where(twice < 0, ONE / result, result) if (twice < 0).any() else result


def _tiny(x: Wide) -> Bools:
    """Where x^2 is nothing beside x: odd functions equal their first term."""
    return np.asarray((x.k < -60) & (x.m != 0))
