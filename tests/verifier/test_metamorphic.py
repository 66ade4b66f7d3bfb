"""Checks that change what should not matter, or vary what should: each catches its fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import lawful
import pytest
import torch
from lawful.compiler import typed as t
from lawful.verifier.candidate import Candidate
from lawful.verifier.check_layouts import scattered
from lawful.verifier.flatten import flatten
from lawful.verifier.oracle import Oracle
from lawful.verifier.plan import Options, all_cases
from lawful.verifier.report import Report
from lawful.verifier.trial import Subject
from lawful.verifier.verify import Run
from torch import Tensor

SPEC = """\
module Kept
size B, D
index b: B  d: D
input x[B, D]
input keep[B, D] in bool
output y[b] = sum[d if keep[b,d]] x[b,d] ^ 2

module Chosen
size B, D
index b: B  d: D
input x[B, D]
input w[D]
k[b] = argmax[d] x[b,d]
output y[b] = w[k[b]]

module Scale
size B
index b: B
input x[B]
output y[b] = 3 * x[b]

module Idle
size B
index b: B
input x[B]
input m[B] in bool
param g[B] = 1
const c = 2
const eps = 1
output y[b] = x[b] * c + (if m[b] then 0 else 0) * g[b] * eps
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, t.Module]:
    root = tmp_path_factory.mktemp("project") / "spec"
    root.mkdir()
    (root / "m.eq").write_text(SPEC, encoding="utf-8")
    return {name.partition(".")[2]: lawful.load(name, root) for name in lawful.list_modules(root)}


def check(module: t.Module, f: Callable[..., Any]) -> Report:
    return lawful.verify(module, f, dtypes=["float32"])


def verdicts(report: Report) -> dict[str, str]:
    return {part.name: part.verdict for part in report.checks}


def kept(x: Tensor, keep: Tensor) -> Tensor:
    return torch.where(keep, x, 0.0).square().sum(-1)


# --- what is not read -------------------------------------------------------------------------


def test_the_oracle_knows_what_it_looked_at(modules: Mapping[str, t.Module]) -> None:
    x = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    keep = [[True, False, True], [False, False, True]]
    oracle = Oracle(flatten(modules["Kept"]), {"B": 2, "D": 3}, {})
    unread = oracle.evaluate({"x": x, "keep": keep}).unread(["x"])["x"]
    assert unread.tolist() == [[False, True, False], [True, True, False]]
    oracle = Oracle(flatten(modules["Chosen"]), {"B": 2, "D": 3}, {})
    found = oracle.evaluate({"x": x, "w": [7.0, 8.0, 9.0]}).unread(["x", "w"])
    assert not found["x"].any(), "all of them decide which is the largest"
    assert found["w"].tolist() == [True, True, False]


def test_a_mask_is_held(modules: Mapping[str, t.Module]) -> None:
    report = check(modules["Kept"], kept)
    assert report.ok, str(report)
    masked = next(part for part in report.checks if part.name == "masked")
    assert masked.cases and masked.compared and not masked.notes


def test_what_leaks_through_a_mask_is_caught(modules: Mapping[str, t.Module]) -> None:
    """From numbers so large that those around 1 do not show it."""

    def leaks(x: Tensor, keep: Tensor) -> Tensor:
        return kept(x, keep) + torch.where(keep, 0.0, torch.relu(x.detach() - 9000)).sum(-1)

    report = check(modules["Kept"], leaks)
    assert verdicts(report)["masked"] == "WRONG"
    assert "with 10000 where nothing is read: y" in {f.tensor for f in report.failures}


def test_another_shape_is_told(modules: Mapping[str, t.Module]) -> None:
    def shaped(x: Tensor, keep: Tensor) -> Tensor:
        y = kept(x, keep)
        return torch.cat([y, y]) if (x.detach() > 9000).any() or x.isnan().any() else y

    report = check(modules["Kept"], shaped)
    said = [failure.why for failure in report.failures if failure.check == "masked"]
    assert any("where nothing is read: its shape is" in why for why in said)


