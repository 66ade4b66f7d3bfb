"""A choice by the place along an axis: where it is put together from slices."""

from __future__ import annotations

from pathlib import Path

import pytest
from lawful.compiler.build import generate
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load
from lawful.compiler.lower import lower
from lawful.compiler.outputs import write
from lawful.compiler.program import Fused, walk
from lawful.compiler.rewrite import rewrite
from lawful.verifier.candidate import generated
from lawful.verifier.verify import Options, verify_candidate

HEAD = """module M
size B, K, P = K // 2
require K % 2 == 0
index b: B   k: K
input x[B, K]
"""
FOUND = {
    "halves": "output y[b,k] = if k < P then x[b,k] - 2 * x[b,k + P] else x[b,k] + x[b,k - P]\n",
    "pairs": (
        "output y[b,k] = if k % 2 == 0 then x[b,k] - 2 * x[b,k + 1] else x[b,k] * x[b,k - 1]\n"
    ),
    "apart": "output y[b,k] = if k % 2 == 0 then x[b,k // 2] else x[b,P + k // 2]\n",
    "together": "output y[b,k] = if k < P then x[b,2 * k] else x[b,2 * (k - P) + 1]\n",
    "where it is a first axis": (
        "s[k,b] = if k < P then x[b,k + P] else -x[b,k - P]\noutput y[b,k] = s[k,b] * x[b,k]\n"
    ),
    "guarded": "output y[b,k] = if k < P then x[b,k] / (1 + exp(x[b,k + P])) else x[b,k - P]\n",
}
NOT_FOUND = {
    "unequal parts": "output y[b,k] = if k < P - 1 then x[b,k] else x[b,k] - x[b,k - P + 1]\n",
    "a place from the end": "output y[b,k] = if k < P then x[b,K - 1 - k] else x[b,k]\n",
    "the place as a number": "output y[b,k] = if k < P then x[b,k] * k else x[b,k]\n",
    "a further choice": (
        "output y[b,k] = if k < P then (if k > 0 then x[b,k - 1] else 0) else x[b,k]\n"
    ),
}


def fused(body: str, folder: Path, *without: str) -> bool:
    """Whether the program of the module has pieces; it is verified."""
    root, out = folder / "spec", folder / "generated"
    root.mkdir(parents=True)
    (root / "m.eq").write_text(HEAD + body, encoding="utf-8")
    log = Log()
    modules = load(root, log)
    assert not log.failed, "\n".join(map(str, log.in_order()))
    write(generate(modules, without), out, True)
    report = verify_candidate(
        modules["m.M"], generated(modules["m.M"], out), Options(level="quick")
    )
    assert report.ok, str(report)
    program = rewrite(lower(modules["m.M"]), without)
    return any(isinstance(node, Fused) for step in program.steps for node in walk(step.body))


@pytest.mark.parametrize("body", FOUND.values(), ids=FOUND)
def test_pieces_are_found_and_are_the_equation(body: str, tmp_path: Path) -> None:
    assert fused(body, tmp_path / "on")
    assert not fused(body, tmp_path / "off", "pieces")


@pytest.mark.parametrize("body", NOT_FOUND.values(), ids=NOT_FOUND)
def test_what_is_no_slice_stays(body: str, tmp_path: Path) -> None:
    assert not fused(body, tmp_path)


def test_without_a_proof_that_halves_are_equal_there_are_none(tmp_path: Path) -> None:
    body = "output y[b,k] = if k < P then x[b,k] else 2 * x[b,k - P]\n"
    odd = HEAD.replace("require K % 2 == 0\n", "")
    (tmp_path / "m.eq").write_text(odd + body, encoding="utf-8")
    program = rewrite(lower(load(tmp_path, Log())["m.M"]))
    assert not any(isinstance(node, Fused) for step in program.steps for node in walk(step.body))
