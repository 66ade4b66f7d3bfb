"""Implementations of modules with submodules: how they are called, and which faults are seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lawful
import pytest
import torch
from lawful.compiler import typed as t
from lawful.verifier.candidate import Candidate
from lawful.verifier.flatten import flatten
from lawful.verifier.report import Report
from lawful.verifier.state_names import gather, located, paths, split
from lawful.verifier.verify import Options, verify_candidate
from torch import Tensor, nn

ROOT = Path(__file__).parent / "whole"
SPEC = """\
module Layer
size B, D
index b: B  d, e: D
input x[B, D]
param W[D, D] ~ normal(std = 1)
param lambda[D] = 1
const eps = 0.5
require eps >= 0
output y[b,e] = x[b,e] * eps + tanh(sum[d] W[e,d] * x[b,d]) * lambda[e]

module Net
size B, D, L
index b: B  d: D  l: L
input x[B, D]
param g[D] = 1
const c = 1
use layer[L]: Layer(eps = c / 4)
use last: Layer()
h[0] = x
h[l+1] = layer[l](x = h[l])
z = last(x = h[L])
output y[b,d] = g[d] * z[b,d]

module Nets
"Needs sizes that the callee's derived size allows."
size T
input x[T]
index t: T
y = Tail(x = x)
output z = 2 * y

module Tail
size T, S = T - 2
index s: S
input x[T]
require T % 2 == 0
output y = sum[s] x[s + 2]

module Bounded
size B
index b: B
input x[B]
const top = inf
const low = -inf
output y[b] = max(min(x[b], top), low) + 1 / top
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, t.Module]:
    root = tmp_path_factory.mktemp("project") / "spec"
    root.mkdir()
    (root / "m.eq").write_text(SPEC, encoding="utf-8")
    return {name.partition(".")[2]: lawful.load(name, root) for name in lawful.list_modules(root)}


def layer(x: Tensor, w: Tensor, scale: Tensor, eps: float) -> Tensor:
    return x * eps + torch.tanh(x @ w.T) * scale


