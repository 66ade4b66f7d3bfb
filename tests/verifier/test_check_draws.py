"""What is drawn without a source: right samplers pass, wrong laws are rejected."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import lawful
import numpy as np
import pytest
import torch
from lawful.compiler import typed as t
from lawful.verifier import check_draws, goodness_of_fit
from lawful.verifier.candidate import Candidate, accepts
from lawful.verifier.check_draws import draws_of
from lawful.verifier.drawn_laws import exact_law
from lawful.verifier.draws import rows_of
from lawful.verifier.flatten import flatten
from lawful.verifier.goodness_of_fit import Law, binned, tilted
from lawful.verifier.isolated import Isolated
from lawful.verifier.plan import Options
from lawful.verifier.regimes import REGIMES, case
from lawful.verifier.report import Check, Report
from lawful.verifier.undrawn import drawn_by, without
from torch import Tensor

TOP, GUMBEL = "samplers.TopKTopPSampler", "samplers.GumbelMaxSampler"


def top(
    z: Tensor, tau: float, top_k: float, top_p: float, fault: str = ""
) -> tuple[Tensor, Tensor]:
    """Sorted sampling with torch's own draws, with faults of samplers that people ran."""
    if fault == "ignores rows":
        z = z[:1].expand_as(z)
    order = z.argsort(dim=-1, descending=True, stable=True)
    if fault == "temperature twice":
        tau = tau * tau
    p = torch.softmax(z.gather(1, order)[:, : math.ceil(top_k)] / tau, -1)
    kept = p.cumsum(-1) - p < top_p
    if fault == "crossing token dropped":
        kept = p.cumsum(-1) <= top_p
        kept[:, 0] = True
    p = torch.where(kept, p, 0)
    p = p / p.sum(-1, keepdim=True)
    q = torch.zeros_like(z).scatter(1, order[:, : p.shape[1]], p)
    law = q
    if fault == "tail swapped":
        law = q.scatter(1, order[:, :2], q.gather(1, order[:, :2].flip(1)))
    if fault == "tilt":
        law = torch.where(q > 0, 0.9 * q + 0.1 / (q > 0).sum(-1, keepdim=True), 0)
    if fault == "outside":
        law = q + 1e-3
    x = torch.multinomial(law, 1)[:, 0]
    if fault == "argmax":
        x = q.argmax(-1)
    if fault == "one draw for all":
        x = (torch.rand(1) < q.cumsum(-1)).double().argmax(-1)
    return q, x


def gumbel(z: Tensor, tau: float, fault: str = "") -> Tensor:
    if fault == "temperature twice":
        tau = tau * tau
    p = torch.softmax(z / tau, -1)
    if fault == "tail swapped":
        rare = p.argsort(-1)[:, :2]
        p = p.scatter(1, rare, p.gather(1, rare.flip(1)))
    if fault == "tilt":
        p = 0.9 * p + 0.1 / p.shape[1]
    noise = -torch.log(-torch.log(torch.rand_like(z)))
    if fault == "seeded by itself":
        noise = torch.rand(z.shape, generator=torch.Generator().manual_seed(1))
        noise = -torch.log(-torch.log(noise))
    return (p.log() + noise).argmax(-1)


def speculative(
    z_p: Tensor, z_q: Tensor, draft: Tensor, resample: bool = False
) -> tuple[Tensor, Tensor]:
    """One step; a rejected draft is wrongly replaced from the target's own law if `resample`."""
    p, q, d = z_p.softmax(-1), z_q.softmax(-1), draft[:, None]
    accepted = torch.rand(len(draft)) < (p / q).gather(1, d)[:, 0]
    excess = p if resample else (p - q).clamp(min=0)
    none = excess.sum(-1, keepdim=True) == 0
    other = torch.multinomial(torch.where(none, 1.0, excess), 1)[:, 0]
    return accepted, torch.where(accepted, draft, other)


@cache
def flat(name: str) -> t.Module:
    return flatten(lawful.load(f"lawful.{name}"))


