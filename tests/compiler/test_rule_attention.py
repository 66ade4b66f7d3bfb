"""Attention in one call: where it is found, where it is not, and that it is the equation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Compile

GROUPED = """module M
size H, G, T, U, K, I, M = H // G
require H == G * M
index h: H   t: T   u: U   k: K   i: I
input q[H, T, K], r[G, U, K], v[G, U, I]
s[h,t,u] = sum[k] q[h,t,k] * r[h // M,u,k] / sqrt(K)
a[h,t,u] = softmax[u if u <= t] s[h,t,u]
output o[h,t,i] = sum[u] a[h,t,u] * v[h // M,u,i]
"""
SHARED = """module M
size H, T, U, K, I
index h: H   t: T   u: U   k: K   i: I
input q[H, T, K], r[U, K], v[U, I]
output o[h,t,i] = sum[u] (softmax[u] sum[k] q[h,t,k] * r[u,k]) * v[u,i]
"""
SCORES = "(sum[k] q[h,t,k] * r[u,k])"


def grouped(old: str, new: str) -> str:
    assert old in GROUPED
    return GROUPED.replace(old, new)


def shared(new: str) -> str:
    return SHARED.replace("sum[k] q[h,t,k] * r[u,k]", new)


FOUND = {
    "causal": GROUPED,
    "a mask": grouped("u <= t", "m[t,u]") + "input m[T, U] in bool\n",
    "a window": grouped("u <= t", "t - 2 < u <= t"),
    "no mask": grouped(" if u <= t", ""),
    "keys of each query": grouped("u <= t", "u >= t and u < U - h"),
    "shared keys": SHARED,
    "a scale": shared(f"-2 * {SCORES} / K"),
    "heads that are not groups": grouped("h // M", "h % G")
    .replace(", M = H // G", "")
    .replace("require H == G * M\n", ""),
}
BIASED = {
    "a bias": grouped("/ sqrt(K)", "/ sqrt(K) + d[h,t,u]") + "input d[H, T, U]\n",
    "a bias of distance": grouped("/ sqrt(K)", "/ sqrt(K) - (t - u) / (h + 1)"),
    "a bias without a mask": shared(f"({SCORES} + u / 8 - t)"),
}
NOT_FOUND = {
    "weights that are an output": grouped("a[h,t,u] =", "output a[h,t,u] ="),
    "scores that are read elsewhere": GROUPED + "output z[h,t] = max[u] s[h,t,u]\n",
    "other scores": shared(f"tanh{SCORES}"),
    "a scale for each query": shared(f"t * {SCORES}"),
    "values that know the query": SHARED.replace("* v[u,i]", "* v[u,i] * q[h,t,0]"),
    "two products": shared(f"({SCORES} + {SCORES})"),
    "values that may be infinite": SHARED.replace("* v[u,i]", "* log(abs(v[u,i]))"),
}


@pytest.mark.parametrize("body", (FOUND | BIASED).values(), ids=FOUND | BIASED)
def test_attention_is_found_and_is_the_equation(body: str, compile_spec: Compile) -> None:
    for without in ((), ("attention",)):
        made = compile_spec(body, *without)
        assert made.fused.count("ops.attention") == (not without)
        report = made.verify()
        assert report.ok, str(report)


@pytest.mark.parametrize("body", NOT_FOUND.values(), ids=NOT_FOUND)
def test_what_is_no_attention_stays(body: str, compile_spec: Compile) -> None:
    assert "ops.attention" not in compile_spec(body).fused


def test_the_call_says_what_it_is(compile_spec: Compile) -> None:
    """Groups that divide the heads are one, and u <= t is the causal mask."""
    code = compile_spec(GROUPED).code
    call = "o = ops.attention(q, r, v, scale=1.0 / math.sqrt(K), grouped=True, causal=True)"
    covered = [line for line in code.splitlines() if "(m.eq:" in line and line.startswith("    # ")]
    assert call in code and len(covered) == 3
