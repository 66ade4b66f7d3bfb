"""The Python interface: what it gives, and what it refuses by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lawful
import pytest
import torch
from lawful.compiler.project import UsageError
from torch import Tensor
from torch.nn.functional import logsigmoid

DPO = "lawful.losses.dpo.DPO"
FOUR = {"lw": [-1.5], "ll": [-2], "rw": [-1], "rl": [-1]}


def dpo(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float = 0.1) -> Tensor:
    return -logsigmoid(beta * (lw - ll - rw + rl)).mean()


def cross_entropy(z: Tensor, tok: Tensor, m: Tensor) -> Tensor:
    """Gathered logit less logsumexp, with no care for an empty mask: 0 / 0 is undefined."""
    chosen = z[:, :-1].gather(-1, tok[:, 1:, None])[..., 0]
    return ((z[:, :-1].logsumexp(-1) - chosen) * m[:, 1:]).sum() / m[:, 1:].sum()


def test_a_right_function_passes_and_its_report_reads_so() -> None:
    report = lawful.verify(DPO, dpo, dtypes=["float64", "float32", "bfloat16"])
    assert report.ok and not report.failures and "OK" in str(report)
    lawful.assert_lawful(dpo, DPO)


def test_no_claim_is_made_of_the_gradient_of_what_is_undefined() -> None:
    lawful.assert_lawful(cross_entropy, "lawful.losses.next_token.NextTokenCrossEntropy")


def test_generated_code_is_verified_where_no_implementation_is_given() -> None:
    assert lawful.verify(DPO).ok


def test_a_failure_found_in_python_says_how_to_repeat_it_there() -> None:
    report = lawful.verify(DPO, lambda lw, ll, rw, rl, beta: dpo(lw, ll, rw, rl, 2 * beta))
    assert report.failures[0].command.startswith(f'lawful.verify("{DPO.removeprefix("lawful.")}"')


def test_evaluate_is_exact_to_the_digits_asked_for() -> None:
    values = lawful.evaluate(DPO, FOUR, digits=50)
    assert values == {"loss": "0.66845964801328629415188647476508868223536755276147"}
    half = lawful.evaluate("lawful.norms.RMSNorm", {"x": [[["3/5"]]], "g": [1], "eps": 0})
    assert half == {"y": [[["1.00000000000000000000000000000"]]]}


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"level": "medium"}, ValueError, "quick or full"),
        ({"dtypes": "float32"}, ValueError, "list of float64"),
        ({"dtypes": [torch.float32]}, ValueError, "list of float64"),
        ({"seed": -1}, ValueError, "0 or more"),
        ({"implementation": 3}, TypeError, "3 is not callable"),
    ],
)
def test_verify_refuses_what_it_cannot_do(
    options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        lawful.verify(DPO, **{"implementation": dpo, **options})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({**FOUR, "lw": ["a"]}, "no finite number"),
        ({**FOUR, "lw": [float("inf")]}, "no finite number"),
        ({**FOUR, "lw": [[1]]}, "lw has 2 axes, not 1"),
        ({**FOUR, "lw": [1, 2]}, "B is 2 and 1"),
        ({"lw": [1]}, "no value for ll"),
        ({**FOUR, "gamma": 1}, "nothing is called gamma"),
    ],
)
def test_evaluate_refuses_values_that_do_not_fit(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        lawful.evaluate(DPO, values)


def test_a_token_outside_its_range_is_refused() -> None:
    values = {"z": [[[1, 2], [1, 2]]], "tok": [[0, 9]], "m": [[True, True]]}
    with pytest.raises(ValueError, match="outside"):
        lawful.evaluate("lawful.losses.next_token.NextTokenCrossEntropy", values)


def test_names_that_are_not_there_get_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"did you mean `losses\.dpo\.DPO`"):
        lawful.load("lawful.losses.dpo.DPP")
    with pytest.raises(UsageError, match="no folder"):
        lawful.list_modules(tmp_path / "nowhere")
