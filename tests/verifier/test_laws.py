"""Laws: those that follow hold, in every form; those that do not have a counterexample."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lawful
import pytest
import torch
from lawful.compiler import typed as t
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load
from lawful.compiler.project import shipped
from lawful.verifier.candidate import Candidate, generated
from lawful.verifier.flatten import flatten
from lawful.verifier.law_cases import law_cases, law_cases_planned
from lawful.verifier.laws import LawChecks
from lawful.verifier.plan import Options
from lawful.verifier.report import EXACT, Check, Report
from lawful.verifier.trial import Subject
from lawful.verifier.truth import Truths
from lawful.verifier.verify import planned
from torch import Tensor

SOFT = """
size B, V
index b: B   v, w: V
input z[B, V]
const tau = 1
require tau > 0
q[b,v] = z[b,v] / tau
output p[b,v] = softmax[v] q[b,v]
"""
TRUE = {
    "plain": "sum[v] p[b,v] == 1",
    "chained": "0 <= p[b,v] <= 1",
    "both": "max[v] p[b,v] <= 1 and min[v] p[b,v] >= 0",
    "either": "p[b,v] <= 1 / 2 or all[w if w != v] (p[b,w] <= 1 / 2)",
    "every": "all[v] (p[b,v] > 0)",
    "certain": "not (p[b,v] > 1)",
    "whole": "count[v] (p[b,v] >= 0) == V",
    "cases": "if v == 0 then p[b,v] <= 1 else p[b,v] >= 0",
    "inside": "sum[v] q[b,v] == (sum[v] z[b,v]) / tau",
    "order": "p[b,v] >= p[b,w]  given z[b,v] > z[b,w]",
    "given_both": "p[b,v] >= p[b,w]  given v != w and z[b,v] > z[b,w]",
    "fixed": "p[b,v] == 1 / V  with z[b,v] = tau",
    "fixed_const": "p[b,v] == softmax[v] (1000 * z[b,v])  with tau = 1 / 1000",
    "twice": "p'[b,v] == p[b,v]  with z'[b,v] = z[b,v] + 3",
    "const_twice": "q'[b,v] == 2 * q[b,v]  with tau' = tau / 2",
    "both_twice": "p'[b,v] == p[b,v]  with z'[b,v] = 2 * z[b,v], tau' = 2 * tau",
    "back": "p'[b,v] == p[b,v]  with z'[b,v] = tau * log(p[b,v])",
    "one_up": "p'[b,v] >= p[b,v]  with z'[b,w] = z[b,w] + [w == v]",
    "jacobian": "grad(p[b,v], z[b,w]) == p[b,v] * ([v == w] - p[b,w]) / tau",
    "rows": "grad(p[b,v], z[b,w]) <= 0  given v != w",
    "conserved": "sum[v] grad(p[b,v], z[b,w]) == 0",
    "at_level": "grad(p[b,v], z[b,w]) == (V * [v == w] - 1) / V ^ 2 / tau  with z[b,v] = 2",
    "slope_twice": "grad(p'[b,v], z'[b,w]) == grad(p[b,v], z[b,w])  with z'[b,v] = z[b,v] - 1",
}
FALSE = {
    "plain": "sum[v] p[b,v] == 1 + 10 ^ -20",
    "strict": "p[b,v] < 1 / 2",
    "both": "p[b,v] <= 1 and p[b,v] >= 1 / 2",
    "either": "p[b,v] < 1 / 10 ^ 9 or p[b,v] > 1",
    "every": "all[v] (p[b,v] > 1 / 4)",
    "whole": "count[v] (p[b,v] >= 1 / 2) == V",
    "inside": "q[b,v] == z[b,v]",
    "ordered": "p[b,v] <= p[b,w]  given z[b,v] > z[b,w]",
    "fixed": "p[b,v] == 1 / 2  with z[b,v] = tau",
    "twice": "p'[b,v] == p[b,v]  with z'[b,v] = 2 * z[b,v]",
    "const_twice": "p'[b,v] == p[b,v]  with tau' = 2 * tau",
    "jacobian": "grad(p[b,v], z[b,w]) == 0  given v != w",
    "bounded_slope": "grad(p[b,v], z[b,w]) >= 0",
}
PICK = """
module Pick
size B, T, V
index b: B   t, u: T   v: V
input z[B, V], a[B, T], m[B, T] in bool, tok[B] in V, e[B, T]
random g[B, V] ~ gumbel()
place[b,v] = rank[v] z[b,v]
output x[b] = argmax[v] (z[b,v] + g[b,v])
output chosen[b] = z[b,tok[b]]
output n[b] = count[t] m[b,t]
output full[b] = all[t] m[b,t]
output s[b,0] = 0
output s[b,t+1] = s[b,t] + a[b,t] * e[b,t]

