"""Ways in which verifiers were wrong themselves. Each let code pass that is not the equation;
this one is shown the same code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lawful
import pytest
import torch
from lawful.compiler.outputs import drift
from lawful.compiler.project import UsageError
from lawful.compiler.typed import Module
from lawful.verifier.candidate import CandidateError
from lawful.verifier.report import Report
from torch import Tensor

SPEC = """\
module Exp
size N
index n: N
input x[N]
output y[n] = exp(-x[n] ^ 2)

module Share
size B, V
index b: B  v: V
input z[B, V]
const total = 2e-6
output p[b,v] = total * softmax[v] z[b,v]

module Loss
size B, V
index b: B  v: V
input z[B, V]
input y[B] in V
l[b,v] = log_softmax[v] z[b,v]
output loss[b] = -l[b,y[b]]

module Mix
size N
index n: N
input x[N], w[N]
const beta = 0.5
output y[n] = beta * x[n] + (1 - beta) * w[n]

module Below
size N
index n: N
input x[N]
output y[n] = -1 - x[n] ^ 2

module Root
size N
index n: N
input x[N]
output y[n] = sqrt(x[n])

module Ends
size B, T
index b: B  t: T
input x[B, T]
output start[b] = sum[t] x[b,t]
output end[b] = max[t] x[b,t]
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "spec"
    folder.mkdir()
    (folder / "m.eq").write_text(SPEC, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def modules(root: Path) -> Mapping[str, Module]:
    return {name.removeprefix("m."): lawful.load(name, root) for name in lawful.list_modules(root)}


def verify(module: Module, implementation: Callable[..., Any]) -> Report:
    return lawful.verify(module, implementation, dtypes=["float32"])


def wrong(report: Report) -> set[str]:
    return {check.name for check in report.checks if check.verdict == "WRONG"}


def exp(x: Tensor) -> Tensor:
    return (-x * x).exp()


def test_a_thousandth_is_an_error(modules: Mapping[str, Module]) -> None:
    """Liger's tests allowed 1e4 and a factor of 50."""
    assert verify(modules["Exp"], exp).ok
    for factor in (0.999, 1.001):
        report = verify(modules["Exp"], lambda x, factor=factor: factor * exp(x))
        assert wrong(report) >= {"values", "gradients"}


class Averaged(torch.autograd.Function):
    """Right forward, and backward for cotangents that are all the same."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return exp(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return -2 * x * exp(x) * grad_output.mean()


def test_cotangents_are_not_ones(modules: Mapping[str, Module]) -> None:
    """Liger's were: linkedin/Liger-Kernel#1298."""
    x = torch.randn(5, dtype=torch.float64, requires_grad=True)
    ones = torch.ones(5, dtype=torch.float64)
    for function in (exp, Averaged.apply):
        (gradient,) = torch.autograd.grad(function(x), x, ones)
        assert torch.allclose(gradient, -2 * x * exp(x)), "what a test with ones sees"
    assert wrong(verify(modules["Exp"], lambda x: Averaged.apply(x))) == {"gradients"}


def nll(z: Tensor, y: Tensor) -> Tensor:
    return -z.log_softmax(-1).gather(-1, y[:, None])[:, 0]


def test_logits_are_not_just_random(modules: Mapping[str, Module]) -> None:
    """They were where a gradient vanished at p > 0.999: linkedin/Liger-Kernel#1329."""

    def vanishing(z: Tensor, y: Tensor) -> Tensor:
        loss = nll(z, y)
        return torch.where(loss < 1e-3, loss.detach(), loss)

    z, y = torch.randn(1000, 5), torch.randint(5, (1000,))
    assert (nll(z, y) > 1e-3).all(), "no random logits come near it"
    assert verify(modules["Loss"], nll).ok
    assert wrong(verify(modules["Loss"], vanishing)) == {"gradients"}


def test_zeros_are_no_softmax_however_small_it_is(modules: Mapping[str, Module]) -> None:
    """Of 393,216 columns none exceeds 4e-6, and zeros were close enough:
    ScalingIntelligence/KernelBench#165."""
    module = modules["Share"]
    assert verify(module, lambda z, total: total * z.softmax(-1)).ok
    assert "values" in wrong(verify(module, lambda z, total: 0 * z.softmax(-1)))


def test_what_is_expected_comes_from_the_equation(modules: Mapping[str, Module]) -> None:
    """TRL's test of a divergence had the weights swapped as its code had: huggingface/trl#3043.
    At the default the two agree."""

    def swapped(x: Tensor, w: Tensor, beta: float) -> Tensor:
        return (1 - beta) * x + beta * w

    report = verify(modules["Mix"], swapped)
    assert {failure.regime for failure in report.failures} == {"consts"}
    values = {"x": ["1"], "w": ["3"], "beta": "0.25"}
    assert [float(y) for y in lawful.evaluate(modules["Mix"], values)["y"]] == [2.5]


def test_nothing_is_captured_from_what_ran_before(
    modules: Mapping[str, Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Golden values were taken from code with the bug: lablup/mlxcel#1389."""
    monkeypatch.chdir(tmp_path)

    def twice(x: Tensor) -> Tensor:
        return 2 * exp(x)

    verdicts = [verify(modules["Exp"], f).verdict for f in (twice, exp, twice, exp)]
    assert verdicts == ["WRONG", "OK", "WRONG", "OK"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_negative_outputs_count_by_their_size(modules: Mapping[str, Module], factor: float) -> None:
    """Triton divided by max(x), not by max|x|: where all are negative every error was below 0."""
    assert verify(modules["Below"], lambda x: -1 - x * x).ok
    assert "values" in wrong(verify(modules["Below"], lambda x: factor * (-1 - x * x)))


def test_nan_is_no_wildcard(modules: Mapping[str, Module]) -> None:
    """gpu-mode/pygpubench#7. It may stand where the equation is undefined, and only there."""

    def spoilt(y: Tensor) -> Tensor:
        return torch.where(torch.arange(len(y)) == 0, torch.nan, y)

    report = verify(modules["Exp"], lambda x: spoilt(exp(x)))
    assert "values" in wrong(report)
    assert any(failure.got == "nan" for failure in report.failures)

    report = verify(modules["Root"], lambda x: x.sqrt())
    assert report.ok and report.checks[0].left_out > 0
    assert "values" in wrong(verify(modules["Root"], lambda x: torch.full_like(x, torch.nan)))


def test_what_is_not_there_does_not_pass(root: Path) -> None:
    """Transformers' check of drift was status 0 where it saw no file."""
    with pytest.raises(CandidateError, match="no generated file"):
        lawful.verify("m.Exp", root=root)
    assert drift({"m.py": "y = 1\n"}, root.parent / "generated", whole=True)
    with pytest.raises(UsageError, match="no module is called"):
        lawful.verify("m.Nothing", root=root)


def test_code_is_judged_by_what_it_does(modules: Mapping[str, Module]) -> None:
    """KernelBench looked for forbidden words in the text, after it had cut what it took for
    comments. Here there is no text, and a word in a string changes nothing."""
    for text, verdict in (
        ("lambda x: (-x * x).exp()", "OK"),
        ("lambda x: (-x * x).exp() if '#' else x", "OK"),
        ("lambda x: (-x * x).exp() if not '#' else x", "WRONG"),
    ):
        made = eval(compile(text, "<no file>", "eval"))
        assert verify(modules["Exp"], made).verdict == verdict


def test_every_output_is_compared_and_by_more_than_its_direction(
    modules: Mapping[str, Module],
) -> None:
    """torch._dynamo.utils.same skips some outputs, and takes a cosine of 0.99 when asked."""

    def ends(x: Tensor, start: float = 1.0, end: float = 1.0) -> tuple[Tensor, Tensor]:
        return start * x.sum(-1), end * x.amax(-1)

    assert verify(modules["Ends"], ends).ok
    for name in ("start", "end"):
        report = verify(modules["Ends"], lambda x, name=name: ends(x, **{name: 1.01}))
        values = [f.tensor for f in report.failures if f.check == "values"]
        assert set(values) == {name}


@pytest.mark.parametrize("call", [1, 2, 3, 11, 22])
def test_every_call_is_checked(modules: Mapping[str, Module], call: int) -> None:
    """gpu-mode/reference-kernels#104 looked at the last one alone. Here it is all but those that
    are there to leave other numbers behind, as the first one is."""
    calls = 0

    def once_wrong(x: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return exp(x) + (2 * exp(x) + x if calls == call + 1 else 0)

    report = verify(modules["Exp"], once_wrong)
    assert report.verdict == "WRONG" and calls > 21