def held(name: str, f: Callable[..., Any], seed: int = 0, fault: str | None = None) -> Check:
    given = accepts(f)
    assert given is not None
    g = f if fault is None else lambda **keywords: f(**keywords, fault=fault)
    candidate = Candidate("f", g, accepts=given)
    draws = draws_of(flat(name), candidate, Options(dtypes=("float32",), seed=seed))
    assert draws is not None
    (check,) = draws.finish()
    return check


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("name", "f"),
    [(TOP, top), (GUMBEL, gumbel), ("speculative.SpeculativeStep", speculative)],
)
def test_right_samplers_pass(name: str, f: Callable[..., Any], seed: int) -> None:
    check = held(name, f, seed)
    assert check.verdict == "OK", (check.failures, check.doubts)
    assert check.cases == 2 and check.compared > 2**16 and check.worst < 0.9


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        *((TOP, fault) for fault in ("temperature twice", "crossing token dropped", "argmax")),
        *((TOP, fault) for fault in ("ignores rows", "tail swapped", "tilt", "outside")),
        (TOP, "one draw for all"),
        *((GUMBEL, fault) for fault in ("temperature twice", "tail swapped", "tilt")),
        (GUMBEL, "seeded by itself"),
    ],
)
def test_wrong_samplers_are_rejected(name: str, fault: str) -> None:
    f = top if name == TOP else gumbel
    for seed in range(2):
        check = held(name, f, seed, fault)
        assert check.verdict == "WRONG" and not check.doubts, seed
        if fault == "outside":
            assert "whose probability is 0" in check.failures[0].why
        if fault == "seeded by itself":
            assert "each call draws the same" in check.failures[0].why


def test_a_residual_law_that_is_the_target_is_rejected() -> None:
    def wrong(z_p: Tensor, z_q: Tensor, draft: Tensor) -> tuple[Tensor, Tensor]:
        return speculative(z_p, z_q, draft, resample=True)

    assert held("speculative.SpeculativeStep", wrong).verdict == "WRONG"


def test_without_a_negative_control_that_is_rejected_nothing_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def same(law: Law, count: int, seed: int) -> list[Any]:
        return [np.random.default_rng(seed).multinomial(count, p) for p in law.probabilities]

    monkeypatch.setattr(Law, "control", same)
    check = held(GUMBEL, gumbel)
    assert check.verdict == "INCONCLUSIVE" and "not rejected" in check.doubts[0]


def test_a_law_that_cannot_be_tested_is_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_draws, "MOST", 1000)
    check = held(GUMBEL, gumbel)
    assert check.verdict == "INCONCLUSIVE" and "no case of typical" in check.doubts[0]


def test_it_is_held_in_its_regimes_and_in_wide_formats() -> None:
    def found(**options: Any) -> list[Check]:
        draws = draws_of(flat(GUMBEL), Candidate("f", gumbel, accepts=given), Options(**options))
        assert draws is not None
        return draws.finish()

    given = accepts(gumbel)
    assert found(regime="ties") == [] and found(regime="consts")[0].cases == 2
    assert "float32 alone" in found(dtypes=("bfloat16",))[0].doubts[0]
    assert "16-bit" in found(dtypes=("float32", "float16"))[0].notes[0]


def laws_of(name: str, seed: int = 0) -> tuple[Law, Any]:
    rows = rows_of(flat(name))
    assert rows is not None
    rows_case = case(flat(name), REGIMES[0], seed, 24)
    law = exact_law(rows, rows_case, tuple(flat(name).randoms), 2)
    assert law is not None
    return law, rows_case


@pytest.mark.parametrize("name", ["samplers.AncestralSampler", GUMBEL])
def test_the_exact_law_is_the_softmax(name: str) -> None:
    law, the_case = laws_of(name)
    z = torch.from_numpy(the_case.tensors["z"][:2]) / float(the_case.setting.consts["tau"])
    for outcomes, found, wanted in zip(
        law.outcomes, law.probabilities, z.softmax(-1).numpy(), strict=True
    ):
        assert outcomes[:, 0].tolist() == list(range(len(wanted)))
        np.testing.assert_allclose(found, wanted, rtol=1e-8)


def test_the_law_of_two_sources_is_that_of_both_together() -> None:
    law, the_case = laws_of("speculative.SpeculativeStep")
    p, q = (
        torch.from_numpy(the_case.tensors[name][:2]).softmax(-1).numpy() for name in ("z_p", "z_q")
    )
    for row, draft in enumerate(the_case.tensors["draft"][:2]):
        chance = min(1.0, p[row, draft] / q[row, draft])
        wanted = {(1, int(draft)): chance}
        excess = np.maximum(p[row] - q[row], 0)
        for token in np.flatnonzero(excess) if chance < 1 else ():
            wanted[0, int(token)] = (1 - chance) * excess[token] / excess.sum()
        found = dict(
            zip(map(tuple, law.outcomes[row].tolist()), law.probabilities[row], strict=True)
        )
        assert found == pytest.approx(wanted, rel=1e-7)


