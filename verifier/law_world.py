"""The two evaluations that a law speaks of, at one case.

`with` fixes inputs, params, consts and random sources of the evaluation itself, or of a second
one, the primed; what the values of bindings rest on is evaluated first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from math import isinf, prod
from typing import NoReturn

from flint import arb, fmpq

from ..compiler import typed as t
from ..compiler.walk import nodes
from .exact import Scope, Value
from .extended import UNDEFINED
from .law_reader import Consts, LawError, LawReader, Layout, LeftOut, worth
from .oracle import Given, Oracle, Run
from .regimes import Case
from .settings import Const, Setting, evaluate, holds
from .symbolic import Structures
from .truth import Truths

Name = tuple[str, bool]
"""A tensor or const, and whether it is primed."""


@dataclass(slots=True)
class World:
    """Settings and variables of the evaluation itself and of the primed one."""

    truths: Truths
    case: Case
    layout: Layout
    settings: list[Setting]
    given: list[dict[str, list[Given]]]
    primed: bool

    @property
    def consts(self) -> Consts:
        return self.settings[0].consts, self.settings[1].consts

    def oracle(self, primed: int) -> Oracle:
        return self.truths.oracle(replace(self.case, setting=self.settings[primed]))

    def run(self, primed: int) -> Run:
        """One of the evaluations, at the working precision."""
        return self.oracle(primed).run(self.given[primed])

    def variables(self, primed: int) -> list[Value]:
        """The store of an evaluation with nothing but its variables."""
        store: list[Value] = [UNDEFINED] * self.layout.length
        for name, elements in self.given[primed].items():
            offset = self.layout.places[name].offset
            numbers = [arb(x) if isinstance(x, fmpq) else x for x in elements]
            store[offset : offset + len(numbers)] = numbers
        return store


def layout(oracle: Oracle, setting: Setting) -> Layout:
    """How an oracle's store is laid out."""
    length = sum(prod(place.shape) for place in oracle.places.values())
    return Layout(setting.sizes, oracle.places, length)


def build(
    truths: Truths, law: t.Law, case: Case, indices: Mapping[str, int], structures: Structures
) -> World:
    """The world of a law at a case and the indices that its bindings mention. Raises LeftOut
    where a requirement fails there, UndefinedValue where a binding is undefined."""
    oracle = truths.oracle(case)
    given = oracle.given(case.tensors)
    world = World(
        truths, case, layout(oracle, case.setting), [case.setting] * 2, [given, given], False
    )
    for fixed in in_order(truths.module, law.bindings):
        at = (1,) if fixed.target.primed else (0, 1)
        world.primed |= fixed.target.primed
        mentioned = _reached(truths.module, fixed.value)
        if not fixed.target.primed and any(primed for _, primed in mentioned):
            raise LawError("an evaluation is fixed in terms of the second one, the primed")
        stores = [
            world.run(i).store
            if any(p == bool(i) and n in truths.module.definitions for n, p in mentioned)
            else world.variables(i)
            for i in range(2)
        ]
        reader = LawReader(world.layout, stores[0] + stores[1], world.consts, _none, structures)
        if isinstance(fixed.target, t.ConstRef):
            value = _rational(fixed, world, reader, Scope(dict(indices)))
            for i in at:
                sizes, consts = world.settings[i].sizes, world.settings[i].consts
                world.settings[i] = Setting(sizes, {**consts, fixed.target.name: value})
        else:
            elements = _elements(fixed.target, fixed.value, reader, indices)
            for i in at:
                world.given[i] = {**world.given[i], fixed.target.tensor: elements}
    for setting in world.settings:
        if not all(holds(e, setting.sizes, setting.consts) for e in truths.module.requires):
            raise LeftOut
    return world


def _none(derivative: t.Derivative, of: int) -> NoReturn:
    raise LawError("derivatives in `with` are not verified")


def _rational(fixed: t.Fixed, world: World, reader: LawReader, scope: Scope) -> Const:
    """The value of a const, exact or infinite."""
    primed = any(isinstance(node, t.ConstRef) and node.primed for node in nodes(fixed.value))
    try:
        if not primed:
            value = evaluate(fixed.value, world.settings[0].sizes, world.consts[0])
            if not isinstance(value, float) or isinf(value):
                return value if isinstance(value, float) else Fraction(value)
    except KeyError:
        pass
    except (ArithmeticError, ValueError) as error:
        raise LeftOut from error
    number = worth(reader, fixed.value, scope)
    if isinstance(number, arb) and number.is_exact():
        mantissa, exponent = number.man_exp()
        return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    assert isinstance(fixed.target, t.ConstRef)
    raise LawError(f"{fixed.target.name} is fixed to a number that is not rational")


def _elements(
    target: t.Element, value: t.Expr, reader: LawReader, indices: Mapping[str, int]
) -> list[Given]:
    """The elements of a tensor that `with` fixes, in row-major order."""
    axes = [axis.name for axis in target.subscripts if isinstance(axis, t.IndexRef)]
    elements: list[Given] = []
    for cell in product(*map(range, reader.places[target.tensor].shape)):
        scope = Scope({**indices, **dict(zip(axes, cell, strict=True))})
        if target.type == "real":
            elements.append(worth(reader, value, scope))
        else:
            element = reader.exact(value, scope)
            elements.append(bool(element) if target.type == "bool" else element)
    return elements


def in_order(module: t.Module, bindings: Sequence[t.Fixed]) -> list[t.Fixed]:
    """Bindings, each after those that its value rests on, and the primed ones last. Raises
    LawError where there is no such order."""
    ordered: list[t.Fixed] = []
    for primed in (False, True):
        pending = [fixed for fixed in bindings if fixed.target.primed == primed]
        while pending:
            targets = {_name(fixed.target) for fixed in pending}
            ready = [f for f in pending if not _reached(module, f.value) & targets]
            if not ready:
                raise LawError("the values that `with` gives rest on one another in a circle")
            ordered += ready
            pending = [fixed for fixed in pending if fixed not in ready]
    return ordered


def _name(e: t.Element | t.ConstRef) -> Name:
    return (e.tensor if isinstance(e, t.Element) else e.name, e.primed)


def _reached(module: t.Module, value: t.Expr) -> set[Name]:
    """The tensors and consts that a value rests on. What is primed rests on what is not, too,
    since that is what a prime changes."""
    found: set[Name] = set()
    pending = [_name(e) for e in nodes(value) if isinstance(e, t.Element | t.ConstRef)]
    while pending:
        name, primed = pending.pop()
        if (name, primed) in found:
            continue
        found.add((name, primed))
        if primed:
            pending.append((name, False))
        for body in bodies(module.definitions.get(name)):
            mentioned = [_name(e)[0] for e in nodes(body) if isinstance(e, t.Element | t.ConstRef)]
            pending += [(other, primed) for other in mentioned]
    return found


def bodies(definition: t.Definition | None) -> list[t.Expr]:
    """The scalar expressions of a definition; of a recurrence, those of base and step."""
    match definition:
        case t.Equation():
            return [definition.body]
        case t.Recurrence():
            return bodies(definition.base) + bodies(definition.step)
    return []
