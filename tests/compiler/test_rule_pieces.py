"""A choice by the place along an axis: where it is put together from slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Compile

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


@pytest.mark.parametrize("body", FOUND.values(), ids=FOUND)
def test_pieces_are_found_and_are_the_equation(body: str, compile_spec: Compile) -> None:
    for without in ((), ("pieces",)):
        made = compile_spec(HEAD + body, *without)
        assert bool(made.fused) == (not without)
        report = made.verify()
        assert report.ok, str(report)


@pytest.mark.parametrize("body", NOT_FOUND.values(), ids=NOT_FOUND)
def test_what_is_no_slice_stays(body: str, compile_spec: Compile) -> None:
    made = compile_spec(HEAD + body)
    assert not made.fused
    report = made.verify()
    assert report.ok, str(report)


def test_without_a_proof_that_halves_are_equal_there_are_none(compile_spec: Compile) -> None:
    odd = HEAD.replace("require K % 2 == 0\n", "")
    made = compile_spec(odd + "output y[b,k] = if k < P then x[b,k] else 2 * x[b,k - P]\n")
    assert not made.fused
