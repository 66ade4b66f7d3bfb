"""One spec held against another: the same function, or where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import lawful
import pytest
from lawful.compiler.build import generate
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load
from lawful.compiler.outputs import write
from lawful.verifier.other import Mismatch, Other
from lawful.verifier.pair_truths import PairTruths
from lawful.verifier.plan import Options, all_cases
from lawful.verifier.report import EXACT, Report
from lawful.verifier.truth import Truths

SPEC = """
module Plain
size B
index b: B
input a[B], c[B]
const beta = 0.5
output loss = -mean[b] log(sigmoid(beta * (a[b] - c[b])))

module Soft
size N
index n: N
input c[N], a[N]
const beta = 0.5
const scale = 2
require N > 1
require scale > 1
output l = (sum[n] log1p(exp(-beta * (a[n] - c[n])))) / N * (scale / 2)

module Off
size B
index b: B
input a[B], c[B]
const beta = 0.5
output loss = -mean[b] log(sigmoid(beta * (a[b] - c[b]))) + [a[0] > 0] / 10 ^ 9

module Stopped
size B
index b: B
input a[B], c[B]
const beta = 0.5
output loss = -mean[b] log(sigmoid(beta * (a[b] - stop(c[b]))))

module Huge
size B
index b: B
input a[B], c[B]
const beta = 0.5
require B > 1000
output loss = -mean[b] log(sigmoid(beta * (a[b] - c[b])))

module Partly
size B
index b: B
input a[B], c[B]
const beta = 0.5
output loss = if a[0] < 1 then -mean[b] log(sigmoid(beta * (a[b] - c[b]))) else log(-1)

module Gather
size B, V
index b: B  v: V
input tok[B] in V
param E[V] ~ normal(std = 1)
random g[B] ~ normal(mean = 0, std = 1)
output y[b] = E[tok[b]] + g[b]
output n = count[b] (tok[b] == 0)

module Select
size B, V
index b: B  v: V
input tok[B] in V
param E[V] ~ normal(std = 1)
random g[B] ~ normal(mean = 0, std = 1)
output n = sum[b] [tok[b] < 1]
output y[b] = (sum[v] [tok[b] == v] * E[v]) + g[b]

module Else
size B
index b: B
input a[B, B], d[B]
const gamma
output y[b] = a[b,b] * gamma + d[b]

module Third
size B
index b: B
input a[B]
output y[b] = a[b] / 3

module Cancels
size B
index b: B
input a[B]
output y[b] = 3001 * a[b] / 3 - 1000 * a[b]

module Whole
size B
index b: B
input a[B], c[B] in B
const beta = 0.5
output loss = beta * (sum[b] a[b] * [c[b] == 0])
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project") / "spec"
    root.mkdir()
    (root / "m.eq").write_text(SPEC, encoding="utf-8")
    log = Log()
    write(generate(load(root, log)), root.parent / "generated", whole=True)
    return root


def against(root: Path, first: str, second: str) -> Report:
    return lawful.verify(f"m.{first}", against=f"m.{second}", root=root)


def verdicts(report: Report) -> dict[str, str]:
    return {check.name: check.verdict for check in report.checks}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Plain", "Plain"),
        ("Plain", "Soft"),
        ("Soft", "Plain"),
        ("Gather", "Select"),
        ("Select", "Gather"),
    ],
)
def test_equal_functions_are_equal(root: Path, first: str, second: str) -> None:
    report = against(root, first, second)
    assert report.ok, str(report)
    assert report.module == f"m.{first}"
    assert report.implementation == f"m.{first} against m.{second}"
    names = ["equal values", "equal gradients", "values", "gradients", "unchanged", "repeats"]
    names += ["layouts", "masked"] if second == "Gather" else ["layouts"]
    assert list(verdicts(report)) == names
    assert all(check.cases >= 8 and check.compared >= 8 for check in report.checks)


