"""Expressions and shapes as text, in the notation of specs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import assert_never

from . import typed as t

IF, OR, AND, NOT, COMPARISON, SUM, TERM, POWER, ATOM = range(9)
"""How tightly the parts of the grammar bind."""

Names = Mapping[str, str]
"""What indices that the checker has renamed are called in the text."""


def show_dims(dims: Iterable[t.Expr]) -> str:
    """`[B, T + 1]`, or `no axes`."""
    shown = ", ".join(map(show, dims))
    return f"[{shown}]" if shown else "no axes"


def show(e: t.Expr, level: int = IF, names: Names | None = None) -> str:
    """An expression as text that means it where something at least as tight as `level` must
    stand. Of a flat module, in the terms of the equation that it was written in."""
    known = names or {}
    text, own = _shown(e, known)
    return f"({text})" if own < level else text


def _shown(e: t.Expr, names: Names) -> tuple[str, int]:
    """The text of an expression, and how tightly it binds."""

    def inside(part: t.Expr, level: int) -> str:
        return show(part, level, names)

    def several(parts: Iterable[t.Expr], between: str, level: int) -> str:
        return between.join(inside(part, level) for part in parts)

    match e:
        case t.Number():
            return _number(e.value)
        case t.Truth():
            return str(e.value).lower(), ATOM
        case t.IndexRef() | t.SizeRef() | t.ArgumentRef():
            return _name(e.name, names), ATOM
        case t.Constant():
            return e.name, ATOM
        case t.ConstRef():
            return _name(e.name, names) + "'" * e.primed, ATOM
        case t.Element():
            name = _name(e.tensor, {}) + "'" * e.primed
            subscripts = several(_own_subscripts(e), ",", IF)
            return f"{name}[{subscripts}]" if subscripts else name, ATOM
        case t.Add():
            text = ""
            for i, (sign, term) in enumerate(e.terms):
                mark = "-" if sign < 0 else "+"
                reads_on = isinstance(term, t.Reduce | t.Row) and i < len(e.terms) - 1
                text += f" {mark} " if text else mark * (sign < 0)
                text += inside(term, POWER if reads_on else TERM)
            return text, SUM
        case t.Mul():
            text = ""
            for i, (op, factor) in enumerate(e.factors):
                last = i == len(e.factors) - 1 and isinstance(factor, t.Reduce | t.Row)
                text += (f" {op} " if i else "") + inside(factor, TERM if last else POWER)
            return text, TERM
        case t.IntDiv():
            left = TERM if isinstance(e.left, t.Mul | t.IntDiv) else POWER
            return f"{inside(e.left, left)} {e.operator} {inside(e.right, POWER)}", TERM
        case t.Power():
            return f"{inside(e.base, ATOM)} ^ {_exponent(e.exponent, names)}", POWER
        case t.Compare():
            return f"{inside(e.left, SUM)} {e.operator} {inside(e.right, SUM)}", COMPARISON
        case t.And():
            return several(e.operands, " and ", NOT), AND
        case t.Or():
            return several(e.operands, " or ", AND), OR
        case t.Not():
            return f"not {inside(e.operand, NOT)}", NOT
        case t.Iverson():
            return f"[{inside(e.condition, IF)}]", ATOM
        case t.If():
            parts = (e.condition, e.then, e.otherwise)
            return "if {} then {} else {}".format(*(inside(part, IF) for part in parts)), IF
        case t.Function() | t.Apply():
            return f"{e.name}({several(e.arguments, ', ', IF)})", ATOM
        case t.Rounded():
            return f"rounded({inside(e.argument, IF)}, {e.format})", ATOM
        case t.Reduce():
            return _reduction(e.operator, e.bound, e.where, e.body, names), TERM
        case t.Row():
            return _reduction(e.operator, (e.bound,), e.where, e.body, names), TERM
        case t.Derivative():
            return f"grad({inside(e.of, IF)}, {inside(e.by, IF)})", ATOM
        case _:
            assert_never(e)


def _reduction(
    operator: str,
    bound: tuple[t.Bound, ...],
    where: t.Expr | None,
    body: t.Expr,
    names: Names,
) -> str:
    """`sum[u if u <= t] x[u]`, its indices called as they were written."""
    inner = {**names, **{b.name: b.span.text for b in bound if b.span.text.isidentifier()}}
    given = "" if where is None else f" if {show(where, IF, inner)}"
    indices = ",".join(_name(b.name, inner) for b in bound)
    return f"{operator}[{indices}{given}] {show(body, TERM, inner)}"


def _exponent(e: t.Expr, names: Names) -> str:
    """A power, with a minus before it if need be."""
    match e:
        case t.Add(terms=((-1, term),)):
            return "-" + show(term, POWER, names)
        case _:
            return show(e, POWER, names)


def _number(value: Fraction) -> tuple[str, int]:
    """The shortest decimal that is exactly it, or else a quotient."""
    if value < 0:
        text, level = _number(-value)
        return f"-{text}", min(level, SUM)
    if value.denominator == 1:
        return str(value), ATOM
    text = re.sub(r"e([-+])0+", r"e\1", repr(float(value)))
    if Fraction(Decimal(text)) == value:
        return text, ATOM
    return f"{value.numerator} / {value.denominator}", TERM


def _name(name: str, names: Names) -> str:
    """A name as it was written: one of a flat module has a prefix for every call."""
    return names.get(name, name.rpartition(".")[2])


def _own_subscripts(e: t.Element) -> tuple[t.Expr, ...]:
    """The subscripts that were written: what a call defines has, in a flat module, the axes of
    the equation with the call in front of its own."""
    called = re.match(r"(.*\.\d+\.)", e.tensor)
    first = 0
    while called and first < len(e.subscripts):
        leading = e.subscripts[first]
        if not isinstance(leading, t.IndexRef) or leading.name.startswith(called[1]):
            break
        first += 1
    return e.subscripts[first:]
