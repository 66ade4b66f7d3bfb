"""Arithmetic on the extended reals, with certainty.

    Extended = arb (a ball around a finite real) | inf | -inf | UNDEFINED

Every operation has the value that the language gives it ("The edges"): `0 * inf` is 0,
`finite / inf` is 0, `0 ^ 0` is 1, `log(0)` is -inf; `x / 0`, `inf - inf`, `inf / inf` and
the log or root of a negative are undefined, and UNDEFINED propagates through everything.

Where a ball is too wide to tell which case holds, the operation raises Undecided, and the
whole computation is to be repeated with more digits. At the last precision (`working`) a
number that cannot be told from 0 counts as 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from math import inf, ldexp

from flint import arb, ctx


class Undefined(Enum):
    UNDEFINED = "undefined"

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED = Undefined.UNDEFINED
Extended = arb | float | Undefined

ZERO, ONE = arb(0), arb(1)
TINY = arb(2) ** -1130
"""Below the square of nothing that float64 can hold: 1e-340. A ball around 0 with a smaller
radius is 0 for every purpose outside."""

FORMATS = {8: (-126, 127), 11: (-14, 15), 24: (-126, 127), 53: (-1022, 1023)}
"""Floating-point formats by the bits of their significand: the exponents of the smallest and
the largest normal number. bfloat16, float16, float32, float64."""


class Undecided(Exception):
    """The working precision is too low to tell."""


_last: ContextVar[bool] = ContextVar("_last", default=False)


@contextmanager
def working(digits: int, last: bool) -> Iterator[None]:
    """Compute with so many digits; `last` says that no repetition with more will follow."""
    before, token = ctx.prec, _last.set(last)
    ctx.dps = digits
    try:
        yield
    finally:
        ctx.prec = before
        _last.reset(token)


FINE = 2_000
"""Bits of precision from which on a transcendental function takes longer than to look up whether
it has been evaluated there. At the last precision the same differences come again and again: for
every element of a row, for its derivatives, for a case with masked elements overwritten."""
MOST = 4_096
"""How many values are kept; one takes some kilobytes."""
_kept: dict[tuple[object, ...], arb] = {}


def _evaluated(function: Callable[[arb], arb], x: arb) -> arb:
    """The value of a function at a ball, at the working precision."""
    if ctx.prec < FINE or not x.is_finite():
        return function(x)
    key = (function, ctx.prec, x.mid().man_exp(), x.rad().man_exp())
    if key not in _kept:
        if len(_kept) == MOST:
            del _kept[next(iter(_kept))]
        _kept[key] = function(x)
    return _kept[key]


def accept_tie(x: arb) -> None:
    """Let `x`, a ball that contains 0, count as 0; or raise Undecided."""
    if not _last.get() or not x.rad() < TINY:
        raise Undecided


def _finite(x: arb) -> arb:
    if not x.is_finite():
        raise Undecided
    return x


def sign(x: arb | float) -> int:
    if x > 0:
        return 1
    if x < 0:
        return -1
    if type(x) is arb and not x.is_zero():
        accept_tie(x)
    return 0


def compare(a: arb | float, b: arb | float) -> int:
    """-1, 0 or 1 as a is less than, equal to or greater than b."""
    if type(a) is arb and type(b) is arb:
        return 0 if a is b else sign(a - b)
    if type(a) is float:
        return 0 if type(b) is float and a == b else sign(a)
    return -sign(b)


def add(a: Extended, b: Extended) -> Extended:
    if type(a) is arb and type(b) is arb:
        return a + b
    if a is UNDEFINED or b is UNDEFINED:
        return UNDEFINED
    if type(a) is arb:
        return b
    if type(b) is arb:
        return a
    return a if a == b else UNDEFINED


def negate(a: Extended) -> Extended:
    return UNDEFINED if isinstance(a, Undefined) else -a


def multiply(a: Extended, b: Extended) -> Extended:
    if type(a) is arb and type(b) is arb:
        return a * b
    if isinstance(a, Undefined) or isinstance(b, Undefined):
        return UNDEFINED
    s = sign(a) * sign(b)
    return s * inf if s else ZERO


def divide(a: Extended, b: Extended) -> Extended:
    if type(a) is arb and type(b) is arb:
        quotient = a / b
        if quotient.is_finite():
            return quotient
    if isinstance(a, Undefined) or isinstance(b, Undefined):
        return UNDEFINED
    if type(b) is float:
        return ZERO if type(a) is arb else UNDEFINED
    s = sign(b)
    return a * s if s and type(a) is float else UNDEFINED


def exp(a: Extended) -> Extended:
    if type(a) is arb:
        return _finite(_evaluated(arb.exp, a))
    if isinstance(a, Undefined):
        return UNDEFINED
    return inf if a > 0 else ZERO


def expm1(a: Extended) -> Extended:
    if type(a) is arb:
        return _finite(_evaluated(arb.expm1, a))
    if isinstance(a, Undefined):
        return UNDEFINED
    return inf if a > 0 else -ONE


def log(a: Extended) -> Extended:
    if type(a) is arb:
        result = _evaluated(arb.log, a)
        if result.is_finite():
            return result
        return UNDEFINED if sign(a) else -inf
    return inf if a == inf else UNDEFINED


def log1p(a: Extended) -> Extended:
    if type(a) is arb:
        result = _evaluated(arb.log1p, a)
        if result.is_finite():
            return result
        return UNDEFINED if sign(a + 1) else -inf
    return inf if a == inf else UNDEFINED


def sqrt(a: Extended) -> Extended:
    if type(a) is arb:
        result = a.sqrt()
        if result.is_finite():
            return result
        return UNDEFINED if sign(a) else ZERO
    return inf if a == inf else UNDEFINED


def sin(a: Extended) -> Extended:
    return a.sin() if type(a) is arb else UNDEFINED


def cos(a: Extended) -> Extended:
    return a.cos() if type(a) is arb else UNDEFINED


def tanh(a: Extended) -> Extended:
    if type(a) is arb:
        return _evaluated(arb.tanh, a)
    return UNDEFINED if isinstance(a, Undefined) else arb(sign(a))


def sech2(a: Extended) -> Extended:
    """1 / cosh(a)^2, the derivative of tanh."""
    if type(a) is arb:
        return _evaluated(arb.sech, a) ** 2
    return UNDEFINED if isinstance(a, Undefined) else ZERO


def erf(a: Extended) -> Extended:
    if type(a) is arb:
        return _evaluated(arb.erf, a)
    return UNDEFINED if isinstance(a, Undefined) else arb(sign(a))


def power(base: Extended, exponent: Extended) -> Extended:
    """`base ^ exponent`: any base where the exponent is an integer, else none below 0."""
    if isinstance(base, Undefined) or isinstance(exponent, Undefined):
        return UNDEFINED
    if type(exponent) is arb and exponent.is_integer():
        return _integer_power(base, exponent)
    s = sign(base)
    if s == 0:
        order = sign(exponent)
        return ZERO if order > 0 else UNDEFINED if order else ONE
    if s > 0:
        if type(base) is arb and type(exponent) is arb:
            return _finite(base**exponent)
        return exp(multiply(exponent, log(base)))
    if type(exponent) is arb and exponent.contains_integer():
        nearest = (exponent + arb(0.5)).mid().floor()
        accept_tie(exponent - nearest)
        return _integer_power(base, nearest)
    return UNDEFINED


def _integer_power(base: arb | float, n: arb) -> Extended:
    order = sign(n)
    if order == 0:
        return ONE
    if order < 0:
        return divide(ONE, _integer_power(base, -n))
    if type(base) is arb:
        result = base**n
        return result if result.is_finite() else _multiplied(base, int(n.unique_fmpz() or 0))
    return inf if base > 0 or (n / 2).is_integer() else -inf


def _multiplied(base: arb, n: int) -> arb:
    """base ^ n for n > 0 by repeated squaring: a ball around 0 has no logarithm."""
    result = ONE
    while n:
        if n % 2:
            result *= base
        base, n = base * base, n // 2
    return _finite(result)


def floor(a: arb | float) -> int | float:
    """The floor as an integer, or ±inf."""
    if isinstance(a, float):
        return a
    n = a.floor().unique_fmpz()
    if n is None:
        n = (a + arb(0.5)).mid().floor().unique_fmpz()
        assert n is not None
        accept_tie(a - n)
    return int(n)


def rounded(a: Extended, bits: Extended) -> Extended:
    """The nearest number of the format with a significand of so many bits, ties to even;
    ±inf beyond its range."""
    if type(a) is not arb or type(bits) is not arb:
        return a
    p = int(bits.unique_fmpz() or 0)
    if a.is_exact():
        return _nearest(a, p)
    low, high = _nearest(a.lower(), p), _nearest(a.upper(), p)
    if compare(low, high) != 0:
        if not _last.get() or not a.rad() < TINY:
            raise Undecided
        if type(low) is arb and type(high) is arb:
            return _nearest((low + high) / 2, p)
    return high


def _nearest(x: arb, bits: int) -> arb | float:
    """The exact number `x`, rounded."""
    smallest, largest = FORMATS[bits]
    m, e = (int(part) for part in x.man_exp())
    if m == 0:
        return ZERO
    leading = m.bit_length() + e - 1
    if leading > largest:
        return inf if m > 0 else -inf
    place = max(leading, smallest) - bits + 1  # the exponent of the last place
    if place <= e:
        return x
    if place > e + m.bit_length() + 1:
        return ZERO
    quotient, rest = divmod(m, 1 << (place - e))
    half = 1 << (place - e - 1)
    quotient += rest > half or (rest == half and quotient % 2 == 1)
    if quotient.bit_length() + place - 1 > largest:
        return inf if m > 0 else -inf
    return arb((quotient, place))


def to_float(x: arb) -> float:
    """The float64 nearest to the middle of a ball, subnormal numbers included."""
    value = float(x)
    if abs(value) > 1e-300 or x.is_zero():
        return value
    nearest = _nearest(x.mid(), 53)
    m, e = arb(nearest).man_exp()
    return ldexp(int(m), int(e))


def softmax(z: Extended, *others: Extended) -> Extended:
    """exp(z) over the sum of the exponentials of all, z included."""
    return divide(ONE, add(ONE, _excess(z, others)))


def log_softmax(z: Extended, *others: Extended) -> Extended:
    return negate(log1p(_excess(z, others)))


def _excess(z: Extended, others: tuple[Extended, ...]) -> Extended:
    """The sum of exp(other - z); UNDEFINED where the softmax is."""
    if isinstance(z, Undefined) or any(isinstance(v, Undefined) for v in others):
        return UNDEFINED
    if type(z) is float:
        admitted = z < 0 and any(type(v) is arb or v == inf for v in others)
        return inf if admitted else UNDEFINED
    total: Extended = ZERO
    for v in others:
        total = add(total, exp(add(v, -z)))
    return total


def logsumexp(*z: Extended) -> Extended:
    if any(isinstance(v, Undefined) for v in z):
        return UNDEFINED
    if any(type(v) is float and v > 0 for v in z):
        return inf
    finite = [v for v in z if type(v) is arb]
    if not finite:
        return -inf
    most = max(range(len(finite)), key=lambda i: finite[i].mid())
    others = (v - finite[most] for i, v in enumerate(finite) if i != most)
    return finite[most] + _evaluated(arb.log1p, sum((_evaluated(arb.exp, v) for v in others), ZERO))
