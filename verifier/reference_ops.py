"""Pointwise functions of the reference, each with its derivative."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from . import wide
from .reference_noise import FORMATS, Arithmetic
from .reference_tape import (
    Adjoint,
    Discrete,
    Jump,
    Real,
    derived,
    either,
    marks,
    slope,
    within,
)
from .wide import INF, NAN, ONE, ZERO, Bools, Wide, where

# A derivative, from the argument, the exact value of the function there, and the rounded one.
# Where code derives from the rounded value (1 - y^2 of tanh, y (1 - y) of sigmoid), its error is
# in the derivative; which is not the value's own, since code may derive a function around it.
Slope = Callable[[Wide, Wide, Wide], Wide]

SMOOTH: dict[str, tuple[Callable[[Wide], Wide], Slope]] = {
    "exp": (wide.exp, lambda x, y, rounded: rounded),
    "log": (wide.log, lambda x, y, rounded: wide.inverse(x)),
    "log1p": (wide.log1p, lambda x, y, rounded: wide.inverse(ONE + x)),
    "expm1": (wide.expm1, lambda x, y, rounded: wide.exp(x) + (rounded - y)),
    "sqrt": (wide.sqrt, lambda x, y, rounded: Wide.of(0.5) * wide.inverse(rounded)),
    "sin": (wide.sin, lambda x, y, rounded: wide.cos(x)),
    "cos": (wide.cos, lambda x, y, rounded: -wide.sin(x)),
    "tanh": (wide.tanh, lambda x, y, rounded: wide.sech2(x) + (y - rounded) * (y + rounded)),
    "sigmoid": (
        lambda x: ONE / (ONE + wide.exp(-x)),
        lambda x, y, rounded: wide.exp(-x) * y * y + (rounded - y) * (ONE - rounded - y),
    ),
    "erf": (wide.erf, lambda x, y, rounded: Wide.of(2 / math.sqrt(math.pi)) * wide.exp(-(x * x))),
}

ALGEBRAIC: dict[str, Wide] = {
    **dict.fromkeys(("exp", "log1p", "expm1", "sin", "cos", "tanh", "sigmoid", "erf"), ZERO),
    "log": ONE,
}
"""Where transcendental functions have exact values: nowhere else, though 1 - 1e-26 rounds to 1."""

LARGEST_EXPONENT = {"float64": 1024, "float32": 128, "bfloat16": 128, "float16": 16}

STEPPED: dict[str, Callable[[Wide], Wide]] = {
    "sign": wide.sign,
    "floor": wide.floor,
    "ceil": wide.ceil,
}


SATURATING = frozenset({"tanh", "sigmoid", "erf"})


def smooth(arithmetic: Arithmetic, name: str, x: Real) -> Real:
    """A function of SMOOTH."""
    function, derivative = SMOOTH[name]
    exact = function(x.value)
    plain = ALGEBRAIC.get(name)
    certain = None if plain is None else x.value.equals(plain)
    lost = None
    if name in SATURATING:  # 1 for every large argument, and yet not equal
        certain = x.value.m == 0
        lost = np.where(abs(exact[:1]).equals(ONE), x.value[:1].floats(), 0.0)
    rounded = arithmetic.round(exact, name, certain, lost)

    def partial() -> Wide:
        kept = arithmetic.round(exact, f"{name} {next(arithmetic.uses)}", certain, lost)
        slope = derivative(x.value, exact, kept)
        if name == "log" and arithmetic.recomputing is not None:
            slope = slope * recomputed(arithmetic, exact - rounded)
        return arithmetic.round(slope, "partial")

    return derived(rounded, x.jump, [slope(arithmetic, x, partial, x.jump)])


def recomputed(arithmetic: Arithmetic, slip: Wide) -> Wide:
    """exp(slip) in the samples that recompute from a rounded logarithm, 1 in the others."""
    assert arithmetic.recomputing is not None
    return where(in_samples(arithmetic.recomputing, slip), wide.exp(slip), ONE)


def in_samples(mask: Bools, x: Wide) -> Bools:
    """A mask of samples, as an array that broadcasts with x."""
    return mask.reshape(-1, *(1,) * (len(x.shape) - 1))


def stepped(arithmetic: Arithmetic, function: Callable[[Wide], Wide], x: Real) -> Real:
    """A piecewise constant function: derivative 0, and a jump wherever x is so close to a step
    that rounding may take it across."""
    y = function(x.value)
    reach = arithmetic.deviation(x.value) * Wide.of(arithmetic.factor)
    low, high = function(x.value[:1] - reach), function(x.value[:1] + reach)
    crossed = arithmetic.differs(~y.equals(y[:1])) | (~low.equals(high) & (reach.m != 0))
    return Real(y, either(x.jump, marks(crossed)))


def rounded(arithmetic: Arithmetic, name: str, x: Real) -> Real:
    """The nearest number of a format, ties to even, with the derivative of x."""
    steps = stepped(arithmetic, lambda y: _nearest(y, name), x)
    return derived(steps.value, steps.jump, [(x, lambda adjoint: adjoint)])


def _nearest(x: Wide, name: str) -> Wide:
    rounding = FORMATS[name]
    unit = np.maximum(x.k - rounding.bits, math.frexp(rounding.tiny)[1] - 1)
    multiple = np.rint(np.ldexp(x.m, np.maximum(x.k - unit, -4000).astype(np.int32)))
    y = wide.normal(multiple, unit)
    return where((y.k > LARGEST_EXPONENT[name]) & (y.m != 0), wide.sign(y) * INF, y)


def as_integers(arithmetic: Arithmetic, x: Real) -> Discrete:
    """A whole real as an integer; undefined where it is none."""
    whole = x.value.isfinite()
    numbers = np.where(whole, x.value.floats(), 0.0).astype(np.int64)
    return Discrete(numbers, either(x.jump, marks(arithmetic.differs(~whole))))


def absolute(arithmetic: Arithmetic, x: Real) -> Real:
    def partial() -> Wide:
        return where(x.value.m == 0, NAN, wide.sign(x.value))

    jump = either(x.jump, arithmetic.unstable(x.value))
    return derived(abs(x.value), x.jump, [slope(arithmetic, x, partial, jump)])


def add(
    arithmetic: Arithmetic, terms: Sequence[tuple[int, Real]], accumulated: bool = False
) -> Real:
    """The sum of terms with signs +1 and -1, from the left; one of them may be a sum so far."""
    plus = arithmetic.accumulate if accumulated else arithmetic.add

    def signed(sign: int, x: Wide) -> Wide:
        return x if sign > 0 else -x

    total = signed(terms[0][0], terms[0][1].value)
    for sign, term in terms[1:]:
        total = plus(total, signed(sign, term.value))

    def edge(sign: int, term: Real) -> tuple[Real, Callable[[Adjoint], Adjoint]]:
        return term, lambda adjoint: Adjoint(signed(sign, adjoint.value), adjoint.jump)

    edges = [edge(sign, term) for sign, term in terms]
    return derived(total, either(*(term.jump for _, term in terms)), edges)


def multiply(arithmetic: Arithmetic, a: Real, b: Real) -> Real:
    return derived(
        arithmetic.multiply(a.value, b.value),
        either(a.jump, b.jump),
        [
            slope(arithmetic, a, lambda: b.value, b.jump),
            slope(arithmetic, b, lambda: a.value, a.jump),
        ],
    )


def divide(arithmetic: Arithmetic, a: Real, b: Real) -> Real:
    y = arithmetic.divide(a.value, b.value)
    jump = either(a.jump, b.jump)

    def by_a() -> Wide:
        return arithmetic.round(wide.inverse(b.value), "divide")

    def by_b() -> Wide:
        return -arithmetic.divide(y, b.value)

    return derived(y, jump, [slope(arithmetic, a, by_a, b.jump), slope(arithmetic, b, by_b, jump)])


def power(arithmetic: Arithmetic, a: Real, b: Real) -> Real:
    y = arithmetic.round(wide.power(a.value, b.value), "power")
    jump = either(a.jump, b.jump)

    def by_a() -> Wide:
        lower = wide.power(a.value, b.value - ONE)
        root = (a.value.m == 0) & (b.value.m > 0) & (b.value < ONE)
        partial = b.value * where(root, INF, lower)
        return arithmetic.round(where(b.value.m == 0, ZERO, partial), "power")

    def by_b() -> Wide:
        return arithmetic.multiply(y, arithmetic.round(wide.log(a.value), "log"))

    return derived(y, jump, [slope(arithmetic, a, by_a, jump), slope(arithmetic, b, by_b, jump)])


def side_by_side(values: Sequence[Real]) -> Real:
    """The values along a new last axis."""
    shape = np.broadcast_shapes(*(x.value.shape for x in values))
    parts = [x.value.broadcast(shape) for x in values]
    jump: Jump = None
    if any(x.jump is not None for x in values):
        none = np.zeros((1, *shape[1:]), np.bool_)
        jumps = np.broadcast_arrays(none, *(none if x.jump is None else x.jump for x in values))
        jump = np.stack(jumps[1:], axis=-1)

    def edge(i: int) -> tuple[Real, Callable[[Adjoint], Adjoint]]:
        def pull(adjoint: Adjoint) -> Adjoint:
            jump = adjoint.jump
            if jump is not None:
                jump = np.broadcast_to(jump, (len(jump), *adjoint.value.shape[1:]))[..., i]
            return Adjoint(adjoint.value[..., i], jump)

        return values[i], pull

    return derived(wide.stack(parts, -1), jump, [edge(i) for i in range(len(values))])


def compare(arithmetic: Arithmetic, operator: str, a: Real, b: Real) -> Discrete:
    """A comparison; it jumps where rounding may decide it, or where it is undefined."""
    equal, less = a.value.equals(b.value), a.value < b.value
    if arithmetic.recomputing is not None and len(equal) > 1:
        same = ~arithmetic.differs(~equal).any(axis=0) & in_samples(arithmetic.recomputing, a.value)
        equal, less = equal | same, less & ~same
    undefined = arithmetic.differs(a.value.isnan() | b.value.isnan())
    unstable = arithmetic.unstable(difference(a.value, b.value))
    jump = either(a.jump, b.jump, unstable, marks(undefined))
    return Discrete(_holds(operator, less, equal, ~(less | equal)), jump)


def compare_discrete(operator: str, a: Discrete, b: Discrete) -> Discrete:
    x, y = a.value.astype(np.int64), b.value.astype(np.int64)
    return Discrete(_holds(operator, x < y, x == y, x > y), either(a.jump, b.jump))


def _holds(operator: str, less: Bools, equal: Bools, greater: Bools) -> Bools:
    return {
        "<": less,
        "<=": less | equal,
        ">": greater,
        ">=": greater | equal,
        "==": equal,
        "!=": ~equal,
    }[operator]


def difference(a: Wide, b: Wide) -> Wide:
    """a - b, and 0 between equal infinities."""
    d = a - b
    return where(a.equals(b), ZERO, d) if d.isnan().any() else d


def both(a: Discrete, b: Discrete) -> Discrete:
    """a and b, where b is not looked at unless a holds."""
    holds = np.asarray(a.value, np.bool_)
    return Discrete(holds & b.value, either(a.jump, within(b.jump, holds[:1])))


def negated(a: Discrete) -> Discrete:
    return Discrete(~np.asarray(a.value, np.bool_), a.jump)