law in_range: 0 <= x[b] < V
law greedy: z[b,x[b]] == max[v] z[b,v]  with g[b,v] = 0
law ranks: place[b,v] < V
law first: chosen[b] == z[b,0]  with tok[b] = 0
law everyone: n[b] == T and full[b]  with m[b,t] = true
law nobody: n'[b] == T - n[b]  with m'[b,t] = not m[b,t]
law summed: s[b,T] == sum[t] a[b,t] * e[b,t]
law causal: grad(s[b,t], a[b,u]) == 0  given u >= t
law slope: grad(s[b,T], a[b,t]) == e[b,t]
law partial: grad(s[b,T], a[b,t]) == 2 * a[b,t]  with e[b,t] = 2 * a[b,t]
law wrong_in_range: x[b] < V - 1
law wrong_count: n[b] == T
law wrong_flip: full'[b] == full[b]  with m'[b,t] = true
law wrong_causal: grad(s[b,t], a[b,u]) == 0  given u > t - 2
law wrong_total: grad(s[b,T], a[b,t]) == 4 * a[b,t]  with e[b,t] = 2 * a[b,t]
"""
ODD = """
module Odd
size T
index t, u: T
input x[T], w[T]
const c = 2
output y[t] = c * x[t] + w[t]
output r[t] = sqrt(x[t])

