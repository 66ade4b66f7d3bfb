"""`lawful verify` of laws: checks of their own, of the equations and of the code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., tuple[int, str, str]]

LAWS = """module Line
size B
index b, c: B
input x[B]
output y[b] = 2 * x[b] + 1

law slope: grad(y[b], x[c]) == 2 * [b == c]
law steps: y'[b] == y[b] + 6  with x'[b] = x[b] + 3
"""


def build(project: Path, lawful: Run, spec: str) -> None:
    (project / "spec" / "line.eq").write_text(spec, encoding="utf-8")
    lawful("build")


def test_laws_are_checks_of_their_own(project: Path, lawful: Run) -> None:
    build(project, lawful, LAWS)
    status, out, _ = lawful("verify", "line", "--json", "report.json")
    assert status == 0, out
    assert re.search(r"effects,\s+law slope,.*law steps", out, re.DOTALL)
    (report,) = json.loads((project / "report.json").read_text(encoding="utf-8"))["reports"]
    slope = next(check for check in report["checks"] if check["name"] == "law slope")
    assert slope["claim"] == "grad(y[b], x[c]) == 2 * [b == c]"
    assert slope["unit"] == "instances" and slope["compared"] > 20
    assert re.fullmatch(r"\d+ instances on the equations, \d+ on the code", slope["notes"][0])


def test_a_law_that_does_not_follow_is_status_1(project: Path, lawful: Run) -> None:
    build(project, lawful, LAWS.replace("y[b] + 6", "y[b] + 5"))
    status, out, err = lawful("verify", "line", "--json", "report.json")
    assert status == 1 and "Traceback" not in err
    failure = out[out.index("\nline.Line: WRONG") + 1 :].splitlines()
    for line, pattern in zip(
        failure,
        [
            r"line\.Line: WRONG law steps in exact arithmetic, typical \(seed 0\): b=\d",
            r"  equation  law steps: y'\[b\] == y\[b\] \+ 5 with .*    \(spec/line\.eq:8\)",
            r"  found     the equations break the law",
            r"  claim     y'\[b\] == y\[b\] \+ 5",
            r"  left      [-\d.]+",
            r"  right     [-\d.]+",
            r"  at        B=2 x=\[.*\]",
            r"  again     lawful verify line\.Line --dtype float64 --regime typical --seed 0",
        ],
        strict=False,
    ):
        assert re.fullmatch(pattern, line), line
    status, second, _ = lawful(*failure[7].split()[2:])
    start = "\nline.Line: WRONG"
    assert status == 1
    assert (
        second[second.index(start) :].splitlines()[:9] == out[out.index(start) :].splitlines()[:9]
    )
    (report,) = json.loads((project / "report.json").read_text(encoding="utf-8"))["reports"]
    steps = next(check for check in report["checks"] if check["name"] == "law steps")
    assert steps["failures"][0]["details"]["claim"] == "y'[b] == y[b] + 5"


def test_code_that_breaks_a_law_is_status_1(project: Path, lawful: Run) -> None:
    build(project, lawful, LAWS)
    path = project / "generated" / "line.py"
    code = path.read_text(encoding="utf-8")
    assert "(2.0 * " in code
    path.write_text(code.replace("(2.0 * ", "(3.0 * "), encoding="utf-8")
    status, out, _ = lawful("verify", "line")
    assert status == 1
    assert "WRONG law slope in float64" in out
    assert re.search(r"^  error     [\d.e+]+ times what is allowed$", out, re.MULTILINE)


def test_a_law_about_nothing_is_inconclusive(project: Path, lawful: Run) -> None:
    build(project, lawful, LAWS + "law never: y[b] == 7  given x[b] > 10 ^ 9\n")
    status, out, _ = lawful("verify", "line")
    assert status == 1
    said = "INCONCLUSIVE law never: nothing was tried of which the law says anything"
    assert f"\nline.Line: {said}\n" in out
