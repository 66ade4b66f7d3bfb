"""A mean may be taken term by term, which rounds where the mean itself is exact."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lawful import verify
from lawful.verifier.reference_noise import Arithmetic
from lawful.verifier.report import Report
from torch import Tensor

NAME = "lawful.norms.LayerNorm"


def at_once(x: Tensor) -> Tensor:
    return x.mean(-1, keepdim=True)


def term_by_term(x: Tensor) -> Tensor:
    mean = x[..., :1]
    for n in range(2, x.shape[-1] + 1):
        mean = mean + (x[..., n - 1 : n] - mean) / n
    return mean


def a_little_off(x: Tensor) -> Tensor:
    """In values alone, and where terms differ."""
    y = x.detach()
    return at_once(x) + 1e-11 * (y.amax(-1, keepdim=True) - y.amin(-1, keepdim=True))


def verified(mean: Callable[[Tensor], Tensor], seed: int) -> Report:
    def layer_norm(*, x: Tensor, g: Tensor, c: Tensor, eps: float) -> Tensor:
        centred = x - mean(x)
        return g * centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt() + c

    return verify(NAME, layer_norm, dtypes=("float64",), seed=seed)


@pytest.mark.parametrize("mean", [at_once, term_by_term])
@pytest.mark.parametrize("seed", [0, 1, 17])
def test_either_mean_is_the_equation(mean: Callable[[Tensor], Tensor], seed: int) -> None:
    assert verified(mean, seed).ok


def test_without_allowing_for_it_a_mean_term_by_term_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Arithmetic, "running", lambda self, mean, terms: mean)
    assert verified(term_by_term, 17).verdict == "WRONG"


def test_more_than_rounding_is_wrong() -> None:
    assert verified(a_little_off, 0).verdict == "WRONG"