def test_the_tests_reject_as_rarely_as_they_say() -> None:
    """At a looser bound on false alarms, which can be counted: both tests keep to it."""
    p = np.array([0.5, 0.3, 0.15, 0.04, 0.009, 0.001])
    law, draw, bound = Law((np.arange(6)[:, None],), (p,)), np.random.default_rng(0), 0.02
    alarms = {"the G-test": 0, "the likelihood-ratio test": 0}
    for _ in range(2000):
        for test, ratio in law.evidence([draw.multinomial(8000, p)]).items():
            alarms[test] += ratio * math.log(goodness_of_fit.ALARM) < math.log(bound)
    assert 20 <= alarms["the G-test"] <= 65 and alarms["the likelihood-ratio test"] <= 50


def test_as_many_draws_as_are_needed_tell_the_alternative() -> None:
    p = np.array([0.6, 0.25, 0.1, 0.04, 0.01])
    law, draw = Law((np.arange(5)[:, None],), (p,)), np.random.default_rng(0)
    count = int(law.needed())
    seen = [law.evidence([draw.multinomial(count, tilted(p))]) for _ in range(500)]
    assert sum(max(x.values()) > 1 for x in seen) >= 495
    few = [law.evidence([draw.multinomial(count // 4, tilted(p))]) for _ in range(100)]
    assert sum(max(x.values()) > 1 for x in few) <= 50
    assert Law((np.arange(2)[:, None],), (np.array([0.5, 0.5]),)).needed() == math.inf


def test_rare_outcomes_share_a_bin() -> None:
    observed, expected = binned(np.array([1, 70, 9, 30]), np.array([2.0, 60.0, 8.0, 40.0]))
    assert observed.tolist() == [70, 40] and expected.tolist() == [60.0, 50.0]
    observed, expected = binned(np.array([1, 70]), np.array([25.0, 46.0]))
    assert observed.tolist() == [70, 1] and expected.tolist() == [46.0, 25.0]


def test_what_rests_on_no_draw_is_held_as_ever() -> None:
    def wrong(z: Tensor, tau: float, top_k: float, top_p: float) -> tuple[Tensor, Tensor]:
        q, x = top(z, tau, top_k, top_p)
        return q * 1.01, x

    assert verdicts(lawful.verify(f"lawful.{TOP}", top)) == {"OK"}
    report = lawful.verify(f"lawful.{TOP}", wrong)
    assert {c.name for c in report.checks if c.verdict == "WRONG"} >= {"values", "gradients"}
    assert next(c for c in report.checks if c.name == "draws").verdict == "OK"
    rest = without(flat(TOP), drawn_by(flat(TOP), ("g",)))
    assert rest.outputs == ("q",) and not rest.randoms and "cumulated" not in rest.definitions


def test_a_sampler_that_cannot_be_held_is_inconclusive_and_one_that_takes_its_draws_as_ever() -> (
    None
):
    def xtc(z: Tensor, threshold: float, chance: float) -> Tensor:
        return z.softmax(-1)

    report = lawful.verify("lawful.typicality.XTC", xtc)
    assert report.verdict == "INCONCLUSIVE" and "nothing is shown of q" in str(report)

    def given(z: Tensor, tau: float, g: Tensor | None = None) -> Tensor:
        assert g is not None
        return (z / tau + g).argmax(-1)

    report = lawful.verify(f"lawful.{GUMBEL}", given)
    assert report.ok and "draws" not in {check.name for check in report.checks}


def test_a_wrong_shape_or_an_exception_is_a_failure() -> None:
    assert "shape" in held(GUMBEL, lambda z, tau: gumbel(z, tau)[:, None]).failures[0].why
    assert "float" in held(GUMBEL, lambda z, tau: gumbel(z, tau).float()).failures[0].why
    assert "TypeError" in held(GUMBEL, lambda z, generator: z).failures[0].why


@pytest.fixture
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Isolated]:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "samplers_apart.py").write_text(
        "import torch\n"
        "def gumbel(z, tau):\n"
        "    return torch.multinomial(torch.softmax(z / tau, -1), 1)[:, 0]\n"
    )
    with Isolated("samplers_apart:gumbel") as found:
        yield found


def test_in_a_process_of_its_own_a_sampler_draws_the_same_in_each_run(isolated: Isolated) -> None:
    candidate = isolated.candidate
    assert candidate.accepts == {"z", "tau"}
    checks: list[Check] = []
    for _ in range(2):
        draws = draws_of(flat(GUMBEL), candidate, Options(dtypes=("float32",)))
        assert draws is not None
        checks += draws.finish()
    assert checks[0].verdict == "OK" and checks[0].worst == checks[1].worst > 0


def verdicts(report: Report) -> set[str]:
    return {check.verdict for check in report.checks}
