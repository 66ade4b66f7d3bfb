"""Sums over the entries of a row that come before each entry, in whatever order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from .patterns import conjuncts, in_steps_along, masked, negation, option
from .program import Fused, Map, Node, Num, Program, Reduce, Where, axes_of, bottom_up

RELATIONS = {"<": (True, False), "<=": (False, False), ">": (True, True), ">=": (False, True)}
"""What is summed beside v: whether v itself is left out, whether what comes after."""
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Before:
    """The condition a[w] op a[v], and the least or largest a, which no entry comes before."""

    w: str
    v: str
    op: str
    key: Node
    extreme: Node


Axes = tuple[str, ...]
Relation = Callable[[Node, str], Before | None]
Call = Callable[[Node, Before, Axes, Axes], Fused | None]


def sums_before(program: Program, relation: Relation, call: Call) -> Program:
    """The program with sums over w under a condition that `relation` finds replaced by `call`,
    which is given what is summed, and the axes of the sum, with w and with v among them."""

    def rule(node: Node, order: Sequence[str]) -> Node:
        if not (isinstance(node, Reduce) and node.op in ("sum", "count", "any", "all")):
            return node
        if len(node.axes) != 1:
            return node
        for condition in _conditions(node):
            before = relation(condition, node.axes[0])
            if before is None or program.ranges[before.v] != program.ranges[before.w]:
                continue
            x = _summed(node, condition, before)
            if before.v in axes_of(x):
                continue
            rows = (axes_of(x) | axes_of(before.key)) - {before.w} | {before.v}
            axes = tuple(a for a in order if a in rows)
            along = tuple(before.w if a == before.v else a for a in axes)
            found = call(x, before, along, axes)
            if found is not None:
                return _result(node.op, found)
        return node

    return in_steps_along(program, rule)


def dim_of(before: Before, axes: Axes) -> tuple[str, Node]:
    """The place of v among the axes, counted from the end, as an option."""
    return option("dim", axes.index(before.v) - len(axes))


def _conditions(node: Reduce) -> list[Node]:
    """What must hold of an entry that counts."""
    where = [] if node.where is None else conjuncts(node.where)
    return where + conjuncts(node.body) if node.op in ("count", "any") else where


def _summed(node: Reduce, condition: Node, before: Before) -> Node:
    """What is added up of the entries for which the condition holds: a number, or a truth that
    is counted. Where the condition guards it, it is guarded by whether it counts at all."""
    rest = [c for c in _conditions(node) if c != condition]
    body = node.body
    if node.where is not None:
        exclusive, _ = RELATIONS[before.op]
        reach = Map(before.op, (before.key, before.extreme), "bool")
        guards = [c for c in conjuncts(node.where) if c != condition]
        body = _guarded(body, node.where, [reach, *guards] if exclusive else guards)
    if node.op == "sum":
        return masked(body, rest)
    true = Num(Fraction(1), "bool")
    return masked(negation(body) if node.op == "all" else true, rest)


def _guarded(body: Node, guard: Node, conditions: list[Node]) -> Node:
    """The body with other conditions in place of a guard."""

    def rule(n: Node) -> Node:
        if not (isinstance(n, Where) and n.condition == guard):
            return n
        if not conditions:
            return n.then
        both = conditions[0] if len(conditions) == 1 else Map("and", tuple(conditions), "bool")
        return Where(both, n.then, n.otherwise, n.type)

    return bottom_up(body, rule)


def _result(op: str, found: Fused) -> Node:
    """A sum, or what the number of truths says."""
    if op in ("sum", "count"):
        return found
    return Map(">" if op == "any" else "==", (found, Num(Fraction(0), "int")), "bool")
