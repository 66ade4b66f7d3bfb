"""The smallest case at which a check fails is found, and is one that the module takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lawful
import numpy as np
import pytest
import torch
from lawful.compiler import typed as t
from lawful.verifier.flatten import flatten
from lawful.verifier.plan import Options, all_cases
from lawful.verifier.regimes import Case, shape_of
from lawful.verifier.settings import holds
from lawful.verifier.shrink import TRIES, cost, possible, shrink
from torch import Tensor

SPEC = """\
module Rows
size B, T, V, W = T + 1
index b: B   t: T   w: W   v: V
input x[B, T]
input k[B] in V
input keep[B, T] in bool
param g[W] = 1
const scale = 2
const bend
random r[B] ~ uniform(1, 2)
require T >= 2, bend > 1
output y[b] = scale * (sum[t if keep[b,t]] x[b,t]) + (sum[w] g[w]) / (bend + V) + r[b] + k[b]

module Weights
size B
index b: B
input x[B]
output y[b] = x[b] * (if b == 0 then 1 else 2)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spec")
    (folder / "m.eq").write_text(SPEC, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def rows(root: Path) -> t.Module:
    return flatten(lawful.load("m.Rows", root))


def shrunk(module: t.Module, fails: Callable[[Case], bool]) -> Case:
    the_case = next(c for c in all_cases(module, Options()) if fails(c))
    return shrink(module, the_case, fails)


def test_what_fails_everywhere_shrinks_to_the_least(rows: t.Module) -> None:
    least = shrunk(rows, lambda c: True)
    assert least.setting.sizes == {"B": 1, "T": 2, "V": 1, "W": 3}
    assert {name: array.tolist() for name, array in least.tensors.items()} == {
        "x": [[0.0, 0.0]],
        "k": [0],
        "keep": [[True, True]],
        "g": [0.0, 0.0, 0.0],
        "r": [1.0],
    }
    assert float(least.setting.consts["scale"]) == 2


@pytest.mark.parametrize(
    "fails",
    [
        pytest.param(lambda c: c.setting.sizes["T"] >= 4, id="a length"),
        pytest.param(lambda c: bool((c.tensors["x"] < 0).any()), id="a sign"),
        pytest.param(lambda c: not c.tensors["keep"].all(), id="a mask"),
        pytest.param(lambda c: bool((c.tensors["k"] > 0).any()), id="an integer"),
        pytest.param(lambda c: bool((c.tensors["r"] != 1).any()), id="a draw"),
        pytest.param(lambda c: c.setting.consts["scale"] != 2, id="a const"),
        pytest.param(lambda c: bool((np.abs(c.tensors["x"]) > 100).any()), id="a large number"),
        pytest.param(lambda c: bool((c.cotangents["y"] > 0.5).any()), id="a weight"),
    ],
)
def test_what_makes_it_fail_is_kept_and_the_rest_goes(
    rows: t.Module, fails: Callable[[Case], bool]
) -> None:
    least, simplest = shrunk(rows, fails), shrunk(rows, lambda c: True)
    assert fails(least)
    assert not fails(simplest)
    same = [n for n, x in least.tensors.items() if np.array_equal(x, simplest.tensors[n])]
    assert len(same) >= 3 or least.setting.sizes != simplest.setting.sizes
    assert cost(rows, simplest) < cost(rows, least)


def test_a_smaller_case_is_one_of_the_module(rows: t.Module) -> None:
    """Shapes, domains, ranges and requirements hold at everything that is tried."""
    tried: list[Case] = []

    def fails(the_case: Case) -> bool:
        tried.append(the_case)
        return len(tried) % 3 != 0

    shrunk(rows, fails)
    assert len(tried) > 15
    for the_case in tried:
        setting = the_case.setting
        assert all(holds(c, setting.sizes, setting.consts) for c in rows.requires)
        for name, array in the_case.tensors.items():
            variable = rows.variable(name)
            assert variable is not None
            assert array.shape == shape_of(variable.dims, setting)
            assert possible(variable, array, setting)


def test_an_implementation_is_not_called_without_end(rows: t.Module) -> None:
    calls: list[Case] = []

    def fails(the_case: Case) -> bool:
        calls.append(the_case)
        return len(calls) == 1

    shrunk(rows, fails)
    assert len(calls) <= TRIES + 1


def test_numbers_keep_to_the_bits_of_their_format(rows: t.Module) -> None:
    the_case = next(all_cases(rows, Options(dtypes=("bfloat16",))))
    least = shrink(rows, the_case, lambda c: bool((np.abs(c.tensors["x"]) > 0.7).any()))
    numbers = torch.from_numpy(least.tensors["x"])
    assert torch.equal(numbers.bfloat16().double(), numbers)


# --- in a report ------------------------------------------------------------------------------


def check(root: Path, f: Callable[..., Any]) -> Any:
    return lawful.verify("m.Weights", f, dtypes=["float32"], root=root).failures[0]


def test_a_failure_shows_a_small_case_of_it(root: Path) -> None:
    def second_forgotten(x: Tensor) -> Tensor:
        return x.clone()

    failure = check(root, second_forgotten)
    assert failure.smallest == "B=2 x=[0.,1.]\n            y[1] is 2.0000000000000000, got 1"
    assert "\n  smallest  B=2 x=[0.,1.]\n" in str(failure)


def test_a_call_that_raises_shrinks_to_one_that_raises_the_same(root: Path) -> None:
    def raises(x: Tensor) -> Tensor:
        if len(x) > 1:
            raise RuntimeError(f"no kernel for {len(x)}")
        return torch.zeros(1, 1)

    failure = check(root, raises)
    assert failure.why.startswith("it raises RuntimeError")
    assert failure.smallest == (
        "B=2 x=[0.,0.]\n            it raises RuntimeError: no kernel for 2"
    )


def test_a_gradient_that_is_wrong_shows_the_weights_of_the_outputs(root: Path) -> None:
    def cut(x: Tensor) -> Tensor:
        y = torch.cat([x[:1], 2 * x[1:]])
        return torch.where(torch.arange(len(x)) == 1, y.detach(), y)

    failure = check(root, cut)
    assert failure.check == "gradients"
    assert failure.smallest == (
        "B=2 x=[0.,0.] dy=[0.0, 1.0]\n            d(y) / d x[1] is 2.0000000000000000, got 0"
    )
