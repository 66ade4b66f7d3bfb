"""What rounding may do to the derivatives of rows in which one entry has all but all the mass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lawful
import numpy as np
import pytest
import torch
from lawful.verifier.compare import FORMATS, ratios, target
from lawful.verifier.regimes import Case
from lawful.verifier.settings import Setting
from lawful.verifier.truth import Truths

SPEC = """\
module Log
size V
index v: V
input z[V]
output y[v] = log_softmax[v] z[v]

module Twice
size V
index v: V
input z[V]
p[v] = softmax[v] z[v]
output y[v] = p[v] / sum[v] p[v]
"""
Z = [11.0, 0.0, 1.0, -0.5]
COTANGENTS = {"Log": [1.0, 0.0, 0.0, 0.0], "Twice": [0.75, -1.5, 0.25, 1.25]}


def worst(folder: Path, name: str, dtype: str, gradient: Any) -> float:
    """The error of a gradient over what is allowed."""
    (folder / "m.eq").write_text(SPEC, encoding="utf-8")
    tensors = {"z": np.array(Z)}
    cotangents = {"y": np.array(COTANGENTS[name])}
    the_case = Case("by hand", 0, 8, Setting({"V": 4}, {}), tensors, cotangents)
    truths = Truths(lawful.load(f"m.{name}", folder), (dtype,))
    exact = truths.of(the_case).gradients["z"]
    aim = target(exact, truths.noise(the_case, dtype)[1]["z"], FORMATS[dtype])
    return float(ratios(np.asarray(gradient.double()), aim).max())


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_log_softmax_keeps_the_gradient_of_the_likely_class(tmp_path: Path, dtype: str) -> None:
    """1 - p is far below the format's spacing at 1, and no rounding of the row's takes it."""
    p = torch.tensor(Z, dtype=torch.float64).softmax(-1)
    g = torch.tensor(COTANGENTS["Log"], dtype=torch.float64)
    format = getattr(torch, dtype)
    assert worst(tmp_path, "Log", dtype, (g - p).to(format)) < 0.5
    assert worst(tmp_path, "Log", dtype, g.to(format) - p.to(format)) > 1


def test_two_divisions_may_be_one(tmp_path: Path) -> None:
    """Dividing by the sum once more centres the adjoints; a softmax alone rounds them as they
    come."""
    p = torch.tensor(Z, dtype=torch.float64).softmax(-1)
    g = torch.tensor(COTANGENTS["Twice"], dtype=torch.float64)
    gradient = p * (g - (p * g).sum())
    assert worst(tmp_path, "Twice", "float64", gradient) < 1
    shifted = p * (g - (p * g).sum() * (1 + 2.0**-44))
    assert worst(tmp_path, "Twice", "float64", shifted) > 1