def net(
    x: Tensor, g: Tensor, *, params: Mapping[str, Tensor], c: float, L: int | None = None
) -> Tensor:
    wide = x.double()
    held = {name: p.double() for name, p in params.items()}
    for i in range(sum(name.startswith("layer.") for name in held) // 2):
        wide = layer(wide, held[f"layer.{i}.W"], held[f"layer.{i}.lambda_"], c / 4)
    wide = layer(wide, held["last.W"], held["last.lambda_"], 0.5)
    return (g.double() * wide).to(x.dtype)


class Layer(nn.Module):
    def __init__(self, D: int, eps: float = 0.5, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.empty(D, D, device=device, dtype=dtype))
        self.lambda_ = nn.Parameter(torch.empty(D, device=device, dtype=dtype))


class Net(nn.Module):
    def __init__(self, D: int, L: int, c: float = 1, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.c = c
        self.g = nn.Parameter(torch.empty(D, device=device, dtype=dtype))
        parts = [Layer(D, c / 4, device, dtype) for _ in range(L)]
        self.layer = nn.ModuleList(parts)
        self.last = Layer(D, 0.5, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        params = {name: p for name, p in self.named_parameters() if "." in name}
        return net(x, self.g, params=params, c=self.c)


class Forgetful(Net):
    """Its layers come in the wrong order."""

    def forward(self, x: Tensor) -> Tensor:
        self.layer = nn.ModuleList(reversed(list(self.layer)))
        return super().forward(x)


def check(module: t.Module, f: Callable[..., Any], class_: Any = None) -> Report:
    options = Options(dtypes=("float64", "float32"))
    return verify_candidate(module, Candidate("f", f, class_), options)


def wrong(report: Report) -> set[str]:
    return {part.name for part in report.checks if part.verdict == "WRONG"}


# --- calls -------------------------------------------------------------------------------------


def test_params_of_submodules_come_as_a_mapping_by_state_dict_name(
    modules: Mapping[str, t.Module],
) -> None:
    report = check(modules["Net"], net, Net)
    assert report.ok, str(report)
    assert {part.name for part in report.checks} == {
        "values", "gradients", "unchanged", "repeats", "layouts", "class", "effects",
    }  # fmt: skip


def swapped(params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    last = max(name for name in params if name.startswith("layer.") and name.endswith(".W"))
    return {**params, "layer.0.W": params[last], last: params["layer.0.W"]}


def detached(params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return (
        {**params, "layer.1.W": params["layer.1.W"].detach()}
        if ("layer.1.W" in params)
        else dict(params)
    )


def shrunk(params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    params["last.W"].mul_(0.5)
    return {**params, "last.W": 2 * params["last.W"]}


@pytest.mark.parametrize(
    ("change", "caught"),
    [(swapped, "values"), (detached, "gradients"), (shrunk, "unchanged")],
)
def test_faults_with_the_params_of_submodules_are_caught(
    modules: Mapping[str, t.Module], change: Callable[[Any], Any], caught: str
) -> None:
    def faulty(params: Mapping[str, Tensor], **given: Any) -> Tensor:
        return net(params=change(params), **given)

    report = check(modules["Net"], faulty)
    assert caught in wrong(report), str(report)
    assert caught == "values" or "values" not in wrong(report)


def test_a_slope_by_one_layer_is_reported_under_its_state_dict_name(
    modules: Mapping[str, t.Module],
) -> None:
    def faulty(params: Mapping[str, Tensor], **given: Any) -> Tensor:
        return net(params=detached(params), **given)

    failure = check(modules["Net"], faulty).failures[0]
    assert failure.tensor == "d(y) / d layer.1.W" and len(failure.index) == 2


def test_a_class_that_is_not_the_function_is_caught(modules: Mapping[str, t.Module]) -> None:
    assert wrong(check(modules["Net"], net, Forgetful)) == {"class"}


def test_the_requirements_of_what_is_called_are_kept(modules: Mapping[str, t.Module]) -> None:
    def nets(x: Tensor) -> Tensor:
        assert len(x) > 2 and len(x) % 2 == 0
        return 2 * x[2:].sum()

    report = check(modules["Nets"], nets)
    assert report.ok and report.cases > 10, str(report)


def test_a_const_may_be_infinite(modules: Mapping[str, t.Module]) -> None:
    def bounded(x: Tensor, top: float, low: float) -> Tensor:
        return x.clamp(low, top) + 1 / top

    seen: list[float] = []

    def recorded(x: Tensor, top: float, low: float) -> Tensor:
        seen.append(top)
        return bounded(x, top, low)

    report = check(modules["Bounded"], recorded)
    assert report.ok, str(report)
    assert float("inf") in seen and min(seen) < float("inf")
    assert wrong(check(modules["Bounded"], lambda x, top, low: x + 1 / top)) >= {"values"}


# --- evaluate ----------------------------------------------------------------------------------


def test_evaluate_takes_params_by_state_dict_name() -> None:
    module = lawful.load("calls.Downwards", ROOT)
    params = {"f.0.W": [[1, 0], [0, "1/2"]], "f.1.W": [[0, 1], [1, 0]]}
    values = lawful.evaluate(module, {"x": [[3, 5]], "params": params}, digits=3)
    assert values == {"h": [[["5.00", "1.50"]], [["5.00", "3.00"]], [["3.00", "5.00"]]]}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, r"no value for f\.0\.W"),
        ({"f.1.W": [[1]]}, r"no value for f\.0\.W"),
        ({"f.0.W": [[1]], "f.1.W": [[1, 2]]}, "different shapes"),
        ({"f.0.W": [[1]], "f.0.V": [[1]]}, r"nothing is called f\.0\.V"),
        ({"f.0.W": [[1]], "f.W": [[1]]}, r"nothing is called f\.W"),
    ],
)
def test_evaluate_refuses_params_that_do_not_fit(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        lawful.evaluate(lawful.load("calls.Downwards", ROOT), {"x": [[3]], "params": params})


def test_evaluate_refuses_what_the_callee_does(modules: Mapping[str, t.Module]) -> None:
    assert lawful.evaluate(modules["Nets"], {"x": [1, 2, 3, 4]}, digits=2) == {"z": "1.4e+1"}
    for x in ([1, 2, 3], [1, 2]):
        with pytest.raises(ValueError, match="does not hold"):
            lawful.evaluate(modules["Nets"], {"x": x})


def test_evaluate_takes_infinite_consts(modules: Mapping[str, t.Module]) -> None:
    given = {"x": [3], "low": "-inf", "top": float("inf")}
    assert lawful.evaluate(modules["Bounded"], given, digits=2) == {"y": ["3.0"]}
    assert lawful.evaluate(modules["Bounded"], {"x": [3], "top": 2}, digits=2) == {"y": ["2.5"]}


# --- names -------------------------------------------------------------------------------------


def test_names_go_both_ways() -> None:
    module = flatten(lawful.load("calls.Twice", ROOT))
    assert dict(paths(module))["tower.block.f.W"] == ("tower", None, "block", None, "f", "W")
    tensors = {
        "tower.block.a": torch.arange(12.0).reshape(2, 3, 2),
        "tower.block.f.W": torch.arange(24.0).reshape(2, 3, 2, 2),
        "tower.block.g.W": torch.arange(24.0).reshape(2, 3, 2, 2),
    }
    state = split(module, tensors)
    assert len(state) == 18 and torch.equal(
        state["tower.1.block.2.f.W"], tensors["tower.block.f.W"][1, 2]
    )
    back = gather(module, {name: x.numpy() for name, x in state.items()})
    assert {name: x.tolist() for name, x in back.items()} == {
        name: x.tolist() for name, x in tensors.items()
    }
    assert located(module, "tower.block.a", (1, 0, 1)) == ("tower.1.block.0.a", (1,))
    assert located(module, "x", (1, 0)) == ("x", (1, 0))
    assert located(module, "tower.block.a", ()) == ("tower.block.a", ())
