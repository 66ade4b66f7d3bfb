"""Scales: 1 % is seen in 16-bit formats, where the tolerances of elements do not see it; what
rounds as such code does is not alarmed at."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import lawful
import numpy as np
import pytest
import torch
from lawful.compiler import typed as t
from lawful.verifier.candidate import Candidate
from lawful.verifier.check_scales import Errors, Scales
from lawful.verifier.flatten import flatten
from lawful.verifier.plan import Options, all_cases
from lawful.verifier.reference import evaluate
from lawful.verifier.reference_scales import scaled
from lawful.verifier.report import Check
from lawful.verifier.scale_cases import (
    LEAST,
    NUMBERS,
    TERMS,
    scale_cases,
    scale_cases_planned,
)
from lawful.verifier.settings import holds, work
from lawful.verifier.trial import Subject
from lawful.verifier.verify import Run, verify_candidate
from torch import Tensor

F = torch.nn.functional


def attention(
    x: Tensor, W_Q: Tensor, W_K: Tensor, W_V: Tensor, W_O: Tensor, off: float = 1
) -> Tensor:
    """Every operation rounds to the format."""
    q, k, v = (torch.einsum("btd,hkd->bhtk", x, W) for W in (W_Q, W_K, W_V))
    scores = q @ k.transpose(-1, -2) * (off / math.sqrt(q.shape[-1]))
    later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    a = torch.softmax(scores.masked_fill(later, -math.inf), -1)
    return torch.einsum("bhtk,dhk->btd", a @ v, W_O)


def rms_norm(x: Tensor, g: Tensor, eps: float, off: float = 1) -> Tensor:
    return g * (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)) * off


def dpo(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float, off: float = 1) -> Tensor:
    return -F.logsigmoid(beta * off * ((lw - rw) - (ll - rl))).mean()


def dpo_with_a_tensor(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float) -> Tensor:
    """The const is rounded to the format."""
    return dpo(lw, ll, rw, rl, 1.0, torch.tensor(beta, dtype=lw.dtype))  # type: ignore[arg-type]


def softcapped(z: Tensor, cap: float, off: float = 1) -> Tensor:
    return cap * off * torch.tanh(z / (cap * off))


def gelu(
    x: Tensor, W_in: Tensor, c_in: Tensor, W_out: Tensor, c_out: Tensor, off: float = 1
) -> Tensor:
    z = torch.einsum("btd,fd->btf", x, W_in) + c_in
    hidden = z / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * off * z**3)))
    return torch.einsum("btf,df->btd", hidden, W_out) + c_out


CAUSAL = "attention.CausalSelfAttention"
CODE: dict[str, Callable[..., Tensor]] = {
    CAUSAL: attention,
    "norms.RMSNorm": rms_norm,
    "losses.dpo.DPO": dpo,
    "embedding.SoftcappedLogits": softcapped,
    "mlp.FeedForwardTanhGELU": gelu,
}


@cache
def module(name: str) -> t.Module:
    return flatten(lawful.load(f"lawful.{name}"))


def held(name: str, f: Callable[..., Any], dtype: str) -> Check:
    """The check of scales alone, in the regime that shows most."""
    regime = "large" if name == "embedding.SoftcappedLogits" else "typical"
    scales = Scales(
        Subject(module(name), Candidate("f", f), Options(dtypes=(dtype,), regime=regime))
    )
    for the_case in scales.cases():
        scales.hold(the_case)
    (check,) = scales.finish()
    return check


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", CODE)
def test_code_that_rounds_after_every_operation_passes(name: str, dtype: str) -> None:
    check = held(name, CODE[name], dtype)
    assert check.verdict == "OK", check.failures
    assert check.cases == 1 and check.compared and 0 < check.worst < 0.8


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_const_may_be_rounded_to_the_format(dtype: str) -> None:
    check = held("losses.dpo.DPO", dpo_with_a_tensor, dtype)
    assert check.verdict == "OK" and check.worst > 0.1, check.failures


OFF = [
    (CAUSAL, "bfloat16", 1.01, "s"),
    (CAUSAL, "float16", 0.99, "s"),
    ("norms.RMSNorm", "bfloat16", 1.01, "g"),
    ("losses.dpo.DPO", "bfloat16", 1.01, "beta"),
    ("losses.dpo.DPO", "float16", 0.99, "beta"),
    ("embedding.SoftcappedLogits", "bfloat16", 1.01, "cap"),
    ("mlp.FeedForwardTanhGELU", "float16", 1.01, "0.044715"),
]


@pytest.mark.parametrize(("name", "dtype", "off", "scale"), OFF)
def test_a_scale_one_per_cent_off_is_caught_and_named(
    name: str, dtype: str, off: float, scale: str
) -> None:
    check = held(name, lambda **given: CODE[name](**given, off=off), dtype)
    assert check.verdict == "WRONG" and check.worst > 1
    found = [f.why.partition(" were ") for f in check.failures]
    named = {
        s
        for why, _, _ in found
        for s in why.removeprefix("its numbers").split(" of ")[1].split(" or ")
    }
    assert scale in named, found
    sizes = [float(rest.split(" times")[0]) for _, _, rest in found]
    assert min(abs(size - off) for size in sizes) < 0.002


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(CAUSAL, "bfloat16"), ("norms.RMSNorm", "bfloat16"), ("losses.dpo.DPO", "bfloat16")],
)
def test_the_other_checks_do_not_see_it(name: str, dtype: str) -> None:
    flat, off = module(name), 1.01
    subject = Subject(
        flat,
        Candidate("f", lambda **given: CODE[name](**given, off=off)),
        Options(dtypes=(dtype,)),
    )
    run = Run(subject)
    for the_case in all_cases(flat, subject.options):
        run.try_case(the_case, run.truths.of)
    assert all(not check.failures for check in run.finish())


def test_a_gradient_that_is_off_alone_is_caught() -> None:
    def f(x: Tensor, g: Tensor, eps: float) -> Tensor:
        y = rms_norm(x, g, eps)
        return y.detach() + 1.015 * (y - y.detach())

    check = held("norms.RMSNorm", f, "bfloat16")
    assert {failure.tensor for failure in check.failures} >= {"d(y) / d x"}
    assert "y" not in {failure.tensor for failure in check.failures if failure.tensor != "y"}


UNDERFLOWS = """
module Estimate
size B, Y
index b: B   y: Y
input z[B, Y], w[B, Y]
policy[b,y] = log_softmax[y] z[b,y]
reference[b,y] = log_softmax[y] w[b,y]
drawn[b,y] = stop(exp(policy[b,y]))
d[b,y] = policy[b,y] - reference[b,y]
output loss[b] = sum[y] drawn[b,y] * (exp(-d[b,y]) - 1 + d[b,y])
"""


def test_what_underflows_is_no_wrong_scale(tmp_path: Path) -> None:
    """exp(policy) is 0 in float16 where exp(policy - d) is not: the loss is smaller by 1."""

    def estimate(z: Tensor, w: Tensor) -> Tensor:
        policy = torch.log_softmax(z.float(), -1).half()
        d = (policy.float() - torch.log_softmax(w.float(), -1).half().float()).half().float()
        drawn = torch.exp(policy.float()).half().float().detach()
        return (drawn * (torch.exp(-d) - 1 + d)).sum(-1).half()

    (tmp_path / "m.eq").write_text(UNDERFLOWS, encoding="utf-8")
    options = Options(dtypes=("float16",), regime="large")
    flat = flatten(lawful.load("m.Estimate", tmp_path))
    scales = Scales(Subject(flat, Candidate("estimate", estimate), options))
    for the_case in scales.cases():
        scales.hold(the_case)
    (check,) = scales.finish()
    assert check.verdict == "OK" and check.worst > 0.1, check.failures


def test_code_that_raises_or_has_another_shape_is_no_error_of_the_check() -> None:
    def raising(**_: Any) -> Tensor:
        raise RuntimeError("no")

    assert "RuntimeError: no" in held("norms.RMSNorm", raising, "bfloat16").failures[0].why
    held("norms.RMSNorm", lambda x, g, eps: rms_norm(x, g, eps)[:1], "bfloat16")


def test_it_is_part_of_a_verification_of_16_bit_formats_alone() -> None:
    flat = module("norms.RMSNorm")
    candidate = Candidate("f", lambda **given: rms_norm(**given, off=1.01))
    options = Options(dtypes=("bfloat16",), regime="typical")
    report = verify_candidate(flat, candidate, options)
    assert {f.check for f in report.failures} == {"scales"}
    assert "--dtype bfloat16 --regime typical --seed 0" in report.failures[0].command
    assert scale_cases_planned(flat, options) == 1
    assert scale_cases_planned(flat, Options()) == 0 and not [*scale_cases(flat, Options())]
    assert scale_cases_planned(module("samplers.GreedyDecoding"), Options(dtypes=("float16",))) == 0


@pytest.mark.parametrize("name", [CAUSAL, "losses.dpo.DPO", "rope.RotaryHalves"])
def test_cases_are_as_large_as_they_may_be(name: str) -> None:
    flat = scaled(module(name)).module
    cases = list(scale_cases(flat, Options(dtypes=("float16",))))
    assert [the_case.regime for the_case in cases] == ["typical", "large"]
    for the_case in cases:
        sizes = the_case.setting.sizes
        assert all(sizes[n] >= LEAST for n, size in flat.sizes.items() if size.value is None)
        numbers = sum(tensor.size for tensor in the_case.tensors.values())
        assert TERMS / 5 < work(flat, sizes) <= TERMS or numbers > NUMBERS / 3
        assert all(holds(condition, sizes, the_case.setting.consts) for condition in flat.requires)


def moved(name: str, scale: str) -> None:
    """Hold the derivative of the first output by a scale against a difference quotient, where
    the const or input is larger."""
    flat = module(name)
    everything = scaled(flat)
    the_case = next(scale_cases(everything.module, Options(dtypes=("float16",))))
    sizes, consts, tensors = the_case.setting.sizes, the_case.setting.consts, the_case.tensors
    answers = everything.derivatives(sizes, consts, tensors, the_case.cotangents)
    values = answers.tensors["", flat.outputs[0]].values
    more = 1 + 2.0**-10
    plain = evaluate(flat, sizes, consts, tensors)[flat.outputs[0]]
    if scale in consts:
        consts = {**consts, scale: float(consts[scale]) * more}
    else:
        tensors = {**tensors, scale: tensors[scale] * more}
    slope = (evaluate(flat, sizes, consts, tensors)[flat.outputs[0]] - plain) * 2**10
    assert np.abs(slope).max() > 0
    np.testing.assert_allclose(values[0], plain)
    along = values[1 + everything.names.index(scale)]
    np.testing.assert_allclose(along, slope, rtol=1e-6, atol=1e-9)


def test_derivatives_are_those_of_the_equations() -> None:
    moved("mlp.FeedForwardTanhGELU", "x")
    moved("rl.recursions.GAERecursion", "gamma")
    moved("rl.recursions.GAERecursion", "V")


def test_a_literal_and_an_equation_have_scales_and_what_laws_alone_need_has_none() -> None:
    everything = scaled(module("mlp.FeedForwardTanhGELU"))
    assert {"0.044715", "hidden", "y", "W_in"} <= set(everything.names)
    names = scaled(module(CAUSAL)).names
    assert "s" in names and "top" not in names and "mass" not in names


def test_a_scale_that_hardly_tells_is_no_overflow() -> None:
    """A derivative of 1e-160 makes 1e157 of an error of a thousandth."""
    one = np.ones(1)
    errors = Errors(
        one, one / 1000, 1e-160 * one[None], np.zeros((4, 1)), np.zeros(1), one / 256, 2.0**-8
    )
    (estimate,) = errors.estimates(["beta"])
    assert math.isfinite(estimate.off) and estimate.off > 1e150
