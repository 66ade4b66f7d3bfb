"""Monte Carlo arithmetic: wide numbers in many samples, each with roundings of its own.

Every array of wide numbers has the sample axis first, of length 1 where all samples agree.
Sample 0 is never disturbed: it is the nominal value. Then come blocks of as many samples each,
one for every rounding, and last a sample for each threshold below which results count as 0.
In sample s of a block an elementary result x becomes x * (1 + u * xi) with xi in [-1, 1] a fixed
function of x's nominal mantissa, the operation, s and the seed, and the same in every block. So
equal operands give equal noise, ties stay ties, and the noise commutes with changes of sign and
with powers of two, as rounding does. A result that the format holds exactly is not disturbed.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

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

    @property
    def wide(self) -> Rounding:
        """That of float32 for 16 bits, coarser by as much as this one is; else itself."""
        single = FORMATS["float32"]
        more = single.bits - self.bits
        if self.bits > FORMATS["float16"].bits:
            return self
        return Rounding(self.roundoff * 2.0**-more, single.tiny, single.bits)


FORMATS: dict[str, Rounding] = {
    "float64": Rounding(2.0**-53, 2.0**-1074, 53),
    "float32": Rounding(2.0**-24, 2.0**-149, 24),
    "bfloat16": Rounding(2.0**-8, 2.0**-133, 8),
    "float16": Rounding(2.0**-11, 2.0**-24, 11),
}


@dataclass(frozen=True, slots=True)
class Block:
    """The samples of one rounding. `recomputes`: in them a softmax is recomputed from the
    rounded logsumexp of its row, as fused kernels do in their backward pass, which at large
    scores costs accuracy where dividing by the sum costs none, a product is rounded though it
    fits, as where a kernel scales its factors first; and so are the sums of a recursion, and
    means."""

    rounding: Rounding
    recomputes: bool = False


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """Rounding in samples: `len(keys)` for each block, after the nominal one; without any,
    arithmetic is exact. All blocks have mantissas of the same bits. The first `deciding` blocks
    say where rounding may decide a comparison, each for itself: `factor` is how many standard
    deviations from a jump count as close to it. Results below 2**e in size become 0 in the
    sample of each e in `flushes`, in which 16-bit formats round named tensors as they do.
    `exact_scalars`: a single number in which all samples agree, such as sqrt(K), is not
    rounded, as it is not in code that keeps it a python number. `uses` numbers what shall have
    noise of its own."""

    keys: UInts
    blocks: tuple[Block, ...]
    deciding: int
    factor: float
    flushes: tuple[int, ...] = ()
    exact_scalars: bool = False
    uses: Iterator[int] = field(default_factory=itertools.count)

    @cached_property
    def samples(self) -> int:
        return 1 + len(self.blocks) * len(self.keys) + len(self.flushes)

    @cached_property
    def bits(self) -> int:
        (bits,) = {block.rounding.bits for block in self.blocks}
        return bits

    @cached_property
    def wide(self) -> Arithmetic:
        """The same samples in the format of computation: float32 for 16 bits, else as it is."""
        return replace(
            self, blocks=tuple(replace(b, rounding=b.rounding.wide) for b in self.blocks)
        )

    @cached_property
    def recomputing(self) -> Bools | None:
        """Which samples recompute softmaxes; None for none."""
        if not any(block.recomputes for block in self.blocks):
            return None
        return self._spread([block.recomputes for block in self.blocks]).astype(np.bool_)

    @cached_property
    def accumulating(self) -> Arithmetic:
        """The arithmetic inside a row operator: 16-bit formats compute in float32 there."""
        inside = FORMATS["float32"]
        if not self.blocks or self.bits > FORMATS["float16"].bits:
            return self
        finer = inside.bits - self.bits
        blocks = tuple(
            replace(b, rounding=replace(inside, roundoff=math.ldexp(b.rounding.roundoff, -finer)))
            for b in self.blocks
        )
        return replace(self, blocks=blocks)

    def differs(self, mask: Bools) -> Bools:
        """What holds in the nominal or any noisy sample, for each deciding block: (blocks, …),
        or (1, …) where all samples agree."""
        if len(mask) == 1 or not self.deciding:
            return mask[:1]
        return mask[:1] | self._in_blocks(mask[1:])[: self.deciding].any(axis=1)

    def _in_blocks(self, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The samples of blocks, of those that follow the nominal one: (blocks, samples, …)."""
        n = len(self.keys)
        blocks = min(len(x) // n, len(self.blocks))
        return x[: blocks * n].reshape(blocks, n, *x.shape[1:])

    def round(
        self, x: Wide, operation: str, exact: Bools | None = None, lost: Floats | None = None
    ) -> Wide:
        """The result x of an elementary operation, rounded, save where it is exact: where
        `exact` says so, else where the format holds it. `lost` is what did not reach the
        result, and may be what tells it from an equal one."""
        if self.blocks and not (self.exact_scalars and x.m.size == 1):
            inexact = ~x.fits(self.bits) if exact is None else ~exact
            if inexact.any():
                noise = self._noise(x.m[:1], operation, self._roundoffs, lost)
                noise *= inexact
                noise += 1.0
                x = normal(x.m * noise, x.k)
        return self._flushed(x)

    def add(self, a: Wide, b: Wide) -> Wide:
        total = a + b
        if not self.blocks:
            return self._flushed(total)
        exact = total.fits(self.bits)
        if exact.any():
            exact &= (total - a).equals(b) & (total - b).equals(a)
        exact |= (a.m == 0) | (b.m == 0)
        nominal = total[:1]
        lost = np.where(nominal.equals(a[:1]), _in_units(b[:1], nominal), 0.0)
        lost = np.where(nominal.equals(b[:1]), _in_units(a[:1], nominal), lost)
        return self.round(total, "add", exact, lost)

    def accumulate(self, a: Wide, b: Wide) -> Wide:
        """a + b where one of them is a sum so far. A scan adds in another order, in which a
        partial sum as large as the larger one may be rounded though a + b is exact: so it is
        in samples that recompute."""
        total = self.add(a, b)
        if self.recomputing is None:
            return total
        between = (a.m != 0) & (b.m != 0) & total.isfinite()
        between = between & self.recomputing.reshape(-1, *(1,) * (between.ndim - 1))
        noise = self._noise(total.m[:1], "accumulate", self._roundoffs) * between
        return total + where(between, maximum(abs(a), abs(b)), ZERO) * Wide.of(noise)

    def running(self, mean: Wide, terms: Wide) -> Wide:
        """The mean of terms along the last axis, as code makes it that takes one after another,
        m + (x - m) / n, in samples that recompute: partial means, as large as the largest term,
        may be rounded though the mean is exact; not where all terms are equal."""
        if self.recomputing is None:
            return mean
        first, *rest = (terms[..., i] for i in range(terms.shape[-1]))
        unequal = mean.isfinite() & ~np.all([first.equals(x) for x in rest], axis=0)
        unequal = unequal & self.recomputing.reshape(-1, *(1,) * (unequal.ndim - 1))
        largest = functools.reduce(maximum, map(abs, rest), abs(first))
        noise = self._noise(mean.m[:1], "mean", self._roundoffs) * unequal
        return mean + where(unequal, largest, ZERO) * Wide.of(noise)

    def multiply(self, a: Wide, b: Wide) -> Wide:
        product = a * b
        if not self.blocks:
            return self._flushed(product)
        scaling = (np.abs(a.m) == 0.5) | (np.abs(b.m) == 0.5) | (product.m == 0)
        exact = product.fits(self.bits)
        if self.recomputing is not None and not (exact <= scaling).all():
            exact = exact & ~self.recomputing.reshape(-1, *(1,) * (exact.ndim - 1))
        return self.round(product, "multiply", exact | scaling)

    def divide(self, a: Wide, b: Wide) -> Wide:
        quotient = a / b
        if not self.blocks:
            return self._flushed(quotient)
        scaling = np.abs(b.m) == 0.5
        return self.round(quotient, "divide", quotient.fits(self.bits) | scaling)

    def sum(self, x: Wide, axes: tuple[int, ...]) -> Wide:
        """The sum along axes, which are kept with length 1. Its error is a random walk, u * xi *
        the root of the sum of squares of the partial sums, or of the terms where that is more
        (another order has other partial sums); none where every order is exact. As with
        rounding it is the same for the same terms in the same order, and turns round with
        their signs; the same terms in another order may give another one."""
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
        if self.blocks:
            total = self._walk(terms, values, partial)
        return self._flushed(normal(total, scale).shaped(lambda a: a.reshape(-1, *kept[1:])))

    def _flushed(self, x: Wide) -> Wide:
        """x with 0 for what a sample flushes."""
        if not self.flushes or not (x.k < max(self.flushes) + 1).any():
            return x
        least = np.array(self.flushes).reshape(-1, *(1,) * (len(x.shape) - 1))
        last = x[-len(self.flushes) :]
        small = (last.k < least + 1) & (last.m != 0) & last.isfinite()
        if not small.any():
            return x
        m = np.array(np.broadcast_to(x.m, (self.samples, *x.shape[1:])))
        m[-len(self.flushes) :][small] = 0.0
        return Wide(m, np.broadcast_to(x.k, m.shape))

    def _walk(self, terms: Wide, values: Floats, partial: Floats) -> Floats:
        """The last partial sum with its error; values and partial sums run along axis 0."""
        total = partial[-1]
        inexact = np.ones(total.shape, np.bool_)
        if terms.fits(self.bits).all(axis=0).any():  # else one term alone has too many bits
            lost = ((values == 0) & (terms.m != 0)).any(axis=0)
            inexact = lost | ~_exact_in_any_order(values, self.bits)
        if not inexact.any():
            return np.asarray(total)
        steps = partial if values.all() else partial * (values != 0)
        size = np.maximum((steps * steps).sum(axis=0), (values * values).sum(axis=0))
        spread = np.where(inexact & np.isfinite(total), np.sqrt(size), 0.0)
        kept = np.where(values == 0, terms.m, values)[:, :1]
        first = np.take_along_axis(kept, (kept != 0).argmax(axis=0)[None], axis=0)
        sign = np.where(first < 0, -1.0, 1.0)
        places = _mix(np.arange(1, len(kept) + 1, dtype=np.uint64)).reshape(-1, *(1,) * total.ndim)
        bits = np.bitwise_xor.reduce(_mix((kept * sign + 0.0).view(np.uint64) + places), axis=0)
        noise = self._noise(bits.view(np.float64), "sum", self._roundoffs) * sign[0]
        return np.asarray(total + spread * noise, dtype=np.float64)

    def store(self, x: Wide) -> Wide:
        """x as the format stores it: small numbers as multiples of the smallest. One below that
        is half lost but not zero: code may flush it, but not take its logarithm."""
        x = self._nearest(self.round(x, "store"))
        if not self.blocks or not (x.k < self._units.max() + 53).any():
            return x
        units = self._units.reshape(-1, *(1,) * (len(x.shape) - 1))
        small = (x.k < units + 53) & (x.m != 0) & x.isfinite()
        if not small.any():
            return x
        multiple = np.ldexp(x.m, np.clip(x.k - units, -60, 53).astype(np.int32))
        small &= multiple != np.rint(multiple)
        noise = self._noise(x.m[:1], "underflow", np.ones(len(self.blocks)))
        grain = minimum(normal(np.ones(units.shape), units), abs(x) * Wide.of(0.5))
        return x + grain * Wide.of(noise * small)

    def _nearest(self, x: Wide) -> Wide:
        """x with the nearest number of a 16-bit format in the last samples: tensors that differ
        may become equal there, as they do in code, and no disturbance makes them."""
        if not self.flushes or not self.blocks or len(x.m) == 1:
            return x
        if self.bits > FORMATS["float16"].bits:
            return x
        m = np.array(x.m)
        last = m[-len(self.flushes) :]
        last[...] = np.ldexp(np.rint(np.ldexp(last, self.bits)), -self.bits)
        return normal(m, x.k)

    @cached_property
    def _roundoffs(self) -> Floats:
        return np.array([block.rounding.roundoff for block in self.blocks])

    @cached_property
    def _units(self) -> Floats:
        """The exponents of the smallest numbers, for each sample; none in those not rounded."""
        return self._spread([math.frexp(b.rounding.tiny)[1] - 1 for b in self.blocks], -1e9)

    def _spread(self, values: Sequence[float], otherwise: float = 0.0) -> Floats:
        """For each sample the value of its block."""
        of_blocks = np.repeat(np.array(values, dtype=np.float64), len(self.keys))
        return np.concatenate([[otherwise], of_blocks, [otherwise] * len(self.flushes)])

    def deviation(self, x: Wide) -> Wide:
        """For each deciding block the root mean square of what its samples differ from the
        nominal value by; 0 where all are the same infinity, nan where one is undefined. (1, …)
        where all samples agree."""
        if x.shape[0] == 1 or not self.blocks:
            return ZERO.broadcast((1, *x.shape[1:]))
        decided = x[: 1 + self.deciding * len(self.keys)]
        return root_mean_square(distances(decided).shaped(self._in_blocks))

    def spreads(self, x: Wide) -> tuple[Wide, Wide]:
        """For each block and then each flushing sample, the root mean square and the largest
        of the distances from the nominal value. (1, …) where all samples agree."""
        if x.shape[0] == 1:
            return (ZERO.broadcast(x.shape),) * 2
        d = distances(x)
        flushing = abs(d[len(d.m) - len(self.flushes) :])
        if not self.blocks:
            return flushing, flushing
        noisy = d.shaped(self._in_blocks)
        return join(root_mean_square(noisy), flushing), join(largest(noisy), flushing)

    def any_in_each(self, mask: Bools) -> Bools:
        """Whether a mask of samples holds for the nominal one or any of each block, and of
        each flushing sample."""
        if len(mask) == 1:
            return mask
        flushing = mask[len(mask) - len(self.flushes) :]
        if not self.blocks:
            return mask[:1] | flushing
        parts = self._in_blocks(mask[1:]).any(axis=1), flushing
        return np.asarray(mask[:1] | np.concatenate(parts))

    def unstable(self, d: Wide) -> Bools | None:
        """Where rounding or underflow may decide the sign of d, for each deciding block; None
        for nowhere."""
        if d.shape[0] == 1 or not self.blocks:
            return None
        signs = np.sign(d.m)
        flips = self.differs(signs != signs[:1])
        spread = self.deviation(d)
        near = (spread.m > 0) & (abs(d[:1]) <= spread * Wide.of(self.factor))
        tiny = [block.rounding.tiny for block in self.blocks[: self.deciding]]
        smallest = Wide.of(np.reshape(tiny, (-1, *(1,) * (len(d.shape) - 1))))
        flushed = (d.m[:1] != 0) & (abs(d[:1]) < smallest)
        return np.asarray(flips | near | flushed)

    def _noise(
        self, nominal: Floats, operation: str, scales: Floats, lost: Floats | None = None
    ) -> Floats:
        """For each nominal mantissa (1, …), or for it and what was `lost`, and for each sample,
        uniform in [-1, 1] times the scale of the block, 0 in the others: (samples, …)."""
        bits = np.abs(nominal).view(np.uint64) ^ _salt(operation)
        if lost is not None and lost.any():
            bits = bits ^ np.where(lost != 0, _mix(np.abs(lost).view(np.uint64)), np.uint64(0))
        keys = self.keys.reshape(-1, *(1,) * (nominal.ndim - 1))
        mixed = _mix(_mix(bits) + keys)
        unit = (mixed >> np.uint64(11)).astype(np.float64)
        unit *= 2.0**-52
        unit -= 1.0
        noise = np.zeros((self.samples, *nominal.shape[1:]))
        scales = scales.reshape(-1, *(1,) * nominal.ndim)
        np.multiply(unit, scales, out=self._in_blocks(noise[1:]))
        return noise


def distances(x: Wide) -> Wide:
    """What all samples but the nominal one differ from that by."""
    d = x[1:] - x[:1]
    return where(x[1:].equals(x[:1]), ZERO, d) if d.isnan().any() else d


def root_mean_square(d: Wide) -> Wide:
    """Of the samples of each block: along axis 1."""
    return sqrt((d * d).sum(1) / Wide.of(float(d.shape[1])))


def join(a: Wide, b: Wide) -> Wide:
    """One after the other along axis 0."""
    return Wide(np.concatenate([a.m, b.m]), np.concatenate([a.k, b.k]))


def largest(d: Wide) -> Wide:
    """The largest size among the samples of each block: along axis 1; nan where one is."""
    values, top = abs(d).aligned(1)
    return normal(values.max(axis=1), top[:, 0])


def _in_units(x: Wide, unit: Wide) -> Floats:
    """x in units of the power of two of another number, and never 0 unless it is 0: what two
    additions lost is told apart, and is the same where both operands are twice as large."""
    return np.asarray(np.ldexp(x.m, np.clip(x.k - unit.k, -1000, 1000).astype(np.int32)))


def exact_arithmetic() -> Arithmetic:
    return Arithmetic(np.zeros(0, np.uint64), (), 0, 0.0)


def flushing_arithmetic(format: str) -> Arithmetic:
    """The nominal sample, and one without rounding in which results are flushed."""
    return Arithmetic(np.zeros(0, np.uint64), (), 0, 0.0, (flushed_below(format),))


def flushed_below(format: str) -> int:
    """The exponent of the smallest normal number of the format of computation (float32 for 16
    bits): intermediate results below it count as 0 on hardware that flushes them, and in
    vectorised functions that give up early."""
    return -1022 if format == "float64" else -126


def noisy_arithmetic(
    blocks: Sequence[Block],
    samples: int,
    factor: float,
    seed: int,
    *,
    deciding: int = 1,
    flushes: Sequence[int] = (),
) -> Arithmetic:
    """The nominal sample, so many for each block, and one for each threshold."""
    start = np.uint64(int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:8], "little"))
    keys = _mix(np.arange(1, samples + 1, dtype=np.uint64) + start)
    return Arithmetic(keys, tuple(blocks), deciding, factor, tuple(flushes))


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
