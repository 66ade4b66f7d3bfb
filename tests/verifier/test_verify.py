"""Whole verifications: what is right passes, and each kind of fault is caught by its check."""

from __future__ import annotations

import json
import re
from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import Any

import lawful
import pytest
import torch
from lawful.compiler import typed as t
from lawful.verifier.candidate import Candidate, CandidateError, external
from lawful.verifier.exact import OracleError
from lawful.verifier.plan import cases_planned
from lawful.verifier.report import Check, Failure, Report, summary
from lawful.verifier.verify import Options, planned, verify_candidate
from torch import Tensor

SPEC = """\
module RMSNorm
size B, D
index b: B  d: D
input x[B, D]
param g[D] = 1
const eps = 0.001
r[b] = (mean[d] x[b,d]^2 + eps)^-0.5
output y[b,d] =
    x[b,d] * r[b] * g[d]

module Centre
size B, D
index b: B  d: D
input x[B, D]
input keep[B, D] in bool
output top[b] = argmax[d] x[b,d]
output m[b] = sum[d if keep[b,d]] x[b,d] / D
output c[b,d] = x[b,d] - m[b]

module Sum
size B
index b: B
input x[B]
output y = sum[b] x[b]

module Share
size B
index b: B
input x[B]
const share = 1 / 2
require 0 <= share <= 1
output y[b] = share * x[b] + (1 - share) * x[b] ^ 2

module Nothing
size B, D
index b: B  d: D
input x[B, D]
output y[b,d] = x[b,d] - x[b,d]

module Undefined
size B, D
index b: B  d: D
input x[B, D]
output y[b,d] = log(-1 - x[b,d]^2)

module Impossible
size B
index b: B
input x[B]
require B > 100
output y[b] = 2 * x[b]

module Gate
size B
index b: B
input x[B]
output y[b] = sigmoid(x[b])

module Power
size B
index b: B
input x[B]
output y[b] = exp(x[b] * x[b])
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, t.Module]:
    root = tmp_path_factory.mktemp("project") / "spec"
    root.mkdir()
    (root / "m.eq").write_text(SPEC, encoding="utf-8")
    return {name.partition(".")[2]: lawful.load(name, root) for name in lawful.list_modules(root)}


def rms_norm(x: Tensor, g: Tensor, eps: float) -> Tensor:
    wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    return (wide * scale * g.to(wide.dtype)).to(x.dtype)


def centre(x: Tensor, keep: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    m = torch.where(keep, x, 0.0).sum(-1) / x.shape[-1]
    return x.argmax(-1), m, x - m[:, None]


def verdicts(report: Report) -> dict[str, str]:
    return {check.name: check.verdict for check in report.checks}


def wrong(report: Report) -> set[str]:
    return {name for name, verdict in verdicts(report).items() if verdict == "WRONG"}


def check(module: t.Module, f: Callable[..., Any], **options: Any) -> Report:
    return lawful.verify(module, f, **{"dtypes": ["float32"], **options})


# --- what is right -----------------------------------------------------------------------------


def test_a_correct_implementation_passes_in_every_format(modules: Mapping[str, t.Module]) -> None:
    dtypes = ["float64", "float32", "bfloat16", "float16"]
    report = check(modules["RMSNorm"], rms_norm, dtypes=dtypes)
    assert report.ok and report.verdict == "OK", str(report)
    common = {"values", "gradients", "unchanged", "repeats", "layouts", "effects", "scales"}
    assert set(verdicts(report)) == common
    counting = [part for part in report.checks if part.name not in ("effects", "scales")]
    assert all(part.cases >= 36 and part.compared >= 400 for part in counting)
    assert 0 < report.worst < 0.5
    lawful.assert_lawful(rms_norm, modules["RMSNorm"], dtypes=["float32"])


def test_a_sigmoid_may_be_differentiated_through_its_rounded_value(
    modules: Mapping[str, t.Module],
) -> None:
    """y (1 - y) is 0 where y rounds to 1; a slope that is off elsewhere is caught."""
    assert check(modules["Gate"], lambda x: torch.sigmoid(x), level="full").ok

    def steep(x: Tensor) -> Tensor:
        y = torch.sigmoid(x)
        return y.detach() + 1.0001 * (y - y.detach())

    def flat(x: Tensor) -> Tensor:
        y = torch.sigmoid(x)
        return torch.where(x < -3, y.detach(), y)

    assert wrong(check(modules["Gate"], steep)) == {"gradients"}
    assert wrong(check(modules["Gate"], flat, level="full")) == {"gradients"}


Three = namedtuple("Three", "top m c")


@pytest.mark.parametrize(
    "form",
    [
        tuple,
        list,
        lambda made: Three(*made),
        lambda made: dict(zip("m top c".split(), (made[1], made[0], made[2]), strict=True)),
    ],
    ids=["tuple", "list", "named tuple", "mapping"],
)
def test_several_outputs_come_in_any_form(
    modules: Mapping[str, t.Module], form: Callable[[Any], Any]
) -> None:
    report = check(modules["Centre"], lambda **given: form(centre(**given)))
    assert report.ok, str(report)


def test_a_whole_number_may_be_of_any_integer_dtype(modules: Mapping[str, t.Module]) -> None:
    def narrow(**given: Tensor) -> Any:
        top, m, c = centre(**given)
        return top.int(), m, c

    assert check(modules["Centre"], narrow).ok


def test_a_scalar_output_passes(modules: Mapping[str, t.Module]) -> None:
    assert check(modules["Sum"], lambda x: x.sum()).ok


# --- values ------------------------------------------------------------------------------------


def nan_in_a_corner(x: Tensor, g: Tensor, eps: float) -> Tensor:
    bad = torch.zeros_like(x)
    bad[-1, -1] = torch.nan
    return rms_norm(x, g, eps) + bad


def in_bfloat16(x: Tensor, g: Tensor, eps: float) -> Tensor:
    return rms_norm(x.bfloat16().float(), g, eps)


def statistics_in_bfloat16(x: Tensor, g: Tensor, eps: float) -> Tensor:
    return x * torch.rsqrt(x.bfloat16().square().mean(-1, keepdim=True) + eps).float() * g


def raising(x: Tensor, g: Tensor, eps: float) -> Tensor:
    if len(x) > 1:
        raise RuntimeError("out of luck")
    return rms_norm(x, g, eps)


class Remembering:
    """Computes what it has not seen the shape of, and remembers that."""

    def __init__(self) -> None:
        self.seen: dict[torch.Size, Tensor] = {}

    def __call__(self, x: Tensor, g: Tensor, eps: float) -> Tensor:
        now = torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)
        r = self.seen.setdefault(x.shape, now.detach())
        return x * (now + (r - now).detach()) * g


VALUES: dict[str, tuple[Callable[..., Any], str]] = {
    "a scale of 1.001": (lambda x, g, eps: 1.001 * rms_norm(x, g, eps), ""),
    "the constant's default": (lambda x, g, eps: rms_norm(x, g, 0.001), ""),
    "no constant": (lambda x, g, eps: rms_norm(x, g, 0.0), ""),
    "constant outside the root": (
        lambda x, g, eps: x / (x.square().mean(-1, keepdim=True).sqrt() + eps) * g,
        "",
    ),
    "variance": (lambda x, g, eps: rms_norm(x - x.mean(-1, keepdim=True), g, eps), ""),
    "wrong axis": (lambda x, g, eps: x * torch.rsqrt(x.square().mean(0) + eps) * g, ""),
    "no gain": (lambda x, g, eps: rms_norm(x, torch.ones_like(g), eps), ""),
    "one NaN": (nan_in_a_corner, ""),
    "all NaN": (lambda x, g, eps: rms_norm(x, g, eps) * torch.nan, ""),
    "inputs in bfloat16": (in_bfloat16, ""),
    "statistics in bfloat16": (statistics_in_bfloat16, ""),
    "zeros": (lambda x, g, eps: 0 * x, ""),
    "the mean": (lambda x, g, eps: rms_norm(x, g, eps).mean().expand_as(x), ""),
    "the input": (lambda x, g, eps: x.clone(), ""),
    "a shape short of an axis": (lambda x, g, eps: rms_norm(x, g, eps)[0], "its shape is"),
    "a shape with an axis more": (lambda x, g, eps: rms_norm(x, g, eps)[None], "its shape is"),
    "a wider dtype": (lambda x, g, eps: rms_norm(x, g, eps).double(), "its dtype is torch.float64"),
    "a narrower dtype": (
        lambda x, g, eps: rms_norm(x, g, eps).half(),
        "its dtype is torch.float16",
    ),
    "raising": (raising, "raises RuntimeError: out of luck"),
    "wrong signature": (lambda x: x, "raises TypeError"),
    "nothing": (lambda x, g, eps: None, "NoneType"),
    "a number": (lambda x, g, eps: 1.0, "float, not a tensor"),
    "two results": (lambda x, g, eps: (x, g), "returned 2 values for y"),
    "a buffer by shape": (Remembering(), ""),
}


@pytest.mark.parametrize("name", VALUES)
def test_wrong_values_are_caught(modules: Mapping[str, t.Module], name: str) -> None:
    f, why = VALUES[name]
    report = check(modules["RMSNorm"], f)
    assert not report.ok and report.verdict == "WRONG"
    assert "values" in wrong(report), str(report)
    assert {"unchanged", "repeats"}.isdisjoint(wrong(report))
    failure = report.failures[0]
    assert failure.check == "values" and why in failure.why
    with pytest.raises(AssertionError, match=r"m\.RMSNorm: .*: WRONG"):
        lawful.assert_lawful(f, modules["RMSNorm"], dtypes=["float32"])


SEVERAL: dict[str, tuple[Callable[..., Any], str, str]] = {
    "one of three": (lambda top, m, c: (top, m, c * 1.001), "c", ""),
    "two exchanged": (lambda top, m, c: (top, c, m), "m", "its shape is"),
    "index one off": (lambda top, m, c: ((top + 1) % c.shape[-1], m, c), "top", ""),
    "index as a float": (lambda top, m, c: (top.float(), m, c), "top", "torch.float32"),
    "index as a bool": (lambda top, m, c: (top.bool(), m, c), "top", "torch.bool"),
    "index as a complex": (lambda top, m, c: (top.cfloat(), m, c), "top", "torch.complex64"),
    "one missing": (lambda top, m, c: (top, m), "top", "returned 2 values for top, m, c"),
    "one alone": (lambda top, m, c: c, "top", "returned one value for top, m, c"),
    "one not named": (lambda top, m, c: {"top": top, "m": m, "d": c}, "top", "its c is NoneType"),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_each_of_several_outputs_is_held(modules: Mapping[str, t.Module], name: str) -> None:
    change, output, why = SEVERAL[name]
    report = check(modules["Centre"], lambda **given: change(*centre(**given)))
    failures = [failure for failure in report.failures if failure.check == "values"]
    assert {failure.tensor for failure in failures} >= {output}, str(report)
    assert any(why in failure.why for failure in failures)
    if name in ("one of three", "index one off"):
        assert {failure.tensor for failure in failures} == {output}


# --- gradients, inputs, state ------------------------------------------------------------------


class Scaled(torch.autograd.Function):
    """The identity, with a derivative a little off."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:  # type: ignore[override]
        return 1.001 * slope


