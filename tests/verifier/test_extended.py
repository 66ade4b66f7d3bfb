"""Arithmetic on the extended reals: its laws, its edges, and that it never guesses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from math import inf, nextafter
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from flint import arb, ctx, fmpq
from hypothesis import assume, given
from hypothesis import strategies as st
from lawful.verifier import extended as ex
from lawful.verifier.extended import ONE, UNDEFINED, ZERO, Extended, Undecided, working

EXACT = [arb(x) for x in (-2.0, -1.0, 0.0, 0.5, 1.0, 3.0)]
everything = st.sampled_from([*EXACT, inf, -inf, UNDEFINED])
floats = st.floats(allow_nan=False, allow_infinity=False)
TORCH = {8: torch.bfloat16, 11: torch.float16, 24: torch.float32, 53: torch.float64}


@pytest.fixture(autouse=True)
def fifty_digits() -> Iterator[None]:
    with working(50, last=False):
        yield


def third() -> arb:
    return arb(fmpq(1, 3))


def same(a: Extended, b: Extended) -> bool:
    if isinstance(a, arb) and isinstance(b, arb):
        return a.overlaps(b)
    return a == b


EDGES: list[tuple[Extended, Extended]] = [
    (ex.multiply(ZERO, inf), ZERO),
    (ex.multiply(-inf, ZERO), ZERO),
    (ex.multiply(ZERO, UNDEFINED), UNDEFINED),
    (ex.multiply(arb(-2), inf), -inf),
    (ex.multiply(-inf, -inf), inf),
    (ex.add(inf, -inf), UNDEFINED),
    (ex.add(inf, inf), inf),
    (ex.add(ONE, -inf), -inf),
    (ex.divide(ONE, ZERO), UNDEFINED),
    (ex.divide(ZERO, ZERO), UNDEFINED),
    (ex.divide(inf, ZERO), UNDEFINED),
    (ex.divide(ONE, inf), ZERO),
    (ex.divide(inf, arb(-2)), -inf),
    (ex.divide(inf, -inf), UNDEFINED),
    (ex.exp(-inf), ZERO),
    (ex.exp(inf), inf),
    (ex.expm1(-inf), arb(-1)),
    (ex.log(ZERO), -inf),
    (ex.log(inf), inf),
    (ex.log(-inf), UNDEFINED),
    (ex.log(arb(-1)), UNDEFINED),
    (ex.log1p(arb(-1)), -inf),
    (ex.log1p(arb(-2)), UNDEFINED),
    (ex.sqrt(ZERO), ZERO),
    (ex.sqrt(arb(-1)), UNDEFINED),
    (ex.sqrt(inf), inf),
    (ex.sin(inf), UNDEFINED),
    (ex.cos(-inf), UNDEFINED),
    (ex.tanh(-inf), arb(-1)),
    (ex.erf(inf), ONE),
    (ex.sech2(inf), ZERO),
    (ex.power(ZERO, ZERO), ONE),
    (ex.power(inf, ZERO), ONE),
    (ex.power(UNDEFINED, ZERO), UNDEFINED),
    (ex.power(ZERO, arb(-1)), UNDEFINED),
    (ex.power(ZERO, arb(0.5)), ZERO),
    (ex.power(ZERO, inf), ZERO),
    (ex.power(arb(-8), arb(fmpq(1, 3))), UNDEFINED),
    (ex.power(arb(-2), arb(3)), arb(-8)),
    (ex.power(-inf, arb(3)), -inf),
    (ex.power(-inf, arb(2)), inf),
    (ex.power(-inf, arb(-1)), ZERO),
    (ex.power(inf, arb(0.5)), inf),
    (ex.power(arb(2), -inf), ZERO),
    (ex.power(ONE, inf), ONE),
    (ex.logsumexp(), -inf),
    (ex.logsumexp(-inf, -inf), -inf),
    (ex.logsumexp(-inf, arb(3)), arb(3)),
    (ex.logsumexp(inf, ZERO), inf),
    (ex.softmax(-inf, ZERO), ZERO),
    (ex.softmax(ZERO, -inf), ONE),
    (ex.softmax(-inf, -inf), UNDEFINED),
    (ex.softmax(inf, ZERO), UNDEFINED),
    (ex.softmax(ZERO, inf), ZERO),
    (ex.log_softmax(-inf, ZERO), -inf),
    (ex.log_softmax(ZERO, -inf), ZERO),
    (ex.rounded(inf, arb(8)), inf),
    (ex.rounded(UNDEFINED, arb(8)), UNDEFINED),
]


@pytest.mark.parametrize(("got", "expected"), EDGES)
def test_edges(got: Extended, expected: Extended) -> None:
    assert got == expected and type(got) is type(expected)


@given(everything, everything, everything)
def test_laws(a: Extended, b: Extended, c: Extended) -> None:
    assert same(ex.add(a, b), ex.add(b, a))
    assert same(ex.add(ex.add(a, b), c), ex.add(a, ex.add(b, c)))
    assert same(ex.multiply(a, b), ex.multiply(b, a))
    assert same(ex.multiply(ex.multiply(a, b), c), ex.multiply(a, ex.multiply(b, c)))
    assert same(ex.multiply(a, ONE), a) and same(ex.add(a, ZERO), a)
    assert same(ex.negate(ex.negate(a)), a)
    assert same(ex.divide(a, ONE), a)


@given(everything, everything)
def test_undefined_propagates(a: Extended, b: Extended) -> None:
    """Every operation is undefined where an argument is."""
    binary = (ex.add, ex.multiply, ex.divide, ex.power, ex.softmax, ex.log_softmax, ex.logsumexp)
    for operation in binary:
        if a is UNDEFINED or b is UNDEFINED:
            assert operation(a, b) is UNDEFINED
    for function in (ex.exp, ex.expm1, ex.log, ex.log1p, ex.sqrt, ex.sin, ex.cos, ex.tanh, ex.erf,
                     ex.sech2, ex.negate):  # fmt: skip
        assert function(UNDEFINED) is UNDEFINED


@given(floats, floats)
def test_finite_arithmetic_is_that_of_fractions(a: float, b: float) -> None:
    x, y = Fraction(a), Fraction(b)
    results = [(ex.add, x + y), (ex.multiply, x * y)] + ([(ex.divide, x / y)] if y else [])
    for operation, exact in results:
        got = operation(arb(a), arb(b))
        assert isinstance(got, arb) and got.contains(fmpq(exact.numerator, exact.denominator))
    assert ex.compare(arb(a), arb(b)) == (a > b) - (a < b)
    assert ex.compare(arb(a), inf) == -1 and ex.compare(-inf, arb(a)) == -1
    assert ex.compare(inf, inf) == 0 and ex.compare(inf, -inf) == 1


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_functions_match_mpmath(a: float, b: float) -> None:
    with mpmath.workdps(60):
        x, y = mpmath.mpf(a), mpmath.mpf(b)
        results: list[tuple[Extended, Any]] = [
            (ex.exp(arb(a)), mpmath.exp(x)),
            (ex.expm1(arb(a)), mpmath.expm1(x)),
            (ex.sin(arb(a)), mpmath.sin(x)),
            (ex.cos(arb(a)), mpmath.cos(x)),
            (ex.tanh(arb(a)), mpmath.tanh(x)),
            (ex.sech2(arb(a)), mpmath.sech(x) ** 2),
            (ex.erf(arb(a)), mpmath.erf(x)),
            (ex.softmax(arb(a), arb(b)), 1 / (1 + mpmath.exp(y - x))),
            (ex.log_softmax(arb(a), arb(b)), -mpmath.log1p(mpmath.exp(y - x))),
            (ex.logsumexp(arb(a), arb(b)), mpmath.log(mpmath.exp(x) + mpmath.exp(y))),
        ]
        if a > 0:
            results += [
                (ex.log(arb(a)), mpmath.log(x)),
                (ex.log1p(arb(a)), mpmath.log1p(x)),
                (ex.sqrt(arb(a)), mpmath.sqrt(x)),
                (ex.power(arb(a), arb(b)), mpmath.exp(y * mpmath.log(x))),
            ]
        for got, expected in results:
            assert isinstance(got, arb)
            printed = mpmath.mpf(got.str(45, radius=False))
            assert abs(printed - expected) <= mpmath.mpf(10) ** -40 * max(abs(expected), 1)


def test_nothing_is_guessed() -> None:
    """A ball around 0 is neither 0 nor not: more digits, or at the last an exact tie."""
    fuzz = third() * 3 - 1
    undecided: list[Callable[[], Extended]] = [
        lambda: ex.sign(fuzz),
        lambda: ex.compare(third() * 3, ONE),
        lambda: ex.divide(ONE, fuzz),
        lambda: ex.multiply(inf, fuzz),
        lambda: ex.log(fuzz),
        lambda: ex.sqrt(fuzz),
        lambda: ex.power(fuzz, arb(0.5)),
        lambda: ex.power(arb(-1), third() * 6),
        lambda: ex.floor(third() * 3),
        lambda: ex.rounded(ONE + arb(2) ** -8 + fuzz, arb(8)),
    ]
    undecided.append(lambda: ex.sign(fuzz * arb(2) ** -2000))
    for attempt in undecided:
        with pytest.raises(Undecided):
            attempt()
    with working(400, last=True):
        fuzz = third() * 3 - 1
        decided = [attempt() for attempt in undecided]
    assert decided[:5] == [0, 0, UNDEFINED, ZERO, -inf]
    assert decided[5:] == [ZERO, ZERO, ONE, 1, ONE, 0]
    assert not fuzz.is_exact()


def test_a_wide_ball_stays_undecided_at_the_last() -> None:
    with working(50, last=True), pytest.raises(Undecided):
        ex.sign(third() * 3 - 1)


def test_precision_is_restored() -> None:
    before = ctx.prec
    with pytest.raises(ZeroDivisionError), working(200, last=True):
        assert ctx.dps == 200
        raise ZeroDivisionError
    assert ctx.prec == before


@given(st.floats(width=64, allow_nan=False, allow_infinity=False), st.sampled_from(sorted(TORCH)))
def test_rounded_is_torchs(x: float, bits: int) -> None:
    if bits == 8:  # torch takes float64 to bfloat16 by way of float32: keep to numbers of that
        assume(abs(x) < 3e38)
        x = float(np.float32(x))
    expected = float(torch.tensor(x, dtype=torch.float64).to(TORCH[bits]))
    assert ex.rounded(arb(x), arb(bits)) == expected


@pytest.mark.parametrize("bits", sorted(TORCH))
def test_rounded_at_the_ends_of_a_format(bits: int) -> None:
    info = torch.finfo(TORCH[bits])
    one = arb(bits)
    assert ex.rounded(ONE + arb(2) ** -bits, one) == 1
    assert ex.rounded(ONE + arb(2) ** -bits + arb(2) ** -100, one) == 1 + info.eps
    assert ex.rounded(ONE + 3 * arb(2) ** -bits, one) == 1 + 2 * info.eps
    assert ex.rounded(arb(info.max), one) == info.max
    half = arb(2) ** (-bits - 1)
    assert ex.rounded(arb(info.max) * (1 + half / 2), one) == info.max
    assert ex.rounded(arb(info.max) * (1 + half * 4), one) == inf
    least = arb(info.smallest_normal) * arb(info.eps)
    assert ex.rounded(least, one) == least
    assert ex.rounded(least / 2, one) == 0
    assert ex.rounded(least * 3 / 2, one) == least * 2
    assert ex.rounded(-least * arb(0.75), one) == -least
    assert ex.rounded(arb(-1e8).exp(), one) == 0


@given(floats, st.floats(-1, 1))
def test_to_float_is_nearest(x: float, shift: float) -> None:
    """Moved by less than half a unit in the last place, a number comes back."""
    gap = Fraction(nextafter(abs(x), inf)) - Fraction(abs(x)) if abs(x) < 1e308 else Fraction(1)
    moved = Fraction(x) + gap * Fraction(shift) / 4
    assert ex.to_float(arb(fmpq(moved.numerator, moved.denominator))) == x


def test_to_float_at_the_ends() -> None:
    assert ex.to_float(arb(2) ** -1075 * arb(1.5)) == 5e-324
    assert ex.to_float(arb(2) ** -1075) == 0.0
    assert ex.to_float(arb(-2) ** 5001) == -inf
    assert ex.to_float(arb(-1e8).exp()) == 0.0


@given(st.floats(-1e15, 1e15))
def test_floor(x: float) -> None:
    assert ex.floor(arb(x)) == x // 1
    assert ex.floor(inf) == inf and ex.floor(-inf) == -inf


@pytest.mark.parametrize("n", [1, 2, 3, 10])
def test_a_ball_centred_at_0_has_whole_powers(n: int) -> None:
    ball = arb(0, 0.5)
    result = ex.power(ball, arb(n))
    assert isinstance(result, arb) and result.is_finite()
    assert result.contains(arb(0.5) ** n) and result.contains(0)
