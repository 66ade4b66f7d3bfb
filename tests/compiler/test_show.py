"""Expressions are shown in the notation of specs: what is shown, read again, is the same."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from lawful.compiler import typed as t
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load
from lawful.compiler.show import show
from lawful.compiler.source import Source, Span
from lawful.verifier.flatten import flatten

ROOT = Path(__file__).parents[2] / "spec"
FILES = (
    "attention attention_online beam guidance markov norms penalties rl/grpo rope samplers".split()
)

SPAN = Span(Source("test.eq", ""), 0, 0)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some files of the library, by themselves."""
    folder = tmp_path_factory.mktemp("spec")
    for name in FILES:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / f"{name}.eq", folder / f"{name}.eq")
    return folder


def parts(module: t.Module) -> Iterator[tuple[str, t.Expr]]:
    """The bodies of a module's equations and the claims of its laws."""
    for name, definition in module.definitions.items():
        both = isinstance(definition, t.Recurrence)
        for part in (definition.base, definition.step) if both else (definition,):
            if isinstance(part, t.Equation):
                yield name, part.body
    for law in module.laws:
        yield law.name, law.claim


def bare(node: Any) -> Any:
    """A node without the places of its text."""
    if isinstance(node, tuple):
        return tuple(map(bare, node))
    if isinstance(node, Mapping):
        return {key: bare(value) for key, value in node.items()}
    if is_dataclass(node):
        own = [bare(getattr(node, f.name)) for f in fields(node) if f.name != "span"]
        return type(node).__name__, *own
    return node


def end(text: str, span: Span) -> int:
    """Where the text of an expression ends, with the parentheses that it opens."""
    last = span.end
    while text[span.start : last].count("(") > text[span.start : last].count(")"):
        last += 1
    return last


def test_what_is_shown_reads_back_as_the_same(root: Path) -> None:
    before = load(root, Log())
    shown: dict[str, dict[int, tuple[int, str]]] = {}
    for module in before.values():
        for _, e in parts(module):
            text = Path(e.span.source.path).read_text(encoding="utf-8")
            edits = shown.setdefault(e.span.source.path, {})
            edits[e.span.start] = end(text, e.span), show(e)
    for path, edits in shown.items():
        text = Path(path).read_text(encoding="utf-8")
        for start, (last, new) in sorted(edits.items(), reverse=True):
            text = text[:start] + new + text[last:]
        Path(path).write_text(text, encoding="utf-8")
    log = Log()
    after = load(root, log)
    assert not log.failed, log.diagnostics[0]
    assert list(after) == list(before)
    compared = 0
    for name, module in before.items():
        for (what, e), (_, again) in zip(parts(module), parts(after[name]), strict=True):
            assert bare(e) == bare(again), f"{name}.{what}: {show(e)}"
            compared += 1
    assert compared > 150


def test_parentheses_are_there_where_they_are_needed() -> None:
    a, b, c = (t.SizeRef(SPAN, name) for name in "ABC")
    total = t.Add(SPAN, ((1, a), (-1, b)), "int")
    product = t.Mul(SPAN, (("*", total), ("/", c)), "real")
    assert show(product) == "(A - B) / C"
    assert show(t.Power(SPAN, product, t.Add(SPAN, ((-1, a),), "int"))) == "((A - B) / C) ^ -A"
    assert show(t.Mul(SPAN, (("*", a), ("/", product)), "real")) == "A / ((A - B) / C)"
    less = t.Compare(SPAN, "<", a, b)
    assert show(t.Not(SPAN, t.And(SPAN, (less, less)))) == "not (A < B and A < B)"
    assert show(t.Or(SPAN, (t.And(SPAN, (less, less)), less))) == "A < B and A < B or A < B"


@pytest.mark.parametrize(
    ("value", "text"),
    [("3", "3"), ("1/2", "0.5"), ("1/1000000", "1e-6"), ("1/3", "1 / 3"), ("-2", "-2")],
)
def test_numbers_are_exact(value: str, text: str) -> None:
    assert show(t.Number(SPAN, Fraction(value), "real")) == text


def test_a_flat_module_is_shown_in_the_terms_of_what_it_calls(tmp_path: Path) -> None:
    (tmp_path / "m.eq").write_text(
        "module Scale\nsize D\nindex d: D\ninput x[D]\nparam g[D] = 1\n"
        "s[d] = g[d] * x[d]\noutput y[d] = s[d] + 1\n"
        "module Rows\nsize B, D\nindex b: B\ninput z[B, D]\nuse scale: Scale()\n"
        "output r[b] = scale(z[b])\n",
        encoding="utf-8",
    )
    log = Log()
    module = flatten(load(tmp_path, log)["m.Rows"])
    log.raise_errors()
    bodies = {n: show(e) for n, e in parts(module)}
    assert bodies["r.1.s"] == "g[d] * z[b,d]"
    assert bodies["r.1.y"] == "s[d] + 1"
