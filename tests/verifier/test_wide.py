from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lawful.verifier import wide
from lawful.verifier.wide import Wide

mpmath.mp.prec = 300


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


def exact(x: Wide) -> mpmath.mpf:
    """A finite scalar, exactly."""
    return mpmath.ldexp(mpmath.mpf(float(x.m)), int(x.k))


def close(got: Wide, want: mpmath.mpf, relative: float = 1e-15) -> bool:
    if want == 0:
        return float(got.m) == 0
    return bool(abs(exact(got) - want) <= relative * abs(want))


def scalar(m: float, k: int) -> Wide:
    return wide.normal(np.asarray(m), np.asarray(float(k)))


mantissas = st.floats(0.5, 1.0, exclude_max=True) | st.floats(-1.0, -0.5, exclude_min=True)
numbers = st.builds(scalar, mantissas, st.integers(-5000, 5000)) | st.just(Wide.of(0.0))


@given(numbers, numbers)
def test_arithmetic_is_correctly_rounded_at_any_exponent(a: Wide, b: Wide) -> None:
    x, y = exact(a), exact(b)
    assert close(a * b, x * y, 2.0**-53)
    assert close(a + b, mpmath.fadd(x, y, exact=True), 2.0**-53)
    assert close(a - b, mpmath.fsub(x, y, exact=True), 2.0**-53)
    if y != 0:
        assert close(a / b, x / y, 2.0**-53)


@given(numbers, numbers)
def test_comparisons_are_exact(a: Wide, b: Wide) -> None:
    x, y = exact(a), exact(b)
    assert bool(a < b) == (x < y)
    assert bool(a <= b) == (x <= y)
    assert bool(a.equals(b)) == (x == y)
    assert exact(wide.minimum(a, b)) == min(x, y)
    assert exact(wide.maximum(a, b)) == max(x, y)


@given(numbers)
def test_results_are_in_normal_form(a: Wide) -> None:
    for x in (a, -a, a + a, a * a, wide.exp(a), wide.sqrt(abs(a))):
        assert float(x.m) == 0 or math.isinf(float(x.m)) or 0.5 <= abs(float(x.m)) < 1
        assert float(x.k) == round(float(x.k))


FUNCTIONS: list[tuple[Callable[[Wide], Wide], Callable[[Any], Any], list[float]]] = [
    (wide.log, mpmath.log, [1.0, 1 + 2.0**-40, 1 - 2.0**-40, 0.7, 0.71, 2.0, 1e-300, 1e300, 3.3]),
    (wide.log1p, mpmath.log1p, [1e-300, -1e-18, 1e-9, -0.5, 0.3, 7.0, 1e20, 1e300, -1 + 2.0**-30]),
    (wide.expm1, mpmath.expm1, [1e-300, -1e-18, 1e-9, -0.5, 0.3, 7.0, -50.0, 600.0, 800.0]),
    (wide.sqrt, mpmath.sqrt, [2.0, 0.5, 1e-301, 1e300, 0.3]),
    (wide.sin, mpmath.sin, [1e-300, 0.5, 3.0, 1e5, -2.0]),
    (wide.cos, mpmath.cos, [1e-300, 0.5, 3.0, 1e5, -2.0]),
    (wide.tanh, mpmath.tanh, [1e-300, -1e-10, 0.5, 3.0, 30.0, -400.0]),
    (wide.sech2, lambda x: mpmath.sech(x) ** 2, [1e-300, -1e-10, 0.5, 3.0, 30.0, -400.0, 1e5]),
    (wide.erf, mpmath.erf, [1e-300, -1e-10, 0.5, 3.0, -6.5]),
    (wide.floor, mpmath.floor, [1e-300, -1e-300, -0.5, 2.5, -2.5, 7.0, 1e300]),
    (wide.ceil, mpmath.ceil, [1e-300, -1e-300, -0.5, 2.5, -2.5, 7.0, 1e300]),
    (wide.sign, mpmath.sign, [1e-300, -1e-300, 5.0]),
]


@pytest.mark.parametrize(
    ("function", "true", "x"), [(f, g, x) for f, g, points in FUNCTIONS for x in points]
)
def test_functions_are_accurate(
    function: Callable[[Wide], Wide], true: Callable[[Any], Any], x: float
) -> None:
    assert close(function(Wide.of(x)), true(mpmath.mpf(x)))


