"""Log-probabilities of one class, of linear heads and their means: where each is found, where it
is not, and that it is the equation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Compile, Compiled

LOSS = """module M
size N, V
index n: N   v: V
input z[N, V]
input y[N] in V
input m[N] in bool
p[n,v] = log_softmax[v] z[n,v]
output loss = -mean[n if m[n]] p[n,y[n]]
"""
NEXT = """module M
size B, T, V, S = T - 1
index b: B   s: S   t: T   v: V
input z[B, T, V]
input y[B, T] in V
input m[B, T] in bool
p[b,t,v] = log_softmax[v] z[b,t,v]
output l[b] = sum[s if m[b,s]] p[b,s,y[b,s + 1]]
"""
HEAD = """module M
size N, D, V
index n: N   d: D   v: V
input h[N, D], W[V, D]
input y[N] in V
input m[N] in bool
z[n,v] = sum[d] W[v,d] * h[n,d]
p[n,v] = log_softmax[v] z[n,v]
output loss = -mean[n if m[n]] p[n,y[n]]
"""
ONE, ROWS, MEAN = "ops.log_prob", "ops.linear_log_prob", "ops.linear_cross_entropy"


def changed(spec: str, old: str, new: str) -> str:
    """The spec with a replacement, without the mask where nothing reads it any more."""
    assert old in spec
    lines = spec.replace(old, new).splitlines(keepends=True)
    masked = any(" if m[" in line for line in lines)
    return "".join(line for line in lines if masked or not line.startswith("input m"))


FOUND = {
    "a masked mean": (ONE, LOSS),
    "the first rows": (ONE, NEXT),
    "no mask": (ONE, changed(NEXT, " if m[b,s]", "")),
    "an output": (ONE, changed(LOSS, "loss = -mean[n if m[n]] p", "lp[n] = p")),
    "scaled logits": (ONE, changed(LOSS, "] z[n,v]", "] z[n,v] / 2")),
    "classes first": (ONE, changed(LOSS, "p[n,v]", "p[v,n]").replace("p[n,y[n]]", "p[y[n],n]")),
    "one row": (
        ONE,
        "module M\nsize V\nindex v: V\ninput z[V]\ninput y in V\n"
        "p[v] = log_softmax[v] z[v]\noutput l = p[y]\n",
    ),
    "a logit less the logsumexp": (
        ONE,
        changed(
            changed(LOSS, "p[n,v] = log_softmax[v] z[n,v]\n", ""),
            "loss = -mean[n if m[n]] p[n,y[n]]",
            "l[n] = z[n,y[n]] - logsumexp[v] z[n,v]",
        ),
    ),
    "a class of its own": (
        ONE,
        changed(LOSS, "z[N, V]", "z[N, N]")
        .replace("index n: N   v: V", "index n, v: N")
        .replace("input y[N] in V\n", "")
        .replace("size N, V", "size N")
        .replace("p[n,y[n]]", "p[n,n]"),
    ),
    "the opposite": (
        ONE,
        changed(
            changed(LOSS, "p[n,v] = log_softmax[v] z[n,v]\n", ""),
            "loss = -mean[n if m[n]] p[n,y[n]]",
            "l[n] = logsumexp[v] z[n,v] - z[n,y[n]]",
        ),
    ),
    "a head": (MEAN, HEAD),
    "a head without mask": (MEAN, changed(HEAD, " if m[n]", "")),
    "a head with features first": (
        MEAN,
        changed(HEAD, "W[V, D]", "W[D, V]").replace("W[v,d] * h[n,d]", "h[n,d] * W[d,v]"),
    ),
    "a head, row by row": (ROWS, changed(HEAD, "loss = -mean[n if m[n]] p", "lp[n] = p")),
    "a head and another mean": (ROWS, changed(HEAD, "-mean[n if m[n]] p", "-max[n if m[n]] p")),
}
NOT_FOUND = {
    "an output of all classes": changed(LOSS, "p[n,v] =", "output p[n,v] ="),
    "read whole elsewhere": LOSS + "output e[n] = max[v] p[n,v]\n",
    "read at two classes": LOSS + "output e[n] = p[n,0]\n",
    "a class for all rows": changed(LOSS, "p[n,y[n]]", "p[n,V - 1]").replace(
        "input y[N] in V\n", ""
    ),
    "other rows": changed(NEXT, "p[b,s,y[b,s + 1]]", "p[b,s + 1,y[b,s]]"),
    "some classes": changed(LOSS, "softmax[v]", "softmax[v if v <= n]"),
    "other logits": changed(
        changed(LOSS, "p[n,v] = log_softmax[v] z[n,v]\n", ""),
        "loss = -mean[n if m[n]] p[n,y[n]]",
        "l[n] = z[n,y[n]] - logsumexp[v] (2 * z[n,v])",
    ),
}
NO_HEAD = {
    "logits that are an output": changed(HEAD, "z[n,v] =", "output z[n,v] ="),
    "logits that are read elsewhere": HEAD + "output c[n] = max[v] z[n,v]\n",
    "capped logits": changed(HEAD, "softmax[v] z[n,v]", "softmax[v] tanh(z[n,v])"),
    "weights of each row": changed(HEAD, "W[V, D]", "W[N, V, D]").replace("W[v,d]", "W[n,v,d]"),
}
NO_MEAN = {
    "a sum": changed(HEAD, "-mean", "-sum"),
    "the mean itself": changed(HEAD, "-mean", "mean"),
    "another denominator": changed(
        HEAD, "-mean[n if m[n]] p[n,y[n]]", "-(sum[n if m[n]] p[n,y[n]]) / N"
    ),
    "log-probabilities that are read elsewhere": changed(
        HEAD, "loss = -mean[n if m[n]] p[n,y[n]]", "q = max[n] l[n]"
    ).replace("output q", "l[n] = p[n,y[n]]\noutput loss = -mean[n] l[n]\noutput q"),
}


def functions(made: Compiled) -> list[str]:
    return [function for function in made.fused if function in (ONE, ROWS, MEAN)]


@pytest.mark.parametrize(("function", "body"), FOUND.values(), ids=FOUND)
def test_it_is_found_and_is_the_equation(function: str, body: str, compile_spec: Compile) -> None:
    made = compile_spec(body)
    assert functions(made) == [function]
    report = made.verify(("float64", "bfloat16"))
    assert report.ok, str(report)


@pytest.mark.parametrize("body", (LOSS, NEXT, HEAD), ids=("loss", "next", "head"))
def test_it_is_a_matter_of_speed(body: str, compile_spec: Compile) -> None:
    for without, found in (("gathered-log-prob", []), ("linear-cross-entropy", [ONE])):
        made = compile_spec(body, without)
        assert functions(made) == found
        assert made.verify().ok


@pytest.mark.parametrize("body", NOT_FOUND.values(), ids=NOT_FOUND)
def test_what_is_more_than_one_class_stays(body: str, compile_spec: Compile) -> None:
    assert not functions(compile_spec(body))


@pytest.mark.parametrize("body", NO_HEAD.values(), ids=NO_HEAD)
def test_logits_of_another_kind_stay(body: str, compile_spec: Compile) -> None:
    assert functions(compile_spec(body)) == [ONE]


@pytest.mark.parametrize("body", NO_MEAN.values(), ids=NO_MEAN)
def test_other_means_read_the_rows(body: str, compile_spec: Compile) -> None:
    assert functions(compile_spec(body)) == [ROWS]


def test_the_call_says_what_it_is(compile_spec: Compile) -> None:
    """The class of a row that no guard lets through may be anything; all equations are named."""
    code = compile_spec(HEAD).code
    call = "loss = ops.linear_cross_entropy(h, W, torch.clamp(y, min=0, max=V - 1), where=m)"
    covered = [line for line in code.splitlines() if "(m.eq:" in line and line.startswith("    # ")]
    assert call in code and len(covered) == 3