class OnesOnly(torch.autograd.Function):
    """The identity; its derivative takes the first cotangent for all of them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:  # type: ignore[override]
        return slope.flatten()[0].expand_as(slope)


def detached_statistics(x: Tensor, g: Tensor, eps: float) -> Tensor:
    return x * torch.rsqrt(x.detach().square().mean(-1, keepdim=True) + eps) * g


def no_gradient_twice(x: Tensor, g: Tensor, eps: float) -> Tensor:
    if x.requires_grad:
        raise RuntimeError("no backward")
    return rms_norm(x, g, eps)


GRADIENTS: dict[str, tuple[Callable[..., Any], set[str]]] = {
    "detached statistics": (detached_statistics, {"x"}),
    "detached gain": (lambda x, g, eps: rms_norm(x, g.detach(), eps), {"g"}),
    "all detached": (lambda x, g, eps: rms_norm(x, g, eps).detach(), {"x", "g"}),
    "scaled": (lambda x, g, eps: Scaled.apply(rms_norm(x, g, eps)), {"x", "g"}),
    "scaled for one": (lambda x, g, eps: rms_norm(x, Scaled.apply(g), eps), {"g"}),
    "right for ones": (lambda x, g, eps: OnesOnly.apply(rms_norm(x, g, eps)), {"x", "g"}),
    "raising": (no_gradient_twice, {"y"}),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_wrong_gradients_are_caught_by_their_check_alone(
    modules: Mapping[str, t.Module], name: str
) -> None:
    f, tensors = GRADIENTS[name]
    report = check(modules["RMSNorm"], f)
    forward = {"layouts"} if name == "raising" else set()
    assert wrong(report) == {"gradients", *forward}, str(report)
    found = {failure.tensor for failure in report.failures if failure.check == "gradients"}
    assert found == {f"d(y) / d {x}" for x in tensors}


def test_an_input_changed_in_place_is_caught(modules: Mapping[str, t.Module]) -> None:
    def harsh(x: Tensor, g: Tensor, eps: float) -> Tensor:
        y = rms_norm(x, g, eps)
        if not x.requires_grad:
            g.mul_(1.0000002)
        return y

    report = check(modules["RMSNorm"], harsh)
    assert "unchanged" in wrong(report) and "values" not in wrong(report), str(report)
    failure = next(failure for failure in report.failures if failure.check == "unchanged")
    assert failure.tensor == "g" and "g was changed in place" in failure.why


def test_a_mask_changed_in_place_is_caught(modules: Mapping[str, t.Module]) -> None:
    def harsh(x: Tensor, keep: Tensor) -> Any:
        made = centre(x, keep)
        keep.zero_()
        return made

    assert "unchanged" in wrong(check(modules["Centre"], harsh))


def test_a_change_that_a_second_call_undoes_is_caught(modules: Mapping[str, t.Module]) -> None:
    def turning(x: Tensor, keep: Tensor) -> Any:
        made = centre(x, keep)
        x.neg_()
        return made

    report = check(modules["Centre"], turning)
    assert "unchanged" in wrong(report), str(report)


def test_state_between_calls_is_caught_however_small(modules: Mapping[str, t.Module]) -> None:
    calls = 0

    def counting(x: Tensor, g: Tensor, eps: float) -> Tensor:
        nonlocal calls
        calls += 1
        return rms_norm(x, g, eps) * (1 + calls % 2 * 2.0**-23)

    report = check(modules["RMSNorm"], counting)
    assert wrong(report) == {"repeats"}, str(report)
    assert "a second call" in report.failures[0].why


def test_state_is_caught_behind_a_buffer_that_every_call_returns(
    modules: Mapping[str, t.Module],
) -> None:
    buffers: dict[torch.Size, Tensor] = {}
    calls = 0

    def refilling(x: Tensor, g: Tensor, eps: float) -> Tensor:
        nonlocal calls
        calls += 1
        y = rms_norm(x, g, eps)
        if x.requires_grad:
            return y
        return buffers.setdefault(x.shape, y).copy_(y * (1 + calls % 2 * 2.0**-23))

    assert wrong(check(modules["RMSNorm"], refilling)) == {"repeats"}


# --- nothing shown -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "f", "doubt"),
    [
        ("Nothing", lambda x: x - x, "zeros"),
        ("Undefined", lambda x: x.clone(), "no number could be compared"),
    ],
)
def test_a_module_that_a_null_candidate_would_pass_is_inconclusive(
    modules: Mapping[str, t.Module], name: str, f: Callable[..., Any], doubt: str
) -> None:
    report = check(modules[name], f)
    assert report.verdict == "INCONCLUSIVE" and not report.ok and not report.failures
    assert verdicts(report)["values"] == "INCONCLUSIVE"
    assert doubt in str(report)
    with pytest.raises(AssertionError, match="INCONCLUSIVE"):
        lawful.assert_lawful(f, modules[name], dtypes=["float32"])


def test_no_case_at_all_is_inconclusive(modules: Mapping[str, t.Module]) -> None:
    report = check(modules["Impossible"], lambda x: 2 * x)
    assert report.cases == 0 and report.compared == 0
    assert report.verdict == "INCONCLUSIVE" and not report.ok
    assert set(verdicts(report).values()) == {"INCONCLUSIVE"}


def test_what_does_not_fit_the_format_is_left_out_and_counted(
    modules: Mapping[str, t.Module],
) -> None:
    report = check(modules["Power"], lambda x: torch.exp(x * x), dtypes=["float64", "float32"])
    assert report.ok, str(report)
    assert report.checks[0].left_out > 0 and report.checks[0].compared > 0


# --- what a run covers -------------------------------------------------------------------------


def test_a_run_tries_what_was_planned_and_is_reproducible(modules: Mapping[str, t.Module]) -> None:
    module, ticks = modules["Sum"], 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1

    options = Options(dtypes=("float32", "bfloat16"), seed=2)
    first, again = (
        verify_candidate(module, Candidate("f", lambda x: x.sum()), options, tick) for _ in "ab"
    )
    assert ticks == 2 * planned(module, options)
    assert first.cases == cases_planned(module, options) == planned(module, options) - 2
    for report in (first, again):
        report.seconds = 0
    assert first.as_dict() == again.as_dict()
    full = Options(level="full", dtypes=("float32", "bfloat16"))
    assert planned(module, full) > 3 * planned(module, options)
    assert planned(module, Options(regime="large")) == 1


def test_code_that_is_wrong_at_a_limit_of_a_const_alone_is_caught(
    modules: Mapping[str, t.Module],
) -> None:
    """A share of 1 is neither the default, 1/2, nor any of the values off it at this seed."""

    def at(x: Tensor, share: float) -> Tensor:
        return x * share + x.square() * (1 - share)

    def forgets(x: Tensor, share: float) -> Tensor:
        return at(x, share if share < 1 else 0.99)

    module = modules["Share"]
    report = lawful.verify(module, forgets)
    assert {failure.regime for failure in report.failures} == {"limits"}
    assert lawful.verify(module, at).ok
    options = Options(regime="limits")
    assert planned(module, options) == 2 and planned(modules["Sum"], options) == 0


def test_unknown_dtypes_are_refused(modules: Mapping[str, t.Module]) -> None:
    with pytest.raises(ValueError, match="float8"):
        lawful.verify(modules["Sum"], lambda x: x.sum(), dtypes=["float8"])


@pytest.mark.parametrize(
    "name",
    ["math", "math:nothing", "math:pi", ":sqrt", "no.such.module:f", "..up:f", "lawful:a.b"],
)
def test_a_callable_that_is_not_there_is_a_candidate_error(name: str) -> None:
    with pytest.raises(CandidateError, match=re.escape(name)):
        external(name)
    assert external("torch:nn.functional.silu").function is torch.nn.functional.silu


# --- the report --------------------------------------------------------------------------------


def one_off(x: Tensor, g: Tensor, eps: float) -> Tensor:
    y = rms_norm(x, g, eps).clone()
    y[-1, 0] += 0.25
    y[-1, -1] += 0.5
    return y


def test_the_report_says_what_is_wrong_where_by_how_much_and_how_to_see_it_again(
    modules: Mapping[str, t.Module],
) -> None:
    module = modules["RMSNorm"]
    report = check(module, one_off, seed=7)
    failure, text = report.failures[0], str(report)
    rows, columns = (int(n) for n in failure.index)
    assert rows > 0 and columns > 0, "the worst element, not the first"
    assert failure.regime == "typical" and failure.seed == 7 and failure.dtype == "float32"
    assert f"WRONG values in float32, typical (seed 7): y[{rows}, {columns}]" in text
    assert re.search(r"equation  .*y\[b,d\] = x\[b,d\] \* r\[b\] \* g\[d\]", text)
    assert re.search(r"m\.eq:8\)", text)
    expected = re.search(r"expected  (\S+)", text)
    got = re.search(r"got       (\S+)", text)
    assert expected and got
    assert 15 <= len(re.sub(r"e.*|\D", "", expected[1]).lstrip("0")) <= 17
    assert abs(float(got[1]) - float(expected[1]) - 0.5) < 1e-6
    assert float(got[1]) == float(torch.tensor(float(got[1])).float()), "as it was returned"
    assert f"error     {failure.ratio:.3g} times the tolerance" in text
    assert failure.ratio > 1000
    again = re.search(r"again     (.*)", text)
    assert again
    for part in ("m.RMSNorm", "one_off", "float32", "7"):
        assert part in again[1]


def test_the_command_repeats_the_failure(modules: Mapping[str, t.Module]) -> None:
    module = modules["RMSNorm"]
    base = Options(
        dtypes=("float64", "float32"), seed=4, command="lawful verify m.RMSNorm --impl a:b"
    )
    report = verify_candidate(module, Candidate("a:b", one_off), base)
    for failure in report.failures:
        found = re.fullmatch(
            r"lawful verify m\.RMSNorm --impl a:b --dtype (\w+) --regime (\w+) --seed (\d+)",
            failure.command,
        )
        assert found and (found[1], found[2]) == (failure.dtype, failure.regime)
    last = report.failures[-1]
    only = Options(dtypes=(last.dtype,), regime=last.regime, seed=last.seed)
    assert last.expected in [
        failure.expected
        for failure in verify_candidate(module, Candidate("f", one_off), only).failures
    ]


def failure(check: str, **changes: Any) -> Failure:
    fields = {"dtype": "float32", "regime": "typical", "seed": 0, "tensor": "y", "index": (1, 2)}
    fields |= {"expected": "1.5", "got": "2.5", "ratio": 1234.5, "equation": "y[b] = x[b]"}
    fields |= {"place": "m.eq:3", "why": "", "command": "lawful verify m.M"}
    return Failure(check=check, **{**fields, **changes})


def test_verdicts_follow_from_failures_doubts_and_cases() -> None:
    def part(*failures: Failure, cases: int = 1, doubts: tuple[str, ...] = ()) -> Check:
        return Check("values", "claim", cases, failures=list(failures), doubts=list(doubts))

    bad = failure("values")
    assert part().verdict == "OK"
    assert part(cases=0).verdict == part(doubts=("?",)).verdict == "INCONCLUSIVE"
    assert part(bad, cases=0).verdict == part(bad, doubts=("?",)).verdict == "WRONG"

    def whole(*parts: Check) -> Report:
        return Report("m.M", "f", list(parts), ("float32",))

    assert whole(part(), part()).ok and whole(part()).verdict == "OK"
    assert whole().verdict == "INCONCLUSIVE" and not whole().ok
    assert whole(part(), part(cases=0)).verdict == "INCONCLUSIVE"
    assert whole(part(cases=0), part(bad)).verdict == "WRONG"
    assert not whole(part(), part(cases=0)).ok and not whole(part(bad)).ok
    reports = [whole(part()), whole(part(bad)), whole(part(cases=0)), whole()]
    assert summary(reports) == "4 modules verified: 1 OK, 1 WRONG, 2 INCONCLUSIVE"
    assert summary(reports[:1]) == "1 module verified: 1 OK"
    assert summary(reports[1:2]) == "1 module verified: 0 OK, 1 WRONG"


def test_the_text_shows_every_check_its_doubts_and_the_first_failure_of_each() -> None:
    checks = [
        Check(
            "values", "outputs", 3, 40, 2, 1234.5, [failure("values"), failure("values", seed=9)]
        ),
        Check("gradients", "slopes", 3, 10, 0, 0.25, doubts=["zeros would pass"]),
        Check(
            "repeats", "again", 2, 5, failures=[failure("repeats", index=(), expected="", why="no")]
        ),
    ]
    report = Report("m.M", "f", checks, ("float32",))
    text = str(report)
    assert text.startswith("m.M: f: WRONG\n")
    for line in (
        "WRONG        values      outputs: 3 cases, 40 numbers compared, 2 left out, "
        "largest error 1.2e+03 of its tolerance",
        "INCONCLUSIVE gradients   slopes: 3 cases, 10 numbers compared, 0 left out, ",
        "zeros would pass",
        "WRONG values in float32, typical (seed 0): y[1, 2]",
        "equation  y[b] = x[b]    (m.eq:3)",
        "error     1.23e+03 times the tolerance",
        "WRONG repeats in float32, typical (seed 0): y\n",
        "found     no",
        "again     lawful verify m.M",
    ):
        assert line in text
    assert "seed 9" not in text and len(report.failures) == 3
    assert report.explain(1) == [str(checks[0].failures[0])]


def test_the_report_is_json(modules: Mapping[str, t.Module]) -> None:
    report = check(modules["Sum"], lambda x: x.sum() * torch.nan)
    read = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert (
        read["module"] == "m.Sum" and read["verdict"] == "WRONG" and read["dtypes"] == ["float32"]
    )
    values = read["checks"][0]
    assert values["name"] == "values" and values["verdict"] == "WRONG"
    assert values["worst"] is None and values["failures"][0]["ratio"] is None
    assert values["failures"][0]["got"] == "nan" and values["failures"][0]["index"] == []


def test_an_oracle_that_cannot_settle_a_case_leaves_a_doubt(
    modules: Mapping[str, t.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OracleError("M: no accurate result")

    monkeypatch.setattr("lawful.verifier.truth.Truths.evaluate", refuse)
    report = check(modules["Sum"], lambda x: x.sum())
    assert report.verdict == "INCONCLUSIVE"
    assert any("no accurate result" in doubt for doubt in report.checks[0].doubts)


def careless(x: Tensor, g: Tensor, eps: float = 0.001) -> Tensor:
    """The right equation, on its way through a number 20 times as large."""
    y = rms_norm(x, g, eps)
    return (y + 20 * y) - 20 * y


def test_code_that_loses_accuracy_within_its_tolerance_is_lossy(
    modules: Mapping[str, t.Module],
) -> None:
    right = check(modules["RMSNorm"], rms_norm).checks[0]
    assert right.verdict == "OK" and right.loss["float32"] < 1
    report = check(modules["RMSNorm"], careless)
    values = report.checks[0]
    assert report.verdict == values.verdict == "LOSSY" and not report.ok
    assert values.worst < 1 and values.loss["float32"] > 3
    assert "half of the numbers are" in str(report) and summary([report]).endswith("1 LOSSY")
    assert report.as_dict()["checks"][0]["loss"] == values.loss