@pytest.mark.parametrize("x", [0.0, 1e-300, -1e-9, 1.0, -700.5, 1e4, -1e4, 1e8, -1e8, 12345678.9])
def test_exp_and_its_logarithm_at_any_size(x: float) -> None:
    y = wide.exp(Wide.of(x))
    assert close(y, mpmath.exp(mpmath.mpf(x)), 1e-15 * max(1.0, abs(x)))
    assert abs(float(wide.log(y).floats()) - x) <= 1e-15 * max(1.0, abs(x))


def test_tiny_arguments_below_float64() -> None:
    tiny = scalar(0.7, -100_000)
    for f in (wide.sin, wide.tanh, wide.log1p, wide.expm1):
        assert close(f(tiny), exact(tiny))
    assert close(wide.erf(tiny), exact(tiny) * 2 / mpmath.sqrt(mpmath.pi))
    assert float(wide.floor(-tiny).floats()) == -1
    assert float(wide.ceil(tiny).floats()) == 1
    assert float(tiny.floats()) == 0 and float((-tiny).floats()) == 0


@pytest.mark.parametrize(
    ("x", "y"),
    [(x, y) for x in (0.3, 1.0, 2.0, 7.5, 1e-200) for y in (-33.0, -1.0, -0.5, 0.0, 0.5, 3.0, 2.7)],
)
def test_power(x: float, y: float) -> None:
    want = mpmath.power(mpmath.mpf(x), mpmath.mpf(y))
    error = 1e-15 * max(1.0, abs(y * math.log(x)))
    assert close(wide.power(Wide.of(x), Wide.of(y)), want, error)


def test_power_of_arrays_with_mixed_exponents() -> None:
    x = np.array([-2.0, -2.0, 4.0, 9.0, 2.0, -1.0, 3.0, 0.0, 0.0])
    y = np.array([3.0, -2.0, 0.5, -0.5, 0.3, 201.0, 100.0, 0.0, 0.2])
    got = wide.power(Wide.of(x), Wide.of(y)).floats()
    np.testing.assert_allclose(got, [-8, 0.25, 2, 1 / 3, 2**0.3, -1, 3.0**100, 1, 0], rtol=1e-13)
    assert got[[0, 1, 2]].tolist() == [-8, 0.25, 2], "exact powers are exact"


inf, nan = math.inf, math.nan
EDGES: list[tuple[Callable[[Wide, Wide], Wide], float, float, float]] = [
    (Wide.__mul__, 0.0, inf, 0.0),
    (Wide.__mul__, -inf, 0.0, 0.0),
    (Wide.__mul__, 0.0, nan, nan),
    (Wide.__mul__, 2.0, -inf, -inf),
    (Wide.__truediv__, 1.0, 0.0, nan),
    (Wide.__truediv__, 0.0, 0.0, nan),
    (Wide.__truediv__, inf, 0.0, nan),
    (Wide.__truediv__, inf, inf, nan),
    (Wide.__truediv__, 5.0, -inf, 0.0),
    (Wide.__add__, inf, -inf, nan),
    (Wide.__add__, inf, 1e300, inf),
    (Wide.__sub__, inf, inf, nan),
    (wide.power, 0.0, 0.0, 1.0),
    (wide.power, 0.0, -1.0, nan),
    (wide.power, 0.0, -0.3, nan),
    (wide.power, 0.0, 0.3, 0.0),
    (wide.power, -2.0, 0.3, nan),
    (wide.power, -2.0, 0.5, nan),
    (wide.power, nan, 0.0, nan),
    (wide.power, inf, -1.0, 0.0),
    (wide.power, inf, 0.3, inf),
    (wide.power, -inf, 3.0, -inf),
    (wide.power, 2.0, -inf, 0.0),
    (wide.maximum, 1.0, nan, nan),
    (wide.minimum, nan, 1.0, nan),
    (wide.maximum, inf, -inf, inf),
]


@pytest.mark.parametrize(("operation", "a", "b", "want"), EDGES)
def test_edges_of_arithmetic(
    operation: Callable[[Wide, Wide], Wide], a: float, b: float, want: float
) -> None:
    np.testing.assert_array_equal(operation(Wide.of(a), Wide.of(b)).floats(), want)


