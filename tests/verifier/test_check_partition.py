"""The partition of the range of draws: right samplers pass, and wrong steps are caught."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import lawful
import pytest
import torch
from lawful.compiler import typed as t
from lawful.compiler.project import shipped
from lawful.verifier.candidate import Candidate, generated
from lawful.verifier.check_partition import REGIMES as SWEPT
from lawful.verifier.check_partition import Partition, partition_of
from lawful.verifier.draws import rows_of
from lawful.verifier.flatten import flatten
from lawful.verifier.plan import BITS, Options
from lawful.verifier.regimes import REGIMES, case
from lawful.verifier.report import Check
from lawful.verifier.trial import Subject
from torch import Tensor

TOP = "samplers.TopKTopPSampler"


def sample(
    z: Tensor, g: Tensor, tau: float, top_k: float, top_p: float, **wrong: bool
) -> tuple[Tensor, Tensor]:
    """Sorted sampling, with faults of samplers that people ran."""
    if wrong.get("temperature twice"):
        tau = tau * tau
    z = z.double()
    order = z.argsort(dim=-1, descending=True, stable=True)
    p = torch.softmax(z.gather(1, order)[:, : math.ceil(top_k)] / tau, -1)
    before = p.cumsum(-1) - p
    kept = p.cumsum(-1) <= top_p if wrong.get("crossing token dropped") else before < top_p
    kept[:, 0] = True
    q = torch.zeros_like(z).scatter(1, order[:, : p.shape[1]], torch.where(kept, p, 0))
    if not wrong.get("unnormalised"):
        q = q / q.sum(-1, keepdim=True)
    law = q.flip(-1) if wrong.get("from the other end") else q
    u = g.double()[:, None]
    if wrong.get("8 bits"):
        u = (u * 256).floor() / 256
    if wrong.get("no draw"):
        u = torch.full_like(u, 0.5)
    x = (u < law.cumsum(-1)).double().argmax(-1)
    if wrong.get("argmax"):
        x = q.argmax(-1)
    if wrong.get("outside"):
        x = torch.where(u[:, 0] > 0.999, z.argmin(-1), x)
    return q, z.shape[1] - 1 - x if wrong.get("from the other end") else x


@cache
def flat(name: str) -> t.Module:
    return flatten(lawful.load(f"lawful.{name}"))


def held(name: str, f: Callable[..., Any] | None, dtype: str = "float32", seed: int = 0) -> Check:
    module = flat(name)
    candidate = generated(module, shipped().out) if f is None else Candidate("f", f)
    partition = partition_of(Subject(module, candidate, Options(dtypes=(dtype,), seed=seed)))
    assert partition is not None
    for regime in REGIMES:
        if regime.name in SWEPT:
            partition.hold_case(case(module, regime, seed, BITS[dtype]), dtype)
    partition.finish()
    return partition.check


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize(
    "name",
    [TOP, "samplers.AncestralSampler", "speculative.SpeculativeStep", "markov.MarkovGeneration"],
)
def test_generated_samplers_pass(name: str, dtype: str) -> None:
    check = held(name, None, dtype)
    assert check.verdict == "OK", check.failures
    assert check.cases == 2 and check.compared > 500


@pytest.mark.parametrize("seed", range(4))
def test_a_right_sampler_passes(seed: int) -> None:
    check = held(TOP, sample, seed=seed)
    assert check.verdict == "OK", check.failures


@pytest.mark.parametrize(
    "fault",
    [
        "temperature twice",
        "crossing token dropped",
        "unnormalised",
        "from the other end",
        "8 bits",
        "no draw",
        "argmax",
        "outside",
    ],
)
def test_a_wrong_sampler_is_caught(fault: str) -> None:
    found = [
        failure
        for seed in range(3)
        for failure in held(
            TOP, lambda **given: sample(**given, **{fault: True}), seed=seed
        ).failures
    ]
    assert found and all("where g is" in failure.why for failure in found)
    assert all(failure.got not in failure.expected.split(" or ") for failure in found)


def test_a_sampler_that_raises_is_wrong() -> None:
    def raising(**_: Any) -> Tensor:
        raise RuntimeError("no")

    assert "RuntimeError: no" in held(TOP, raising).failures[0].why


def test_it_is_for_uniform_draws_of_rows_in_its_regimes() -> None:
    def of(name: str, regime: str | None = None) -> Partition | None:
        module = flat(name)
        return partition_of(Subject(module, Candidate("f", sample), Options(regime=regime)))

    assert of(TOP) is not None and of(TOP, "consts") is not None and of(TOP, "ties") is None
    assert of("samplers.GumbelMaxSampler") is None and of("norms.RMSNorm") is None
    rows = rows_of(flat("speculative.SpeculativeBlock"))
    assert rows is not None and rows.batch == "B" and rows.outputs == ("kept", "x")


def test_a_token_rarer_than_the_format_tells_may_be_drawn() -> None:
    """At this seed one lies between two numbers of bfloat16, where rounding decides."""
    report = lawful.verify(
        "samplers.AncestralSampler", dtypes=["bfloat16"], seed=2, root=shipped().root
    )
    assert report.ok, str(report)
