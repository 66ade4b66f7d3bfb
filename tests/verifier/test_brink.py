"""Consts just beside what they are compared with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lawful
import numpy as np
import pytest
import torch
from lawful.compiler.project import shipped
from lawful.verifier.brink import BESIDE, comparisons
from lawful.verifier.flatten import flatten
from lawful.verifier.plan import Options, all_cases
from lawful.verifier.reference import evaluate

SPEC = """
module Kept
size B, V
index b: B  v, w: V
input z[B, V]
const p = 0.5
require 0 < p, p < 1
q[b,v] = exp(z[b,v]) / sum[w] exp(z[b,w])
output y[b,v] = if q[b,v] >= p then q[b,v] else 0
"""


@pytest.fixture
def kept(tmp_path: Path) -> Any:
    (tmp_path / "m.eq").write_text(SPEC, encoding="utf-8")
    return lawful.load("m.Kept", tmp_path)


def test_each_case_has_a_const_beside_a_value(kept: Any) -> None:
    module = flatten(kept)
    assert list(comparisons(module)) == [("q", "p")]
    cases = list(all_cases(module, Options(regime="brink", dtypes=("float32",))))
    assert len(cases) > 4
    for case in cases:
        q = evaluate(module, case.setting.sizes, case.setting.consts, case.tensors)["q"]
        nearest = np.abs(float(case.setting.consts["p"]) / q - 1).min()
        assert 0 < nearest < 2 * BESIDE and 0 < case.setting.consts["p"] < 1


def softmax_kept(through: torch.dtype) -> Callable[..., torch.Tensor]:
    def function(z: torch.Tensor, p: float) -> torch.Tensor:
        q = torch.softmax(z, -1)
        return torch.where(q.to(through).to(q.dtype) >= p, q, 0)

    return function


def test_a_comparison_in_a_coarser_format_is_caught(kept: Any) -> None:
    options = {"dtypes": ["float32"]}
    assert lawful.verify(kept, softmax_kept(torch.float32), **options).ok
    report = lawful.verify(kept, softmax_kept(torch.bfloat16), **options)
    assert "brink" in {failure.regime for failure in report.failures}


def test_modules_without_such_a_comparison_have_no_such_cases() -> None:
    module = flatten(lawful.load("norms.RMSNorm", shipped().root))
    assert "brink" not in {case.regime for case in all_cases(module, Options())}
