"""The rules for what depends on an order: prefix-sum, mass-before, top-k, discounted-sum. Each
applies where it says, verification passes with it and without, and the code that it gives
does not grow with the square of a row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import torch
from lawful.compiler.rewrite import RULES
from lawful.runtime import ops, ops_order
from torch import Tensor

if TYPE_CHECKING:
    from conftest import Compile

HEAD = "module M\nsize B, V\nindex b: B   v, w: V\ninput z[B, V]\n"
RANK = "place[b,v] = rank[v] z[b,v]\n"
TOP = "const k = 2\nrequire k >= 1\n" + RANK


def calls(code: str) -> set[str]:
    return set(re.findall(r"ops\.(\w+)\(", code))


@dataclass(frozen=True)
class Case:
    """Equations, the rule that changes them, and the calls that it makes of them."""

    rule: str
    calls: tuple[str, ...]
    spec: str


CASES = (
    Case("prefix-sum", ("prefix_sum",), "output y[b,v] = sum[w if w <= v] z[b,w]\n"),
    Case("prefix-sum", ("prefix_sum",), "output y[b,v] = sum[w if v > w] z[b,w] ^ 2\n"),
    Case("prefix-sum", ("prefix_sum",), "output y[b,v] = sum[w if w >= v and z[b,w] > 0] z[b,w]\n"),
    Case("prefix-sum", ("prefix_sum",), "output y[v,b] = sum[w if w > v] log(1 + z[b,w] ^ 2)\n"),
    Case("prefix-sum", ("prefix_sum",), "output y[b,v] = sum[w if w < v] exp(4 * z[b,w])\n"),
    Case("prefix-sum", ("prefix_sum",), "output y[b,v] = count[w if w < v] (z[b,w] > 0)\n"),
    Case("prefix-sum", ("prefix_sum",), "output y[b,v] = all[w if w <= v] (z[b,w] > 0)\n"),
    Case("prefix-sum", ("prefix_sum",), "output y[b,v] = any[w if w > v] (z[b,w] > 1)\n"),
    Case("mass-before", ("sum_below",), "output y[b,v] = sum[w if z[b,w] < z[b,v]] z[b,w] ^ 2\n"),
    Case("mass-before", ("sum_below",), "output y[b,v] = sum[w if z[b,v] >= z[b,w]] z[b,w]\n"),
    Case("mass-before", ("sum_below",), "output y[b,v] = sum[w if z[b,w] > z[b,v]] exp(z[b,w])\n"),
    Case("mass-before", ("count_below",), "output y[b,v] = count[w] (z[b,w] >= z[b,v])\n"),
    Case(
        "mass-before",
        ("sum_before",),
        RANK + "output y[b,v] = sum[w if place[b,w] < place[b,v]] z[b,w]\n",
    ),
    Case(
        "mass-before",
        ("sum_before",),
        RANK + "output y[b,v] = sum[w if place[b,w] >= place[b,v] and w > 0] z[b,w]\n",
    ),
    Case(
        "mass-before",
        ("sum_below",),
        "place[b,v] = rank[v if z[b,v] > 0] z[b,v]\n"
        "output y[b,v] = sum[w if place[b,w] < place[b,v]] z[b,w]\n",
    ),
    Case(
        "top-k",
        ("top", "spread"),
        TOP + "output q[b,v] = softmax[v if place[b,v] < k] z[b,v]\n",
    ),
    Case(
        "top-k",
        ("top", "spread", "first_above"),
        TOP
        + "random g[B] ~ uniform(0, 1)\n"
        + "p[b,v] = softmax[v if place[b,v] < k] z[b,v] / 2\n"
        + "output least[b,v] = z[b,v] * p[b,v]\n"
        + "output centre[b] = sum[v] p[b,v] * (z[b,v] + v)\n"
        + "cumulated[b,v] = sum[w if w <= v] p[b,w]\n"
        + "output x[b] = min[v if g[b] < cumulated[b,v]] v\n",
    ),
    Case(
        "entry-at-place",
        ("top",),
        "size U, N = V * U\nindex n: N   u: U\ninput x[B, N], a[U]\n"
        "place[b,n] = rank[n] x[b,n]\n"
        "output y[b,u] = a[u] * (min[n if place[b,n] == u] n) + z[b,0]\n",
    ),
    Case(
        "discounted-sum",
        ("discounted_sum",),
        "const c = 0.7\nrequire 0 <= c <= 1\n"
        "output y[b,v] = sum[w if w >= v] c ^ (w - v) * z[b,w]\n",
    ),
    Case(
        "discounted-sum",
        ("discounted_sum",),
        "const c = 0.7\nrequire 0 <= c <= 1\n"
        "output y[b,v] = sum[w if w <= v] (c * 0.5) ^ (v - w) * z[b,w]\n",
    ),
    Case(
        "discounted-sum",
        ("discounted_sum",),
        "const c = 0.7\nrequire 0 <= c <= 1\n"
        "s[b,V] = z[b,0]\ns[b,v] = z[b,v] + c * s[b,v+1]\noutput y[b,v] = s[b,v]\n",
    ),
    Case(
        "discounted-sum",
        ("discounted_sum",),
        "output s[b,0] = 1\noutput s[b,v+1] = s[b,v] * 0.5 + z[b,v] * v - 1\n",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.spec}")
def test_a_rule_applies_and_both_ways_verify(case: Case, compile_spec: Compile) -> None:
    made = compile_spec(HEAD + case.spec)
    assert made.verify(("float64", "bfloat16")).ok
    assert set(case.calls) <= calls(made.code)
    # prefix-sum too is a matter of a key, the index: without it mass-before takes its place.
    without = (case.rule, "mass-before") if case.rule == "prefix-sum" else (case.rule,)
    plain = compile_spec(HEAD + case.spec, *without)
    assert plain.verify(("float64",)).ok
    assert not set(case.calls) & calls(plain.code)


def all_of_them(x: Tensor, dim: int, **_: bool) -> Tensor:
    """A prefix sum that takes v itself, and from the start, whatever is asked for."""
    return x.cumsum(dim)


def last_of_equal(x: Tensor, k: int, dim: int) -> Tensor:
    """Of equal entries those of largest index."""
    order = x.flip(dim).argsort(dim, descending=True, stable=True).narrow(dim, 0, k)
    return x.shape[dim] - 1 - order


FAULTS = (
    ("prefix_sum", all_of_them, 1),
    ("prefix_sum", all_of_them, 2),
    ("sum_below", lambda x, key, dim, **_: ops_order.sum_below(x, key, dim, inclusive=True), 8),
    ("sum_below", lambda x, key, dim, **_: ops_order.sum_below(x, key, dim), 9),
    ("count_below", lambda key, dim, **_: ops_order.count_below(key, dim, reverse=True), 11),
    ("sum_before", lambda x, at, dim, **_: ops_order.sum_before(x, at, dim, inclusive=True), 12),
    ("top", last_of_equal, 15),
    ("spread", lambda x, at, size, dim: ops_order.spread(x.flip(dim), at, size, dim), 15),
    ("first_above", lambda x, at, g, dim: ops_order.first_above(x, at, g + 0.1, dim), 16),
    ("first_above", lambda x, at, g, dim: at.select(dim, 0), 16),
    ("discounted_sum", lambda x, **options: x, 18),
)
"""A function of the runtime, one that is wrong, and the case that must tell."""


@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_verification_tells_a_wrong_function(
    fault: int, compile_spec: Compile, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, wrong, case = FAULTS[fault]
    monkeypatch.setattr(ops, name, wrong)
    made = compile_spec(HEAD + CASES[case].spec)
    assert f"ops.{name}(" in made.code and not made.verify(("float64",)).ok


REFUSED = {
    "the bounds are of another axis": "size U\nindex u: U\ninput x[U]\n"
    "output y[u] = sum[b if b <= u] x[u] * z[b,0]\n",
    "what is summed depends on v": "output y[b,v] = sum[w if w <= v] z[b,w] * z[b,v] ^ w\n",
    "two conditions on v": "output y[b,v] = sum[w if v - 2 <= w and w <= v] z[b,w]\n",
    "the keys differ": "output y[b,v] = sum[w if z[b,w] < 2 * z[b,v]] z[b,w]\n",
    "a rank of other rows": RANK + "output y[v,w] = sum[b] [place[b,v] < place[0,w]] * z[b,v]\n",
    "k may be less than one": "const k = 2\n"
    + RANK
    + "output q[b,v] = softmax[v if place[b,v] < k] z[b,v]\n",
    "more places than entries": "size U\nindex u: U\ninput x[U]\n"
    + RANK
    + "output y[b,u] = if u < V then x[u] * min[v if place[b,v] == u] v else 0\n",
    "a power above one": "const c = 2\noutput y[b,v] = sum[w if w >= v] c ^ (w - v) * z[b,w]\n",
    "a factor that varies": "output s[b,0] = 1\noutput s[b,v+1] = z[b,v] * s[b,v] + 1\n",
    "a recursion of two": "output s[b,0] = 1\nr[b,0] = 0\noutput s[b,v+1] = 0.5 * r[b,v] + z[b,v]\n"
    "r[b,v+1] = 0.5 * s[b,v] + z[b,v]\n",
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_rule_leaves_what_is_of_another_form(why: str, compile_spec: Compile) -> None:
    made = compile_spec(HEAD + REFUSED[why])
    assert made.verify(("float64",)).ok
    names = {"prefix_sum", "sum_below", "sum_before", "count_below", "top", "discounted_sum"}
    assert not calls(made.code) & names


def test_without_rules_the_program_is_the_literal_one(compile_spec: Compile) -> None:
    made = compile_spec(HEAD + CASES[0].spec, *(name for name, _ in RULES))
    assert made.verify(("float64",)).ok and "torch.where(w <= v" in made.code


def test_what_comes_later_does_not_leak(compile_spec: Compile) -> None:
    made = compile_spec(HEAD + "output y[b,v] = sum[w if w < v] exp(z[b,w])\n")
    z = torch.tensor([[1.0, 2.0, 1e4]], requires_grad=True)
    y = made.candidate.function(z)
    y.sum().backward()
    assert y.isfinite().all()
    assert z.grad is not None and z.grad.isfinite().all() and z.grad[0, 2] == 0


def test_a_large_row_fits_into_memory(compile_spec: Compile) -> None:
    """A mask of V by V would take 40 GB."""
    spec = (
        HEAD + TOP + "p[b,v] = softmax[v] z[b,v]\n"
        "before[b,v] = sum[w if place[b,w] < place[b,v]] p[b,w]\n"
        "output below[b,v] = before[b,v] + (sum[w if w < v] p[b,w]) + sum[w if z[b,w] < z[b,v]] 1\n"
        "output q[b,v] = softmax[v if place[b,v] < k] z[b,v]\n"
    )
    z = torch.randn(1, 200_000)
    below, q = compile_spec(spec).candidate.function(z, k=50)
    assert below.shape == q.shape == z.shape and (q > 0).sum() == 50
