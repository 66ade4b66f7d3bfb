"""Sums over what comes before in another order than that of the index."""

from __future__ import annotations

from .patterns import option
from .prefixes import MIRRORED, RELATIONS, Axes, Before, dim_of, sums_before
from .program import Argument, Fused, Map, Node, Num, Program, Read, Reduce, Row, axes_of, rename
from .typed import Type


def mass_before(program: Program) -> Program:
    """sum[w if a[w] < a[v]] x[w] = cumsum(x in the order of a) at the place of v, and likewise
    for <=, > and >=: one sort and V additions in place of V² of them. Where a[v] = rank[v] z[v]
    is a permutation it needs no sort.
    """

    def call(x: Node, before: Before, along: Axes, axes: Axes) -> Fused:
        exclusive, reverse = RELATIONS[before.op]
        options = [dim_of(before, axes)]
        options += [] if exclusive else [option("inclusive", True)]
        options += [option("reverse", True)] if reverse else []
        function = "ops.sum_before" if _is_permutation(before, program) else "ops.sum_below"
        operands: tuple[Argument, ...] = (Argument("", along, x),)
        if isinstance(x, Num):
            function, operands = "ops.count_below", ()
        operands += (Argument("", along, before.key),)
        type: Type = "real" if x.type == "real" else "int"
        return Fused(function, operands, tuple(options), axes, type, False)

    return sums_before(program, _relation, call)


def _relation(condition: Node, w: str) -> Before | None:
    """Where the condition compares a[w] with a[v]."""
    if not (isinstance(condition, Map) and condition.op in RELATIONS):
        return None
    left, right = condition.operands
    for key, other, op in ((left, right, condition.op), (right, left, MIRRORED[condition.op])):
        mine, theirs = axes_of(key) - axes_of(other), axes_of(other) - axes_of(key)
        if mine == {w} and len(theirs) == 1:
            (v,) = theirs
            if rename(key, {w: v}) == other:
                end = Reduce("max" if op[0] == "<" else "min", (w,), None, key, key.type)
                return Before(w, v, op, key, end)
    return None


def _is_permutation(before: Before, program: Program) -> bool:
    """Whether a[w] is the rank of all entries of a row."""
    key = before.key
    step = program.step(key.name) if isinstance(key, Read) else None
    if step is None or not isinstance(step.body, Row) or not isinstance(key, Read):
        return False
    row = step.body
    if row.op != "rank" or row.where is not None or row.axis not in step.axes:
        return False
    return step.axes.index(row.axis) == key.axes.index(before.w)