def test_code_may_round_as_its_own_equations_do(root: Path) -> None:
    report = against(root, "Cancels", "Third")
    assert report.ok, str(report)
    pair = Other(lawful.load("m.Cancels", root), lawful.load("m.Third", root))
    the_case = next(all_cases(pair.module, Options()))
    alone = Truths(pair.module).noise(the_case, "float32")
    both = PairTruths(pair, ()).noise(the_case, "float32")
    for one, other in zip(alone, both, strict=True):
        for name, noise in one.items():
            assert (other[name].fine.sigma > 100 * noise.fine.sigma).all()


def test_a_small_difference_is_found_in_equations_and_code(root: Path) -> None:
    report = against(root, "Plain", "Off")
    found = verdicts(report)
    assert found["equal values"] == found["values"] == "WRONG"
    assert found["equal gradients"] == found["gradients"] == "OK"
    exact = report.failures[0]
    assert exact.dtype == EXACT and exact.why == "it is not what m.Off gives"
    assert float(exact.expected) - float(exact.got) == pytest.approx(1e-9, rel=1e-3)
    assert exact.command.startswith("lawful verify m.Plain --against m.Off --dtype float64 ")
    on_code = {failure.dtype for failure in report.failures if failure.check == "values"}
    assert on_code == {"float64"}, "float32 cannot tell"


def test_a_difference_in_derivatives_alone_is_found(root: Path) -> None:
    found = verdicts(against(root, "Plain", "Stopped"))
    assert found["equal values"] == found["values"] == "OK"
    assert found["equal gradients"] == found["gradients"] == "WRONG"


def test_what_the_other_leaves_undefined_is_left_out(root: Path) -> None:
    report = against(root, "Plain", "Partly")
    (values, *_) = report.checks
    assert values.verdict == "OK" and values.left_out > 0
    report = against(root, "Partly", "Plain")
    (values, *_) = report.checks
    assert values.verdict == "WRONG" and values.failures[0].got == "undefined"


def test_sizes_that_do_not_fit_are_inconclusive(root: Path) -> None:
    for first, second in (("Plain", "Huge"), ("Huge", "Plain")):
        report = against(root, first, second)
        assert report.verdict == "INCONCLUSIVE"
        doubt = "no sizes and consts were found that both take"
        assert report.checks[0].doubts == [doubt]


def test_code_is_held_against_the_other_spec(root: Path) -> None:
    file = root.parent / "generated" / "m.py"
    text = file.read_text(encoding="utf-8")
    try:
        file.write_text(text.replace("E[tok]", "2 * E[tok]"), encoding="utf-8")
        assert "2 * E[tok]" in file.read_text(encoding="utf-8")
        found = verdicts(against(root, "Gather", "Select"))
    finally:
        file.write_text(text, encoding="utf-8")
    assert found["equal values"] == found["equal gradients"] == "OK"
    assert found["values"] == found["gradients"] == "WRONG"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            "Plain",
            "Else",
            [
                "m.Else has no input c",
                "m.Plain has no input d",
                "m.Plain has no const gamma, which has no default",
                "a has 1 axes in one and 2 in the other",
                "the output y has 0 axes in one and 1 in the other",
            ],
        ),
        ("Plain", "Whole", ["c is real in one and int in the other"]),
        ("Plain", "Gather", ["the outputs are loss and y, n"]),
    ],
)
def test_specs_that_cannot_be_compared_are_told_apart(
    root: Path, first: str, second: str, said: list[str]
) -> None:
    with pytest.raises(Mismatch) as caught:
        against(root, first, second)
    text = str(caught.value)
    assert text.startswith(f"m.{first} and m.{second} cannot be compared: ")
    assert all(part in text for part in said), text


def test_either_code_or_another_spec_is_verified(root: Path) -> None:
    with pytest.raises(ValueError, match="not both"):
        lawful.verify("m.Plain", lambda a, c: a, against="m.Soft", root=root)


def test_a_loaded_module_will_do(root: Path) -> None:
    modules: Mapping[str, object] = {n: lawful.load(n, root) for n in ("m.Plain", "m.Soft")}
    report = lawful.verify(modules["m.Plain"], against=modules["m.Soft"], root=root)
    assert report.ok, str(report)
