"""Every law of the library can fail: a fault planted in the equations breaks it, or where none
of ours can (the equations would leave their ranges first), its opposite does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from lawful.compiler import typed as t
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load
from lawful.compiler.walk import nodes, rebuild
from lawful.verifier.exact import OracleError
from lawful.verifier.flatten import flatten
from lawful.verifier.law_cases import law_cases
from lawful.verifier.law_equations import try_equations
from lawful.verifier.law_instances import batches
from lawful.verifier.law_reader import LawError
from lawful.verifier.plan import Options
from lawful.verifier.regimes import Case
from lawful.verifier.symbolic import Structures
from lawful.verifier.truth import Truths

LIBRARY = load(Path(__file__).parents[2] / "spec", Log())
NAMES = [name for name, module in LIBRARY.items() if module.laws]


def number(e: t.Expr, value: Fraction) -> t.Number:
    return t.Number(e.span, value, "real")


def plus(e: t.Expr, other: t.Expr) -> t.Expr:
    return t.Add(e.span, ((1, e), (1, other)), "real")


def leak(module: t.Module, e: t.Expr) -> Iterator[t.Expr]:
    """Something of every element of a real input or param, not the same of each."""
    for variable in (*module.inputs.values(), *module.params.values()):
        if variable.type == "real":
            span = e.span
            bound = tuple(t.Bound(span, f"leak_{i}", d) for i, d in enumerate(variable.dims))
            places = tuple(t.IndexRef(span, b.name) for b in bound)
            element: t.Expr = t.Element(span, variable.name, places, "real")
            if bound:
                weights = [
                    ("*", element),
                    *(("*", plus(i, number(e, Fraction(1)))) for i in places),
                ]
                weighted = t.Mul(span, tuple(weights), "real")
                element = t.Reduce(span, "sum", bound, None, weighted, "real")
            eighth = number(e, Fraction(1, 8))
            square = t.Power(span, element, t.Number(span, Fraction(2), "int"))
            yield plus(e, t.Mul(span, (("*", eighth), ("*", square)), "real"))


def faults(module: t.Module, part: t.Equation) -> Iterator[t.Expr]:
    """What an equation might be instead."""
    e = part.body
    one = t.Number(e.span, Fraction(1), "int")
    indices = [t.IndexRef(e.span, axis.name) for axis in part.axes]
    match e.type:
        case "real":
            more = t.Mul(e.span, (("*", e), ("*", number(e, Fraction(5, 4)))), "real")
            yield plus(more, number(e, Fraction(1, 8)))
            yield from (plus(e, index) for index in indices)
            yield from leak(module, e)
            yield t.Add(e.span, ((-1, e), (-1, number(e, Fraction(1)))), "real")
        case "int":
            yield t.Add(e.span, ((1, e), (1, one)), "int")
            yield t.Add(e.span, ((-1, e), (-1, one)), "int")
            yield from (t.Add(e.span, ((1, e), (1, index)), "int") for index in indices)
            yield t.Add(e.span, ((1, e), (1, replace(one, value=Fraction(100)))), "int")
            yield t.Number(e.span, Fraction(0), "int")
            for leaking in leak(module, number(e, Fraction(0))):
                floor = t.Function(e.span, "floor", (leaking,), "int")
                yield t.Add(e.span, ((1, e), (1, floor)), "int")
        case "bool":
            yield t.Not(e.span, e)
            yield t.Truth(e.span, True)
            yield t.Truth(e.span, False)
    for node in nodes(e):
        if isinstance(node, t.Compare):
            yield put(e, node, t.Not(node.span, node))
        elif isinstance(node, t.Reduce) and node.operator in ("argmax", "argmin", "max", "min"):
            other = {"argmax": "argmin", "argmin": "argmax", "max": "min", "min": "max"}
            yield put(e, node, replace(node, operator=other[node.operator]))
        elif isinstance(node, t.Row | t.Reduce) and node.where is not None:
            yield put(e, node, replace(node, where=None))


def put(e: t.Expr, old: t.Expr, new: t.Expr) -> t.Expr:
    """The expression with one node changed."""
    return new if e is old else rebuild(e, lambda child: put(child, old, new))


def faulty(module: t.Module, law: t.Law) -> Iterator[t.Module]:
    """The module with one equation changed, those first that the law names."""
    named = {n.tensor for e in (law.claim, *law.given) for n in nodes(e) if hasattr(n, "tensor")}
    order = sorted(module.definitions, key=lambda name: (name not in named, name))
    for name in order:
        definition = module.definitions[name]
        part = definition.step if isinstance(definition, t.Recurrence) else definition
        assert isinstance(part, t.Equation)
        for body in faults(module, part):
            changed: t.Definition = replace(part, body=body)
            if isinstance(definition, t.Recurrence):
                changed = replace(definition, step=changed)
            groups = tuple(
                replace(g, members=tuple(changed if m.name == name else m for m in g.members))
                for g in module.groups
            )
            definitions = {**module.definitions, name: changed}
            yield replace(module, definitions=definitions, groups=groups)


def breaks(module: t.Module, law: t.Law, cases: list[Case]) -> bool:
    truths, structures = Truths(module), Structures()
    for the_case in cases:
        for batch in batches(law, the_case)[:2]:
            try:
                tally = try_equations(truths, law, the_case, batch, structures)
            except (OracleError, LawError):
                continue
            if tally.broken is not None:
                return True
    return False


@pytest.mark.parametrize("name", NAMES)
def test_every_law_can_fail(name: str) -> None:
    module = flatten(LIBRARY[name])
    cases = list(law_cases(module, Options()))
    for law in module.laws:
        assert not breaks(module, law, cases[:1]), f"{law.name} is false as it is"
        found = any(breaks(changed, law, [one]) for one in cases for changed in faulty(module, law))
        opposite = replace(law, claim=t.Not(law.span, law.claim))
        assert found or breaks(module, opposite, cases), f"no fault breaks the law {law.name}"
