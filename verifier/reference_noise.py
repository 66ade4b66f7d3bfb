"""Monte Carlo arithmetic: wide numbers in many samples, each with roundings of its own.

Every array of wide numbers has the sample axis first, of length 1 where all samples agree.
Sample 0 is never disturbed: it is the nominal value. In sample s an elementary result x becomes
x * (1 + u * xi) with xi in [-1, 1] a fixed function of x's nominal mantissa, the operation, s
and the seed. So equal operands give equal noise, ties stay ties, and the noise commutes with
changes of sign and with powers of two, as rounding does. A result that the format holds exactly
is not disturbed.
"""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .wide import ZERO, Bools, Floats, Wide, maximum, minimum, normal, sqrt, where

UInts = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Rounding:
    """How a floating-point format rounds: unit roundoff, smallest subnormal, and the bits of a
    mantissa with the hidden one."""

    roundoff: float
    tiny: float
    bits: int


FORMATS: dict[str, Rounding] = {
    "float64": Rounding(2.0**-53, 2.0**-1074, 53),
    "float32": Rounding(2.0**-24, 2.0**-149, 24),
    "bfloat16": Rounding(2.0**-8, 2.0**-133, 8),
    "float16": Rounding(2.0**-11, 2.0**-24, 11),
}


@dataclass(frozen=True, slots=True, eq=False)
class Arithmetic:
    """Rounding in `len(keys)` samples; None for exact arithmetic in one sample. `factor` is how
    many standard deviations from a jump count as close to it. `recomputes`: a softmax is
    recomputed from the rounded logsumexp of its row, as fused kernels do in their backward
    pass, which at large scores costs accuracy where dividing by the sum costs none. Results
    below `flush` in size become 0 in all samples but the first."""

    rounding: Rounding | None
    keys: UInts
    factor: float
    recomputes: bool = False
    flush: float = 0.0

    def round(self, x: Wide, operation: str, exact: Bools | None = None) -> Wide:
        """The result x of an elementary operation, rounded, save where it is exact: where
        `exact` says so, else where the format holds it."""
        if self.rounding is None:
            return x
        if self.flush:
            return self._flushed(x)
        inexact = ~x.fits(self.rounding.bits) if exact is None else ~exact
        if not inexact.any():
            return x
        noise = self._noise(x.m[:1], operation)
        return normal(x.m * (1.0 + self.rounding.roundoff * noise * inexact), x.k)

    def add(self, a: Wide, b: Wide) -> Wide:
        total = a + b
        if self.rounding is None:
            return total
        lossless = (total - a).equals(b) & (total - b).equals(a)
        exact = (total.fits(self.rounding.bits) & lossless) | (a.m == 0) | (b.m == 0)
        return self.round(total, "add", exact)

    def multiply(self, a: Wide, b: Wide) -> Wide:
        product = a * b
        if self.rounding is None:
            return product
        scaling = (np.abs(a.m) == 0.5) | (np.abs(b.m) == 0.5)
        return self.round(product, "multiply", product.fits(self.rounding.bits) | scaling)

    def divide(self, a: Wide, b: Wide) -> Wide:
        quotient = a / b
        if self.rounding is None:
            return quotient
        scaling = np.abs(b.m) == 0.5
        return self.round(quotient, "divide", quotient.fits(self.rounding.bits) | scaling)

    def sum(self, x: Wide, axes: tuple[int, ...]) -> Wide:
        """The sum along axes, which are kept with length 1. Its error is a random walk, u * xi *
        the root of the sum of squares of the partial sums, or of the terms where that is more
        (another order has other partial sums); none where every order is exact."""
        kept = tuple(1 if axis in axes else n for axis, n in enumerate(x.shape))
        terms = x.shaped(
            lambda a: np.moveaxis(a, axes, range(len(axes))).reshape(
                -1, *(n for axis, n in enumerate(x.shape) if axis not in axes)
            )
        )
        if len(terms.m) == 1:
            return x
        values, top = terms.aligned(0)
        partial = np.cumsum(values, axis=0)
        total, scale = partial[-1], top[0]
        if self.rounding is not None and not self.flush:
            total = self._walk(terms, values, partial)
        result = normal(total, scale).shaped(lambda a: a.reshape(-1, *kept[1:]))
        return self._flushed(result) if self.flush else result

    def _flushed(self, x: Wide) -> Wide:
        small = (x.m != 0) & (abs(x) < Wide.of(self.flush))
        if not small.any():
            return x
        samples = np.arange(len(self.keys)).reshape(-1, *(1,) * (len(x.shape) - 1))
        return where(small & (samples > 0), ZERO, x)

    def _walk(self, terms: Wide, values: Floats, partial: Floats) -> Floats:
        """The last partial sum with its error; values and partial sums run along axis 0."""
        assert self.rounding is not None
        total = partial[-1]
        lost = ((values == 0) & (terms.m != 0)).any(axis=0)
        inexact = lost | ~_exact_in_any_order(values, self.rounding.bits)
        if not inexact.any():
            return np.asarray(total)
        steps = partial * (values != 0)
        size = np.maximum((steps * steps).sum(axis=0), (values * values).sum(axis=0))
        spread = np.where(inexact & np.isfinite(total), np.sqrt(size), 0.0)
        noise = self._noise(np.frexp(total[:1])[0], "sum")
        return np.asarray(total + self.rounding.roundoff * spread * noise, dtype=np.float64)

    def store(self, x: Wide) -> Wide:
        """x as the format stores it: small numbers as multiples of the smallest. One below that
        is half lost but not zero: code may flush it, but not take its logarithm."""
        if self.rounding is None:
            return x
        x = self.round(x, "store")
        if self.flush:
            return x
        unit = math.frexp(self.rounding.tiny)[1] - 1
        small = (x.k < unit + 53) & (x.m != 0) & x.isfinite()
        if not small.any():
            return x
        multiple = np.ldexp(x.m, np.clip(x.k - unit, -60, 53).astype(np.int32))
        small &= multiple != np.rint(multiple)
        noise = self._noise(x.m[:1], "underflow")
        grain = minimum(normal(np.asarray(1.0), np.asarray(float(unit))), abs(x) * Wide.of(0.5))
        return x + grain * Wide.of(noise * small)

    def deviation(self, x: Wide) -> Wide:
        """The root mean square of what the samples differ from the nominal value by, without the
        sample axis; 0 where all are the same infinity, nan where one is undefined."""
        if x.shape[0] == 1:
            return ZERO.broadcast(x.shape[1:])
        nominal = x[:1]
        d = where(x[1:].equals(nominal), ZERO, x[1:] - nominal)
        return sqrt((d * d).sum(0) / Wide.of(float(x.shape[0] - 1)))

    def reach(self, x: Wide) -> Wide:
        """The largest distance of a sample from the nominal value, without the sample axis."""
        if x.shape[0] == 1:
            return ZERO.broadcast(x.shape[1:])
        d = where(x[1:].equals(x[:1]), ZERO, x[1:] - x[:1])
        return functools.reduce(maximum, [abs(d[i]) for i in range(d.shape[0])])

    def unstable(self, d: Wide) -> Bools | None:
        """Where rounding or underflow may decide the sign of d, without the sample axis; None
        for nowhere."""
        if d.shape[0] == 1 or self.rounding is None:
            return None
        signs = np.sign(d.m)
        flips = (signs != signs[:1]).any(axis=0)
        spread = self.deviation(d)
        near = (spread.m > 0) & (abs(d[0]) <= spread * Wide.of(self.factor))
        flushed = (d.m[0] != 0) & (abs(d[0]) < Wide.of(self.rounding.tiny))
        return np.asarray(flips | near | flushed)

    def _noise(self, nominal: Floats, operation: str) -> Floats:
        """Uniform in [-1, 1] for each nominal mantissa (1, …) and sample: (samples, …)."""
        bits = np.abs(nominal).view(np.uint64) ^ _salt(operation)
        keys = self.keys.reshape(-1, *(1,) * (nominal.ndim - 1))
        mixed = _mix(_mix(bits) + keys)
        noise: Floats = (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0
        noise[0] = 0.0
        return noise


def flushing_arithmetic(format: str) -> Arithmetic:
    """The nominal sample, and one without rounding in which intermediate results that are no
    normal numbers of the format of computation (float32 for 16 bits) count as 0, as on hardware
    that flushes them and in vectorised functions that give up early."""
    least = 2.0**-1022 if format == "float64" else 2.0**-126
    return Arithmetic(FORMATS[format], np.zeros(2, np.uint64), 0.0, flush=least)


def exact_arithmetic() -> Arithmetic:
    return Arithmetic(None, np.zeros(1, np.uint64), 0.0)


def noisy_arithmetic(
    rounding: Rounding, samples: int, factor: float, seed: int, recomputes: bool = False
) -> Arithmetic:
    """The nominal sample and `samples` noisy ones."""
    start = np.uint64(int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:8], "little"))
    keys = _mix(np.arange(samples + 1, dtype=np.uint64) + start)
    return Arithmetic(rounding, keys, factor, recomputes)


def _exact_in_any_order(values: Floats, bits: int) -> Bools:
    """Where every partial sum along axis 0, in whatever order, fits a mantissa of so many bits:
    where all terms together are that small, counted in the lowest bit of any."""
    mantissas, exponents = np.frexp(np.where(np.isfinite(values), values, 0.0))
    whole = np.ldexp(mantissas, 53).astype(np.int64)
    lowest = np.frexp((whole & -whole).astype(np.float64))[1] + exponents - 54
    grain = np.where(whole == 0, 2**30, lowest).min(axis=0)
    return np.asarray(np.abs(values).sum(axis=0) <= np.ldexp(1.0, np.minimum(bits + grain, 1023)))


@functools.cache
def _salt(operation: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.sha256(operation.encode()).digest()[:8], "little"))


def _mix(z: UInts) -> UInts:
    """The finaliser of splitmix64."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
