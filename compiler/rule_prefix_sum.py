"""Sums over what comes before along an axis."""

from __future__ import annotations

from fractions import Fraction

from .patterns import option
from .prefixes import MIRRORED, RELATIONS, Axes, Before, dim_of, sums_before
from .program import Argument, Fused, Iota, Map, Node, Num, Program, Sum, axes_of
from .typed import Type


def prefix_sum(program: Program) -> Program:
    """sum[w if w <= v] x[w] = cumsum(x)[v], and likewise for <, >= and >, which start at the
    next index or from the end: V additions in place of V². How many entries hold also tells
    whether any does, or all do.
    """

    def relation(condition: Node, w: str) -> Before | None:
        match condition:
            case Map(op=op, operands=(Iota(left), Iota(right))) if op in RELATIONS:
                pass
            case _:
                return None
        if left == right or w not in (left, right):
            return None
        v, op = (right, op) if left == w else (left, MIRRORED[op])
        zero, one = Num(Fraction(0), "int"), Num(Fraction(1), "int")
        last = Sum(((1, program.ranges[w]), (-1, one)), "int")
        return Before(w, v, op, Iota(w), zero if op == ">" else last)

    return sums_before(program, relation, _call)


def _call(x: Node, before: Before, along: Axes, axes: Axes) -> Fused | None:
    if before.w not in axes_of(x):
        return None
    exclusive, reverse = RELATIONS[before.op]
    options = [dim_of(before, axes)]
    options += [option("exclusive", True)] if exclusive else []
    options += [option("reverse", True)] if reverse else []
    type: Type = "real" if x.type == "real" else "int"
    return Fused("ops.prefix_sum", (Argument("", along, x),), tuple(options), axes, type, False)