law far: grad(y[t], x[u]) == 0  given u > t + 3
law undefined: r[t] >= 0
law nowhere: r[t] == 7  with x[t] = -1
law never: y[t] == 7  given x[t] > 10 ^ 9
law refused: y[t] == y[t]  given t > 1 and T < 2
law circle: y'[t] == y[t]  with x'[t] = y'[t]
law across: grad(y'[t], x[t]) == 2  with w'[t] = 0
law irrational: y[t] == w[t] + x[t] * log(2)  with c = log(2)
"""


def written(laws: Mapping[str, str]) -> str:
    return "\n".join(f"law {name}: {claim}" for name, claim in laws.items())


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, t.Module]:
    root = tmp_path_factory.mktemp("project") / "spec"
    root.mkdir()
    texts = (
        f"module True1{SOFT}{written(TRUE)}",
        f"module False1{SOFT}{written(FALSE)}",
        PICK,
        ODD,
    )
    (root / "m.eq").write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    return {name.partition(".")[2]: lawful.load(name, root) for name in lawful.list_modules(root)}


def soft(z: Tensor, tau: float = 1.0) -> Tensor:
    wide = z.float() if z.dtype in (torch.bfloat16, torch.float16) else z
    return torch.softmax(wide / tau, -1).to(z.dtype)


def pick(z: Tensor, a: Tensor, m: Tensor, tok: Tensor, e: Tensor, g: Tensor) -> dict[str, Tensor]:
    s = torch.cat([torch.zeros_like(a[:, :1]), (a * e).cumsum(1)], 1)
    return {
        "x": (z + g).argmax(-1),
        "chosen": z.gather(1, tok[:, None])[:, 0],
        "n": m.sum(-1),
        "full": m.all(-1),
        "s": s,
    }


def try_laws(
    module: t.Module, function: Callable[..., Any], options: Options | None = None
) -> dict[str, Check]:
    """The laws alone."""
    subject = Subject(module, Candidate("mine", function), options or Options())
    held = LawChecks(subject, Truths(module))
    for the_case in law_cases(module, subject.options):
        held.hold(the_case)
    return {check.name.removeprefix("law "): check for check in held.finish()}


def laws(report: Report) -> dict[str, Check]:
    return {
        check.name.removeprefix("law "): check
        for check in report.checks
        if check.name.startswith("law ")
    }


def on_code(check: Check) -> int:
    said = check.notes[0].rpartition(", ")[2].split()[0]
    return 0 if said == "none" else int(said)


# --- what follows from the equations -----------------------------------------------------------


def test_true_laws_of_every_form_hold_of_equations_and_code(
    modules: Mapping[str, t.Module],
) -> None:
    report = lawful.verify(modules["True1"], soft)
    found = laws(report)
    assert list(found) == list(TRUE)
    for name, check in found.items():
        assert check.verdict == "OK", f"{name}\n{report}"
        assert check.claim == " ".join(TRUE[name].split())
        assert check.compared > 4 and check.cases == 4 and check.worst < 0.5
        if "q" in TRUE[name]:
            assert check.notes[1] == "on the equations alone: no implementation returns q"
        else:
            assert len(check.notes) == 1 and on_code(check) > 4, name
    assert report.ok


def test_they_hold_in_16_bits(modules: Mapping[str, t.Module]) -> None:
    found = try_laws(modules["True1"], soft, Options(dtypes=("bfloat16", "float16")))
    assert {name for name, check in found.items() if check.verdict != "OK"} == set()


def test_whole_numbers_conditions_draws_and_sequences(modules: Mapping[str, t.Module]) -> None:
    report = lawful.verify(modules["Pick"], pick, dtypes=["float64"])
    found = laws(report)
    for name, check in found.items():
        wanted = "WRONG" if name.startswith("wrong_") else "OK"
        assert check.verdict == wanted, f"{name}\n{report}"
    assert on_code(found["in_range"]) > 0 and on_code(found["causal"]) > 0
    assert found["wrong_causal"].failures[0].details["left"] != "0"


# --- what does not -----------------------------------------------------------------------------


def test_false_laws_have_a_counterexample(modules: Mapping[str, t.Module]) -> None:
    report = lawful.verify(modules["False1"], soft, dtypes=["float64"])
    found = laws(report)
    assert list(found) == list(FALSE)
    for name, check in found.items():
        assert check.verdict == "WRONG", f"{name}\n{report}"
        (failure,) = check.failures
        assert failure.dtype == EXACT and failure.why == "the equations break the law"
        assert failure.equation == f"law {name}: {' '.join(FALSE[name].split())}"
        assert failure.tensor.startswith("b=")
        assert set(failure.details) == {"claim", "left", "right", "at"}
        assert failure.details["left"] != failure.details["right"] or name == "plain"
        assert "z=[[" in failure.details["at"] and "V=" in failure.details["at"]
    assert found["both"].failures[0].details["claim"] == "p[b,v] >= 1 / 2"
    assert found["whole"].failures[0].details["right"].isdigit()


def test_the_sides_of_a_counterexample_are_what_they_are_there(
    modules: Mapping[str, t.Module],
) -> None:
    report = lawful.verify(modules["False1"], soft, dtypes=["float64"])
    (failure,) = laws(report)["twice"].failures
    at = dict(part.split("=") for part in failure.tensor.split(", "))
    b, v = int(at["b"]), int(at["v"])
    details = failure.details
    z = torch.tensor(json.loads(details["at"].partition(" z=")[2].replace(".,", ".0,")))
    tau = float(details["at"].partition("tau=")[2].split()[0])
    for side, scale in (("left", 2.0), ("right", 1.0)):
        value = torch.softmax(scale * z.double() / tau, -1)[b, v]
        assert float(details[side]) == pytest.approx(float(value), rel=1e-9)


def test_a_law_about_nothing_is_inconclusive(modules: Mapping[str, t.Module]) -> None:
    def odd(x: Tensor, w: Tensor, c: float) -> tuple[Tensor, Tensor]:
        return c * x + w, x.sqrt()

    report = lawful.verify(modules["Odd"], odd, dtypes=["float64"])
    found = laws(report)
    assert found["far"].verdict == "OK", "sizes are chosen at which it says something"
    assert found["undefined"].verdict == "OK" and found["undefined"].left_out > 0
    for name, said in {
        "nowhere": "nothing was tried of which the law says anything",
        "never": "nothing was tried of which the law says anything",
        "refused": "nothing was tried of which the law says anything",
        "circle": "the values that `with` gives rest on one another in a circle",
        "across": "a derivative across two evaluations is not verified",
        "irrational": "c is fixed to a number that is not rational",
    }.items():
        assert found[name].verdict == "INCONCLUSIVE", f"{name}\n{report}"
        assert found[name].doubts == [said]
    assert not report.ok


# --- what an implementation breaks -------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "broken", "kept"),
    [
        (lambda z, tau: soft(z, tau) + 1e-3, {"plain", "jacobian"}, {"order", "rows"}),
        (lambda z, tau: torch.sigmoid(z / tau), {"plain", "twice"}, {"order", "chained"}),
        (lambda z, tau: soft(-z, tau), {"order", "rows", "one_up"}, {"plain", "twice", "fixed"}),
        (lambda z, tau: soft(z, 1.0), {"fixed_const"}, {"plain", "twice", "order"}),
        (lambda z, tau: soft(z, tau) * torch.nan, {"plain", "every"}, {"inside"}),
        (lambda z, tau: soft(z, tau).detach() + 0 * z, {"jacobian"}, {"plain", "conserved"}),
    ],
    ids=["sum", "sigmoid", "sign", "temperature", "nan", "gradient"],
)
def test_code_that_breaks_a_law_is_caught(
    modules: Mapping[str, t.Module], wrong: Any, broken: set[str], kept: set[str]
) -> None:
    options = Options(dtypes=("float64",), regime="typical")
    found = try_laws(modules["True1"], wrong, options)
    assert {name for name in broken | kept if found[name].verdict == "WRONG"} == broken
    for name in broken:
        (failure,) = found[name].failures
        assert failure.dtype == "float64" and failure.why == "the code breaks the law"
        assert failure.ratio > 1 and found[name].worst == failure.ratio


def test_code_that_raises_is_caught(modules: Mapping[str, t.Module]) -> None:
    def picky(z: Tensor, tau: float) -> Tensor:
        if bool((z.abs() < 1e-2).all()) or tau < 0.01:
            raise RuntimeError("no such kernel")
        return soft(z, tau)

    found = try_laws(modules["True1"], picky, Options(regime="typical"))
    assert found["plain"].verdict == "OK"
    assert found["fixed_const"].failures[0].why == "it raises RuntimeError: no such kernel"


# --- what is tried -----------------------------------------------------------------------------


def test_equal_options_try_the_same(modules: Mapping[str, t.Module]) -> None:
    runs = [try_laws(modules["False1"], soft) for _ in range(2)]
    first, second = ([str(check.failures[0]) for check in run.values()] for run in runs)
    assert first == second


def test_the_command_narrows_to_the_case_of_a_failure(modules: Mapping[str, t.Module]) -> None:
    module = modules["False1"]
    cases = list(law_cases(module, Options()))
    for the_case in cases:
        (alone,) = law_cases(module, Options(regime=the_case.regime, dtypes=("float32",)))
        assert alone.setting == the_case.setting
        assert all((alone.tensors[n] == x).all() for n, x in the_case.tensors.items())
    assert len({tuple(c.setting.sizes.values()) for c in cases}) > 1, "not all of one size"


@pytest.mark.parametrize("level", ["quick", "full"])
def test_as_many_cases_are_tried_as_planned(modules: Mapping[str, t.Module], level: Any) -> None:
    options = Options(level=level, dtypes=("float32",))
    tried = len(list(law_cases(modules["Pick"], options)))
    assert tried == law_cases_planned(modules["Pick"], options) >= 5
    assert planned(modules["Pick"], options) > tried


def test_masks_are_tried_where_there_are_some(modules: Mapping[str, t.Module]) -> None:
    def names(module: t.Module) -> set[str]:
        return {the_case.regime for the_case in law_cases(module, Options())}

    assert names(modules["Pick"]) - names(modules["True1"]) == {"ragged", "empty"}
    assert len(list(law_cases(modules["True1"], Options(level="full")))) > 12


LIBRARY = load(shipped().root, Log())


@pytest.mark.parametrize("name", [name for name, module in LIBRARY.items() if module.laws])
def test_the_laws_of_the_library_hold(name: str) -> None:
    module = LIBRARY[name]
    for check in try_laws(flatten(module), generated(module, shipped().out).function).values():
        assert check.verdict == "OK", str(check)


def test_a_mask_that_is_off_by_one_breaks_causality(literal: Path, tmp_path: Path) -> None:
    shutil.copytree(literal, tmp_path / "generated")
    file = tmp_path / "generated" / "attention.py"
    text = file.read_text(encoding="utf-8")
    assert "where=u <= t[:, None]" in text
    file.write_text(text.replace("where=u <= t[:, None]", "where=u <= t[:, None] + 1"))
    module = lawful.load("attention.CausalSelfAttention")
    wrong = generated(module, tmp_path / "generated")
    found = try_laws(module, wrong.function, Options(dtypes=("float32",), regime="typical"))
    assert found["stochastic"].verdict == "OK", "no implementation returns the weights"
    (failure,) = found["causal"].failures
    assert failure.dtype == "float32" and failure.why == "the code breaks the law"
    at = dict(part.split("=") for part in failure.tensor.split(", "))
    assert int(at["u"]) == int(at["t"]) + 1


def test_reports_tell_how_much_was_tried(tmp_path: Path) -> None:
    report = lawful.verify("lawful.losses.dpo.DPO", dtypes=["float64"])
    line = next(line for line in str(report).splitlines() if "law at_reference" in line)
    assert "loss == log(2) with lw[b] = rw[b], ll[b] = rl[b]: 4 cases, 8 instances" in line
    assert "4 instances on the equations, 4 on the code" in str(report)
    (entry,) = [c for c in report.as_dict()["checks"] if c["name"] == "law at_reference"]
    assert entry["notes"] == ["4 instances on the equations, 4 on the code"]
