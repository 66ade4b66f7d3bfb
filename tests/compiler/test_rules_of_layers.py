"""Norms, activations and linear maps in one call: where they are found, and where they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Compile

HEAD = (
    "module M\nsize B, D\nindex b: B   d, e: D\ninput x[B, D]\nconst eps = 1e-5\nrequire eps > 0\n"
)
RMS = HEAD + "param g[D] = 1\noutput y[b,d] = g[d] * x[b,d] / sqrt(mean[e] x[b,e] ^ 2 + eps)\n"
LAYER = HEAD + (
    "param g[D] = 1\nparam c[D] = 0\nmu[b] = mean[e] x[b,e]\n"
    "var[b] = mean[e] (x[b,e] - mu[b]) ^ 2\n"
    "output y[b,d] = g[d] * (x[b,d] - mu[b]) / sqrt(var[b] + eps) + c[d]\n"
)
POINT = "module M\nsize B\nindex b: B\ninput x[B], z[B]\n"
MAP = (
    "module M\nsize B, D, F\nindex b: B   d: D   f: F\ninput x[B, D]\nparam W[F, D] ~ xavier()\n"
    "param c[F] = 0\noutput y[b,f] = sum[d] W[f,d] * x[b,d] + c[f]\n"
)
FOUND = {
    "an rms norm": ("norms", "ops.rms_norm(x, gain=g, eps=eps)", RMS),
    "one without a gain": (
        "norms",
        "ops.rms_norm(x, eps=eps)",
        RMS.replace("g[d] * ", "").replace("param g[D] = 1\n", ""),
    ),
    "a gain from zero": ("norms", "gain=1.0 + ", RMS.replace("g[d] *", "(1 + g[d]) *")),
    "a layer norm": ("norms", "ops.layer_norm(", LAYER),
    "silu": (
        "activations",
        "torch.nn.functional.silu(",
        POINT + "output y[b] = z[b] * silu(2 * x[b])\n",
    ),
    "gelu": (
        "activations",
        "torch.nn.functional.gelu(",
        POINT + "output y[b] = z[b] * gelu(x[b])\n",
    ),
    "its approximation": (
        "activations",
        "ops.gelu_tanh(",
        POINT + "output y[b] = gelu_tanh(x[b]) - z[b]\n",
    ),
    "a biased map": ("linear", "torch.nn.functional.linear(x, W, c)", MAP),
    "one inside": (
        "linear",
        "torch.nn.functional.linear(",
        MAP.replace("= sum", "= tanh(sum")
        .replace("c[f]\n", "c[f])\n")
        .replace("tanh(sum[d] W[f,d] * x[b,d] + c[f])", "tanh((sum[d] W[f,d] * x[b,d]) + c[f])"),
    ),
}
BARE = MAP.replace(" + c[f]", "").replace("param c[F] = 0\n", "")
SIZES = "module M\nsize B, D, H, K\nindex b: B   d: D   h: H   k: K\n"
TO_HEADS = SIZES + (
    "input x[B, D]\nparam W[H, K, D] ~ normal(std = 1)\n"
    "output y[b,h,k] = sum[d] W[h,k,d] * x[b,d]\n"
)
FROM_HEADS = SIZES + (
    "input o[H, B, K]\nparam U[D, H, K] ~ normal(std = 1)\n"
    "output y[d,b] = sum[h,k] U[d,h,k] * o[h,b,k]\n"
)
FOUND |= {
    "a bias of rows": (
        "linear",
        "torch.nn.functional.linear(ops.widen(x), ops.widen(W)) + ops.widen(c)[:, None]",
        MAP.replace("c[F] = 0", "c[B] = 0").replace("c[f]", "c[b]"),
    ),
    "a map without a bias": ("linear", "y = torch.nn.functional.linear(x, W)", BARE),
    "a map to heads": ("linear", "y = ops.linear(x, W)\n", TO_HEADS),
    "a map from heads": ("linear", "ops.linear(o.permute(1, 0, 2), U, inner=2).T", FROM_HEADS),
}
NOT_FOUND = {
    "a layer norm without a shift": LAYER.replace(" + c[d]", "").replace("param c[D] = 0\n", ""),
    "the constant outside": RMS.replace(
        "sqrt(mean[e] x[b,e] ^ 2 + eps)", "(sqrt(mean[e] x[b,e] ^ 2) + eps)"
    ),
    "a sum of squares": RMS.replace("mean[e]", "sum[e]"),
    "another power": RMS.replace("^ 2", "^ 4"),
    "squares of something else": RMS.replace("mean[e] x[b,e] ^ 2", "mean[e] (x[b,e] + 1) ^ 2"),
    "the mean of something else": LAYER.replace("mu[b] = mean[e] x", "mu[b] = mean[e] 2 * x"),
    "another constant in gelu": POINT
    + "output y[b] = x[b] * (1 + erf(x[b] / sqrt(3))) / 2 + z[b]\n",
    "gelu that is not halved": POINT + "output y[b] = x[b] * (1 + erf(x[b] / sqrt(2))) + z[b]\n",
    "a map by an input": BARE.replace("param W[F, D] ~ xavier()", "input W[F, D]"),
    "a map by a transposed param": BARE.replace("W[F, D]", "W[D, F]").replace("W[f,d]", "W[d,f]"),
    "a map for each row": BARE.replace("W[F, D]", "W[B, D]")
    .replace("y[b,f]", "y[b]")
    .replace("W[f,d]", "W[b,d]"),
    "a sigmoid of something else": POINT + "output y[b] = x[b] * sigmoid(z[b])\n",
}
CALLS = ("ops.rms_norm(", "ops.layer_norm(", "silu(", "gelu(", "linear(")
DTYPES = ("float64", "float32", "bfloat16")


@pytest.mark.parametrize(("rule", "call", "spec"), FOUND.values(), ids=FOUND)
def test_they_are_found_and_are_the_equation(
    rule: str, call: str, spec: str, compile_spec: Compile
) -> None:
    for without in ((), (rule,)):
        made = compile_spec(spec, *without)
        assert (call in made.code) == (not without)
        report = made.verify(DTYPES)
        assert report.ok, str(report)


@pytest.mark.parametrize("spec", NOT_FOUND.values(), ids=NOT_FOUND)
def test_what_is_something_else_stays(spec: str, compile_spec: Compile) -> None:
    made = compile_spec(spec)
    assert not any(call in made.code for call in CALLS)
    report = made.verify(DTYPES)
    assert report.ok, str(report)


def test_the_norm_names_the_equations_that_it_covers(compile_spec: Compile) -> None:
    made = compile_spec(LAYER)
    report = made.verify(DTYPES)
    assert report.ok, str(report)
    code = made.code
    body = code[code.index("    # mu[b]") : code.index("    return y")]
    assert [line.split("[")[0] for line in body.splitlines() if "    # " in line] == [
        "    # mu",
        "    # var",
        "    # output y",
    ]
