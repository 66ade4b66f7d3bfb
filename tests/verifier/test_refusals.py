"""What an implementation refuses is open, not wrong."""

from __future__ import annotations

from pathlib import Path

import lawful
import pytest
import torch
from lawful.compiler.typed import Module
from torch import Tensor

SPEC = """
module Twice
size B
index b: B
input x[B]
output y[b] = 2 * x[b]
"""


@pytest.fixture
def twice(tmp_path: Path) -> Module:
    (tmp_path / "m.eq").write_text(SPEC, encoding="utf-8")
    return lawful.load("m.Twice", tmp_path)


def no_half(x: Tensor) -> Tensor:
    if x.dtype == torch.float16:
        raise RuntimeError("\"twice\" not implemented for 'Half'")
    return 2 * x


def alone(x: Tensor) -> Tensor:
    if len(x) == 1:
        raise NotImplementedError("a single row")
    return 2 * x


def short(x: Tensor) -> Tensor:
    if len(x) == 1:
        raise IndexError("out of range")
    return 2 * x


def test_a_dtype_that_is_refused_leaves_the_rest_ok(twice: Module) -> None:
    report = lawful.verify(twice, no_half, dtypes=["float32", "float16"])
    assert report.verdict == "INCONCLUSIVE" and not report.failures
    (doubt, *_) = report.checks[0].doubts
    assert doubt.startswith("in float16 it raises RuntimeError") and "Half" in doubt
    assert lawful.verify(twice, no_half, dtypes=["float32"]).ok


def test_a_case_that_is_refused_is_open_and_one_that_breaks_is_wrong(twice: Module) -> None:
    assert lawful.verify(twice, alone).verdict == "INCONCLUSIVE"
    assert lawful.verify(twice, short).verdict == "WRONG"