@pytest.mark.parametrize(
    ("function", "x", "want"),
    [
        (wide.exp, -inf, 0.0),
        (wide.exp, inf, inf),
        (wide.log, 0.0, -inf),
        (wide.log, -1.0, nan),
        (wide.log, inf, inf),
        (wide.log1p, -1.0, -inf),
        (wide.log1p, -2.0, nan),
        (wide.log1p, inf, inf),
        (wide.expm1, -inf, -1.0),
        (wide.expm1, inf, inf),
        (wide.sqrt, -1.0, nan),
        (wide.sqrt, inf, inf),
        (wide.sin, inf, nan),
        (wide.tanh, -inf, -1.0),
        (wide.erf, inf, 1.0),
        (wide.floor, -inf, -inf),
        (wide.exp, nan, nan),
        (wide.log, nan, nan),
        (wide.floor, nan, nan),
        (wide.inverse, 0.0, inf),
        (wide.inverse, -inf, 0.0),
        (wide.inverse, -4.0, -0.25),
    ],
)
def test_edges_of_functions(function: Callable[[Wide], Wide], x: float, want: float) -> None:
    np.testing.assert_array_equal(function(Wide.of(x)).floats(), want)


def test_comparisons_at_the_edges() -> None:
    values = Wide.of([-inf, -1.0, 0.0, 2.0, inf])
    less = values[:, None] < values[None, :]
    assert np.array_equal(less, np.triu(np.ones((5, 5), bool), 1))
    assert np.array_equal(values[:, None].equals(values[None, :]), np.eye(5, dtype=bool))
    undefined = Wide.of(nan)
    for compared in (undefined < values, undefined <= values, undefined.equals(values)):
        assert not compared.any()


def test_sums_align_to_the_largest_exponent_of_each_row() -> None:
    x = wide.exp(Wide.of([[1e8, 1e8, -1e8], [-1e8, -1e8, -3e8]]))
    total = x.sum(1)
    want = wide.log(Wide.of(2.0)).floats() + np.array([1e8, -1e8])
    np.testing.assert_allclose(wide.log(total).floats(), want, rtol=1e-15)
    assert float(Wide.of([0.0, 0.0]).sum(0).floats()) == 0
    assert math.isnan(float(Wide.of([inf, -inf, 1.0]).sum(0).floats()))
    assert float(Wide.of([inf, 1.0]).sum(0).floats()) == inf


def test_a_zero_does_not_disturb_tiny_neighbours() -> None:
    tiny = scalar(0.5, -100_000)
    assert exact(tiny + Wide.of(0.0)) == exact(tiny)
    both = Wide(np.array([float(tiny.m), 0.0]), np.array([float(tiny.k), 7.0]))
    assert exact(both.sum(0)) == exact(tiny)


def test_products() -> None:
    x = Wide.of([[1e200, 1e200, 3.0], [0.0, inf, 2.0]])
    y = x.prod(1)
    assert close(y[0], mpmath.mpf(1e200) ** 2 * 3)
    assert float(y[1].floats()) == 0


@given(st.fractions())
def test_rationals_are_rounded_once(x: Fraction) -> None:
    got = Wide.rational(x)
    assert abs(Fraction(float(got.m)) * Fraction(2) ** int(got.k) - x) <= abs(x) / 2**53


def test_fits() -> None:
    x = Wide.of([1.0, 0.1, 1 + 2.0**-23, 1 + 2.0**-24, 0.0, inf])
    assert x.fits(24).tolist() == [True, False, True, False, True, True]


def test_shapes() -> None:
    x = Wide.of(np.arange(6.0).reshape(2, 3))
    assert x.shaped(lambda a: a.T).floats().tolist() == [[0, 3], [1, 4], [2, 5]]
    assert x[:, 1].floats().tolist() == [1, 4]
    assert x[0].broadcast((4, 3)).floats().shape == (4, 3)
    assert wide.stack([x[0], x[1]], 1).floats().tolist() == [[0, 3], [1, 4], [2, 5]]
    index = np.array([[2], [0]])
    assert wide.take_along(x, index, 1).floats().tolist() == [[2], [3]]