def test_a_gradient_that_leaks_through_a_mask_is_caught(modules: Mapping[str, t.Module]) -> None:
    def leaks(x: Tensor, keep: Tensor) -> Tensor:
        hidden = torch.where(keep, 0.0, torch.relu(x - 9000)).sum(-1)
        return kept(x, keep) + (hidden - hidden.detach())

    report = check(modules["Kept"], leaks)
    assert "with 10000 where nothing is read: d(y) / d x" in {f.tensor for f in report.failures}


def test_nan_times_a_mask_is_told_of_others_and_wrong_in_generated_code(
    modules: Mapping[str, t.Module],
) -> None:
    def multiplies(x: Tensor, keep: Tensor) -> Tensor:
        return (x.square() * keep).sum(-1)

    report = check(modules["Kept"], multiplies)
    assert report.ok
    assert "NaN comes through where the equation does not look" in str(report)
    assert wrong_if_generated(modules["Kept"], multiplies)
    assert not wrong_if_generated(modules["Kept"], kept)


def wrong_if_generated(module: t.Module, function: Callable[..., Any]) -> bool:
    """Whether the check fails a function that stands for generated code."""
    module, options = flatten(module), Options(dtypes=("float32",))
    run = Run(Subject(module, Candidate("code", function), options))
    run.masked.generated = True
    for the_case in all_cases(module, options):
        run.try_case(the_case, run.truths.of)
    return bool(run.masked.check.failures)


def test_where_all_is_read_there_is_no_such_check(modules: Mapping[str, t.Module]) -> None:
    assert "masked" not in verdicts(check(modules["Scale"], lambda x: 3 * x))


# --- strides ----------------------------------------------------------------------------------


def test_scattered_tensors_hold_the_same_numbers() -> None:
    for x in (torch.randn(2, 3, 4), torch.randn(5), torch.tensor(3.0), torch.arange(6)):
        assert torch.equal(scattered(x), x)
        assert x.dim() == 0 or not scattered(x).is_contiguous()
    assert scattered(torch.ones(2, 3)).stride() == (0, 0)
    assert scattered(torch.tensor([[1, 1], [2, 2]])).stride() == (2, 0)


def test_code_that_takes_memory_for_contiguous_is_caught(
    modules: Mapping[str, t.Module],
) -> None:
    def flat(x: Tensor) -> Tensor:
        return 3 * x.as_strided(x.shape, torch.empty(x.shape).stride())

    def refuses(x: Tensor) -> Tensor:
        if not x.is_contiguous():
            raise ValueError("x is not contiguous")
        return 3 * x

    for function in (flat, refuses):
        found = verdicts(check(modules["Scale"], function))
        assert found["values"] == "OK" and found["layouts"] == "WRONG"


def test_code_that_is_wrong_where_gradients_are_asked_for_is_caught(
    modules: Mapping[str, t.Module],
) -> None:
    def trains(x: Tensor) -> Tensor:
        return 3 * x + (x.requires_grad and torch.is_grad_enabled()) * 0.5

    found = verdicts(check(modules["Scale"], trains))
    assert found["values"] == found["gradients"] == "OK" and found["layouts"] == "WRONG"


# --- effects ----------------------------------------------------------------------------------


def test_what_has_no_effect_is_named(modules: Mapping[str, t.Module]) -> None:
    report = check(modules["Idle"], lambda x, m, g, c, eps: c * x + 0 * g * eps)
    effects = next(part for part in report.checks if part.name == "effects")
    assert effects.verdict == "INCONCLUSIVE" and effects.compared == 2
    assert [doubt.split(",")[0] for doubt in effects.doubts] == [
        f"no output depends on {name}" for name in ("m", "g", "eps")
    ]


def test_all_that_has_an_effect_is_counted(modules: Mapping[str, t.Module]) -> None:
    report = check(modules["Kept"], kept)
    effects = next(part for part in report.checks if part.name == "effects")
    assert effects.verdict == "OK" and effects.compared == 2
