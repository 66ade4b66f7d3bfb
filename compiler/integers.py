"""Turns integer expressions into polynomials, and conditions into constraints.

What is not polynomial becomes an atom of its own, named by its text, with facts about it:
a minimum is at most each of its arguments and is one of them, a choice has two cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import assert_never

from . import linear as lin
from . import typed as t
from .linear import Polynomial
from .walk import nodes

Env = Mapping[str, Polynomial]
"""What stands for an index or size (by name) or a def's parameter (by `@name`)."""

Formula = list[list[Polynomial]]
"""Alternatives, each a list of constraints; `[[]]` says nothing."""

MAX_ALTERNATIVES = 12
MAX_TERMS = 24
MAX_DEGREE = 6


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is known of an integer tensor: each of `low` <= its element at `axes` <= each of
    `high`; expressions over the axes and sizes."""

    axes: tuple[str, ...]
    low: tuple[t.Expr, ...]
    high: tuple[t.Expr, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """Where something is to be proved: the ranges of the indices in scope, by name, and the
    conditions that hold there."""

    ranges: Mapping[str, t.Expr]
    conditions: tuple[t.Expr, ...] = ()

    def under(self, *conditions: t.Expr) -> Given:
        return Given(self.ranges, self.conditions + conditions)

    def binding(self, *bound: t.Bound) -> Given:
        return Given({**self.ranges, **{b.name: b.range for b in bound}}, self.conditions)

    def hiding(self, name: str) -> Given:
        """Without the conditions that speak of the index `name`."""
        kept = tuple(c for c in self.conditions if not mentions(c, name))
        return Given(self.ranges, kept)


@dataclass(slots=True)
class Known:
    """The facts of one module. `sizes` gives the values of derived sizes, None for others."""

    sizes: dict[str, t.Expr | None] = field(default_factory=dict)
    requires: list[t.Expr] = field(default_factory=list)
    bounds: dict[str, Bounds] = field(default_factory=dict)
    meter: lin.Meter = field(default_factory=lin.Meter)


class Translation:
    """Polynomials for expressions at one place, and facts about their atoms. Quotients are
    noted in `quotients`, as dividend and divisor; what defines them is left to a proof."""

    def __init__(self, known: Known, given: Given, depth: int = 0) -> None:
        self.known, self.given, self.depth = known, given, depth
        self.facts: dict[str, list[Formula]] = {}
        self.quotients: dict[str, tuple[Polynomial, Polynomial]] = {}
        self.fresh = 0

    def polynomial(self, e: t.Expr, env: Env) -> Polynomial:
        """The value of an integer expression; an atom of its own where it is not polynomial."""
        if not self.known.meter.spend(1):
            return self._opaque()
        value = self._polynomial(e, env)
        if len(value) > MAX_TERMS or any(len(m) > MAX_DEGREE for m in value):
            return self._opaque()
        return value

    def _polynomial(self, e: t.Expr, env: Env) -> Polynomial:
        match e:
            case t.Number():
                return lin.constant(int(e.value)) if e.value.denominator == 1 else self._opaque()
            case t.IndexRef():
                if e.name in env:
                    return env[e.name]
                return self._index(e.name, self.given.ranges.get(e.name), env)
            case t.SizeRef():
                return self._size(e.name, env)
            case t.ArgumentRef():
                return env[f"@{e.name}"] if f"@{e.name}" in env else self._opaque()
            case t.Element():
                return self._element(e, env)
            case t.Add():
                total: Polynomial = {}
                for sign, term in e.terms:
                    total = lin.add(total, self.polynomial(term, env), sign)
                return total
            case t.Mul():
                if any(op == "/" for op, _ in e.factors):
                    return self._opaque()
                total = lin.constant(1)
                for _, factor in e.factors:
                    total = lin.multiply(total, self.polynomial(factor, env))
                    if len(total) > MAX_TERMS:
                        return self._opaque()
                return total
            case t.IntDiv():
                left, right = self.polynomial(e.left, env), self.polynomial(e.right, env)
                quotient = self._quotient(left, right)
                if e.operator == "//":
                    return quotient
                return lin.add(left, lin.multiply(right, quotient), -1)
            case t.Iverson():
                one, zero = lin.constant(1), lin.constant(0)
                return self._choice(e.condition, one, zero, env)
            case t.If():
                then, otherwise = self.polynomial(e.then, env), self.polynomial(e.otherwise, env)
                return self._choice(e.condition, then, otherwise, env)
            case t.Function():
                return self._function(e, env)
            case t.Apply():
                inner = {f"@{p}": self.polynomial(a, env) if a.type == "int" else self._opaque()
                         for p, a in zip(e.parameters, e.arguments, strict=True)}  # fmt: skip
                return self.polynomial(e.body, inner)
            case t.Reduce():
                return self._reduce(e, env)
            case t.Row():
                rank = lin.atom(self._whole(e, env))
                width = self.polynomial(e.bound.range, env)
                gap = 1 if e.where is None else 0
                return self._with(rank, [rank, lin.shift(lin.add(width, rank, -1), -gap)])
            case (
                t.Truth() | t.Constant() | t.ConstRef() | t.Power() | t.Compare() | t.And()
                | t.Or() | t.Not() | t.Rounded() | t.Derivative()
            ):  # fmt: skip
                return self._opaque()
            case _:
                assert_never(e)

    def _opaque(self) -> Polynomial:
        self.fresh += 1
        return lin.atom(f"?{self.depth}.{self.fresh}")

    def _whole(self, e: t.Reduce | t.Row, env: Env) -> str:
        """A name for the value of an operator, the same for equal texts of equal meaning."""
        if env:
            (name,) = lin.atoms(self._opaque())
            return name
        free = {n.name for n in nodes(e) if isinstance(n, t.IndexRef)}
        if isinstance(e, t.Reduce):
            free -= {b.name for b in e.bound}
        return f"?{' '.join(e.span.text.split())} {sorted(free)}"

    def _with(self, value: Polynomial, constraints: list[Polynomial]) -> Polynomial:
        """`value`, an atom, with constraints known of it."""
        (name,) = lin.atoms(value)
        self.facts.setdefault(name, []).append([constraints])
        return value

    def _index(self, name: str, size: t.Expr | None, env: Env) -> Polynomial:
        index = lin.atom(name)
        if name not in self.facts and size is not None:
            self.facts[name] = []
            last = lin.shift(self.polynomial(size, env), -1)
            self._with(index, [index, lin.add(last, index, -1)])
        return index

    def _size(self, name: str, env: Env) -> Polynomial:
        if name in env:
            return env[name]
        value = self.known.sizes.get(name)
        if value is not None:
            return self.polynomial(value, env)
        size = lin.atom(name)
        if name not in self.facts:
            self._with(size, [lin.shift(size, -1)])
        return size

    def _element(self, e: t.Element, env: Env) -> Polynomial:
        at = [self.polynomial(s, env) for s in e.subscripts]
        name = f"{e.tensor}{chr(39) * e.primed}[{', '.join(map(lin.show, at))}]"
        element = lin.atom(name)
        bounds = self.known.bounds.get(e.tensor)
        if name not in self.facts and bounds is not None and len(bounds.axes) == len(at):
            self.facts[name] = []
            here = dict(zip(bounds.axes, at, strict=True))
            low = [lin.add(element, self.polynomial(b, here), -1) for b in bounds.low]
            high = [lin.add(self.polynomial(b, here), element, -1) for b in bounds.high]
            self._with(element, low + high)
        return element

    def _quotient(self, left: Polynomial, right: Polynomial) -> Polynomial:
        """left // right, to be defined by inequalities where a proof speaks of it."""
        for numerator in (left, self._rewritten(left)):
            exact = lin.divide_exactly(numerator, right)
            if exact is not None:
                return exact
        if not set(left) - {()} and set(right) == {()}:
            return lin.constant(left.get((), 0) // right[()])
        name = f"({lin.show(left)} // {lin.show(right)})"
        quotient = lin.atom(name)
        self.quotients[name] = (left, right)
        return quotient

    def _rewritten(self, value: Polynomial) -> Polynomial:
        """`value` with the sizes replaced that a requirement `H == G * M` gives."""
        for e in self.known.requires:
            if not (isinstance(e, t.Compare) and e.operator == "=="):
                continue
            for size, other in ((e.left, e.right), (e.right, e.left)):
                if isinstance(size, t.SizeRef) and self._is_free(size, other):
                    value = lin.replace(value, size.name, self.polynomial(other, {}))
        return value

    def _is_free(self, size: t.SizeRef, e: t.Expr) -> bool:
        """Whether `size` is plain, and `e` a polynomial of other plain sizes."""
        sizes = {n.name for n in nodes(e) if isinstance(n, t.SizeRef)} | {size.name}
        is_polynomial = all(
            isinstance(n, t.SizeRef | t.Number | t.Add | t.Mul) and n.type == "int"
            for n in nodes(e)
        )
        repeated = any(isinstance(n, t.SizeRef) and n.name == size.name for n in nodes(e))
        derived = any(self.known.sizes.get(n) is not None for n in sizes)
        return is_polynomial and not repeated and not derived

    def _choice(
        self, condition: t.Expr, then: Polynomial, otherwise: Polynomial, env: Env
    ) -> Polynomial:
        value = self._opaque()
        (name,) = lin.atoms(value)
        cases: Formula = []
        for holds, branch in ((True, then), (False, otherwise)):
            gap = lin.add(value, branch, -1)
            cases += [[*case, gap, lin.negate(gap)] for case in self.formula(condition, holds, env)]
        self.facts.setdefault(name, []).append(cases)
        return value

    def _function(self, e: t.Function, env: Env) -> Polynomial:
        if e.name in ("floor", "ceil", "stop"):
            return self.polynomial(e.arguments[0], env)
        value = self._opaque()
        (name,) = lin.atoms(value)
        if e.name == "sign":
            return self._with(value, [lin.shift(value, 1), lin.shift(lin.negate(value), 1)])
        if e.name == "abs":
            argument = self.polynomial(e.arguments[0], env)
            candidates, sign = [argument, lin.negate(argument)], 1
        elif e.name in ("min", "max"):
            candidates = [self.polynomial(a, env) for a in e.arguments]
            sign = 1 if e.name == "max" else -1
        else:
            return value
        gaps = [lin.add(value, c, -1) for c in candidates]
        self._with(value, [g if sign > 0 else lin.negate(g) for g in gaps])
        self.facts[name].append([[g, lin.negate(g)] for g in gaps])
        return value

    def _reduce(self, e: t.Reduce, env: Env) -> Polynomial:
        ranges = [self.polynomial(b.range, env) for b in e.bound]
        if e.operator in ("argmax", "argmin", "max", "min"):
            inner = dict(env)
            name = self._whole(e, env)
            constraints: list[Polynomial] = []
            for i, (bound, size) in enumerate(zip(e.bound, ranges, strict=True)):
                index = inner[bound.name] = lin.atom(f"{name}.{i}")
                constraints += [index, lin.shift(lin.add(size, index, -1), -1)]
            is_index = e.operator in ("argmax", "argmin")
            value = index if is_index else self.polynomial(e.body, inner)
            where = [[]] if e.where is None else self.formula(e.where, True, inner)
            for name in sorted(lin.atoms(value)) if is_index else self._own(inner, e):
                self.facts.setdefault(name, []).append([case + constraints for case in where])
            return value
        value = lin.atom(self._whole(e, env))
        if e.operator == "count" or (e.operator == "sum" and isinstance(e.body, t.Iverson)):
            most = lin.constant(1)
            for size in ranges:
                most = lin.multiply(most, size)
            self._with(value, [value, lin.add(most, value, -1)])
        return value

    def _own(self, env: Env, e: t.Reduce) -> list[str]:
        """The atoms that stand for the bound indices of `e`."""
        return sorted(name for b in e.bound for name in lin.atoms(env[b.name]))

    # conditions

    def formula(self, e: t.Expr, holds: bool, env: Env) -> Formula:
        """What a condition, or its negation, says of integers."""
        if not self.known.meter.spend(1):
            return [[]]
        match e:
            case t.Truth():
                return [[]] if e.value == holds else []
            case t.Not():
                return self.formula(e.operand, not holds, env)
            case t.And() | t.Or():
                parts = [self.formula(o, holds, env) for o in e.operands]
                if isinstance(e, t.And) == holds:
                    return _all_of(parts)
                together = [case for part in parts for case in part]
                return together if len(together) <= MAX_ALTERNATIVES else [[]]
            case t.Compare() if e.left.type == e.right.type == "int":
                gap = lin.add(
                    self.polynomial(e.right, env), self.polynomial(e.left, env), -1
                )  # right - left
                operator = e.operator if holds else _NEGATED[e.operator]
                less, more = lin.shift(gap, -1), lin.shift(lin.negate(gap), -1)
                match operator:
                    case "<":
                        return [[less]]
                    case "<=":
                        return [[gap]]
                    case ">":
                        return [[more]]
                    case ">=":
                        return [[lin.negate(gap)]]
                    case "==":
                        return [[gap, lin.negate(gap)]]
                    case _:
                        return [[less], [more]]
            case t.If():
                cases = [
                    _all_of([self.formula(e.condition, c, env), self.formula(b, holds, env)])
                    for c, b in ((True, e.then), (False, e.otherwise))
                ]
                return cases[0] + cases[1]
            case t.Apply():
                inner = {f"@{p}": self.polynomial(a, env) if a.type == "int" else self._opaque()
                         for p, a in zip(e.parameters, e.arguments, strict=True)}  # fmt: skip
                return self.formula(e.body, holds, inner)
            case _:
                return [[]]


_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


def _all_of(parts: list[Formula]) -> Formula:
    """The conjunction; a part that would make it too long is dropped."""
    result: Formula = [[]]
    for part in parts:
        if len(result) * len(part) <= MAX_ALTERNATIVES:
            result = [a + b for a, b in product(result, part)]
    return result


def mentions(e: t.Expr, index: str) -> bool:
    """Whether an expression reads the index `index` anywhere."""
    return any(isinstance(n, t.IndexRef) and n.name == index for n in nodes(e))
