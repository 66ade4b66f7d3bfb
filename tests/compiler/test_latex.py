"""Equations as mathematics: every construct against a golden file, and all of it well-formed."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from lawful.compiler import typed as t
from lawful.compiler.diagnostics import Log
from lawful.compiler.latex import equation, function, latex, law
from lawful.compiler.latex_names import name, number
from lawful.compiler.library import load
from lawful.compiler.project import PACKAGE
from lawful.compiler.walk import nodes

HERE = Path(__file__).parent
FOLDERS = {
    "zoo": HERE / "zoo",
    "whole": HERE.parent / "verifier" / "whole",
    "latex": HERE / "golden" / "latex",
    "spec": PACKAGE / "spec",
}


@pytest.fixture(scope="module", params=FOLDERS)
def written(request: pytest.FixtureRequest) -> tuple[str, list[str]]:
    """What a folder of specs gives, a line for a module, an equation or a law."""
    log = Log()
    lines = []
    for module in load(FOLDERS[request.param], log).values():
        lines.append(f"# {module.qualified}")
        lines += map(latex, module.requires)
        lines += map(equation, module.definitions.values())
        lines += map(law, module.laws)
    assert not log.failed
    return request.param, lines


def test_it_is_the_golden_one(
    written: tuple[str, list[str]], golden: Callable[[Path, str], None]
) -> None:
    folder, lines = written
    if folder == "latex":
        golden(HERE / "golden" / "latex" / "all.tex", "\n".join(lines) + "\n")


def test_it_is_well_formed(written: tuple[str, list[str]]) -> None:
    for line in written[1]:
        if not line.startswith("#"):
            assert fault(line) is None, line


def fault(text: str) -> str | None:
    """What is wrong with the form of a formula."""
    open_braces = 0
    for i, character in enumerate(text):
        escaped = i > 0 and text[i - 1] == "\\"
        open_braces += 0 if escaped else {"{": 1, "}": -1}.get(character, 0)
        if open_braces < 0:
            return "a brace closes nothing"
    if open_braces:
        return "a brace stays open"
    if re.search(r"\^(\{[^{}]*\}|\w)\s*\^", text):
        return "two exponents"
    if not _nests(re.findall(r"\\(left|right)(?![a-z])", text), "left", "right"):
        return "\\left and \\right do not fit"
    if not _nests(re.findall(r"\\(begin|end)\{", text), "begin", "end"):
        return "\\begin and \\end do not fit"
    if re.search(r"\\(operatorname|mbox|phantom|def|newcommand)\b", text):
        return "a command that GitHub refuses"
    return None


def _nests(marks: list[str], opening: str, closing: str) -> bool:
    depth = 0
    for mark in marks:
        depth += {opening: 1, closing: -1}[mark]
        if depth < 0:
            return False
    return depth == 0


@pytest.mark.parametrize(
    "text", ["{", "}", "x^{2}^{3}", r"\left( x", r"\end{cases}", r"\operatorname{f}"]
)
def test_the_form_is_looked_at(text: str) -> None:
    assert fault(text) is not None


def test_every_construct_is_tried() -> None:
    """The golden specs hold each kind of node, each operator and each function."""
    found: set[str] = set()
    for module in load(FOLDERS["latex"], Log()).values():
        for e in _expressions(module):
            for node in nodes(e):
                found.add(type(node).__name__)
                if isinstance(node, t.Reduce | t.Row | t.IntDiv | t.Compare):
                    found.add(node.operator)
                if isinstance(node, t.Function):
                    found.add(node.name)
    kinds = {kind.__name__ for kind in t.Expr.__args__} - {"ArgumentRef"}  # in bodies of defs
    operators = set("sum prod max min mean logsumexp argmax argmin count any all".split())
    operators |= {"softmax", "log_softmax", "rank", "//", "%", "<", "<=", ">", ">=", "==", "!="}
    functions = set("exp log log1p expm1 sqrt sin cos tanh erf abs sign floor ceil stop".split())
    assert (kinds | operators | functions) - found == set()


def _expressions(module: t.Module) -> list[t.Expr]:
    found = list(module.requires)
    for d in module.definitions.values():
        parts = (d.base, d.step) if isinstance(d, t.Recurrence) else (d,)
        found += [part.body for part in parts if isinstance(part, t.Equation)]
    for l in module.laws:
        found += [l.claim, *l.given, *(b.value for b in l.bindings)]
    return found


def test_a_def_is_an_equation_of_its_own() -> None:
    module = load(FOLDERS["latex"], Log())["constructs.Functions"]
    applied = [n for e in _expressions(module) for n in nodes(e) if isinstance(n, t.Apply)]
    assert [function(node) for node in applied if not node.prelude] == [
        r"\mathrm{huber}(v,\ d) = \begin{cases} \frac{v^{2}}{2} & \text{if } "
        r"\left| v \right| \le d \\ d\,\left( \left| v \right| - \frac{d}{2} \right) & "
        r"\text{otherwise} \end{cases}"
    ]


@pytest.mark.parametrize(
    "text, tensor, wanted",
    [
        ("x", True, "x"),
        ("β", False, r"\beta"),
        ("beta", False, r"\beta"),
        ("Δ", False, r"\Delta"),
        ("eps", False, r"\varepsilon"),
        ("Ε", False, r"\mathrm{Epsilon}"),
        ("W_Q", True, "W^{Q}"),
        ("W_up", True, r"W^{\mathrm{up}}"),
        ("lambda_D", False, r"\lambda_{D}"),
        ("z_1", True, "z^{(1)}"),
        ("beta1", False, r"\beta_{1}"),
        ("m_hat", True, r"\hat{m}"),
        ("top_k", False, r"\mathrm{top\_k}"),
        ("r.low", True, r"r.\mathrm{low}"),
    ],
)
def test_names(text: str, tensor: bool, wanted: str) -> None:
    assert name(text, tensor=tensor) == wanted


def test_a_primed_name_has_one_exponent() -> None:
    assert name("W_Q", tensor=True, prime=True) == r"W^{Q\prime}"
    assert name("x", prime=True) == r"x^{\prime}"


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("0", "0"),
        ("10000", "10000"),
        ("100000", "10^{5}"),
        ("1500000000", r"1.5 \cdot 10^{9}"),
        ("0.1", "0.1"),
        ("0.044715", "0.044715"),
        ("1e-6", "10^{-6}"),
        ("2.5e-7", r"2.5 \cdot 10^{-7}"),
        ("1/3", r"\frac{1}{3}"),
        ("-2.5", "-2.5"),
    ],
)
def test_numbers(text: str, wanted: str) -> None:
    assert number(Fraction(text)) == wanted
