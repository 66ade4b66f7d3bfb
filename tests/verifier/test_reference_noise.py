"""The noise of sums: that of rounding, which knows the terms, their order and their signs."""

from __future__ import annotations

from pathlib import Path

import lawful
import numpy as np
from lawful.verifier.flatten import flatten
from lawful.verifier.reference import Spread, spread
from lawful.verifier.reference_noise import FORMATS, Block, noisy_arithmetic
from lawful.verifier.wide import Wide


def summed(*rows: list[float]) -> np.ndarray:
    """Noisy sums of rows in float32: a sample a row of the result, the exact one first."""
    arithmetic = noisy_arithmetic([Block(FORMATS["float32"])], 32, 32.0, 0)
    return arithmetic.sum(Wide.of(np.array([rows])), (2,)).floats()[..., 0]


def test_the_same_terms_have_the_same_noise_and_their_negatives_the_opposite() -> None:
    terms = [-6103.515625, -1e8, 1e8, 6103.515625]
    first, again, turned = summed(terms, terms, [-x for x in terms]).T
    assert first[0] == turned[0] == 0 and np.ptp(first) > 1
    assert (first == again).all() and (turned == -first).all()


def test_another_order_has_other_noise() -> None:
    first, other = summed([6103.515625, 1e8, -1e8], [1e8, 6103.515625, -1e8]).T
    assert first[0] == other[0] and not (first == other)[1:].any()


def test_sums_that_are_exact_in_every_order_have_none() -> None:
    assert (summed([0.5, 1.0, -2.0], [1.0, 0.5, -2.0]) == -0.5).all()


def test_noise_does_not_depend_on_a_common_power_of_two() -> None:
    terms = [0.1, 0.2, 0.7]
    first, larger = summed(terms, [8 * x for x in terms]).T
    assert (larger == 8 * first).all()


def gradient_in_float32(equation: str, x: list[float], tmp_path: Path) -> Spread:
    """What rounding does to the derivative of the sum of `output y[b] = ...` by `x[b]`."""
    text = f"module M\nsize B\nindex b: B\ninput x[B]\n{equation}\n"
    path = tmp_path / "m.eq"
    path.write_text(text)
    module = flatten(lawful.load("m.M", tmp_path))
    given = {"x": np.array(x)}, {"y": np.ones(len(x))}
    return spread(module, {"B": len(x)}, {}, *given, FORMATS["float32"])[1]["x"]


def test_a_sigmoid_may_be_differentiated_more_exactly_than_another(tmp_path: Path) -> None:
    """log(sigmoid(x)) as a function of its own has no 1 - sigmoid(x) in its derivative."""
    equation = "output y[b] = sigmoid(x[b]) - log(sigmoid(x[b]))"
    found = gradient_in_float32(equation, [8.0, 12.0], tmp_path)
    assert (abs(found.nominal) < 1e-6).all() and (found.sigma > 1e-9).all()


def test_equal_sums_of_other_products_are_not_equal_to_a_kernel_that_scales_first() -> None:
    """In the samples that recompute, products that fit are rounded; elsewhere they are exact."""
    blocks = [Block(FORMATS["float32"]), Block(FORMATS["float32"], recomputes=True)]
    arithmetic = noisy_arithmetic(blocks, 16, 32.0, 0)
    a, b = (
        Wide.of(np.array([[[3.0, 5.0], [7.0, 1.0]]])),
        Wide.of(np.array([[[5.0, 3.0], [3.0, 9.0]]])),
    )
    sums = arithmetic.sum(arithmetic.multiply(a, b), (2,)).floats()[..., 0]
    assert (sums[:17] == 30).all()
    assert (sums[17:] != 30).all() and (sums[17:, 0] != sums[17:, 1]).any()


def test_what_is_equal_elsewhere_is_equal_where_products_are_rounded(tmp_path: Path) -> None:
    """A comparison at a tie is decided by the exact values in every sample."""
    text = (
        "module M\nsize B\nindex b: B\ninput x[B]\noutput y[b] = if 3 * x[b] <= 15 then 1 else 0\n"
    )
    (tmp_path / "m.eq").write_text(text)
    module = flatten(lawful.load("m.M", tmp_path))
    rounding = FORMATS["float32"]
    found = spread(
        module, {"B": 1}, {}, {"x": np.array([5.0])}, {}, rounding, seed=0, recomputes=True
    )
    assert found[0]["y"].nominal == 1 and found[0]["y"].reach == 0
