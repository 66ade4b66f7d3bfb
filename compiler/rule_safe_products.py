"""Products that may meet 0 · ∞."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace

from .program import Map, Node, Product, Program, Sum, bottom_up, is_number
from .signs import infinite_names, is_positive, may_be_infinite


def safe_products(program: Program) -> Program:
    """0 · ∞ = 0, in the value and in the gradient: a product with a factor that may be
    infinite counts as nothing where another is zero, and a logarithm of zero or an
    exponential that overflows passes no gradient on. Plain arithmetic gives NaN there.
    """
    infinite = infinite_names(program.steps)
    steps = []
    for step in program.steps:
        rule = functools.partial(_rule, infinite=infinite, whole=step.body)
        steps.append(replace(step, body=bottom_up(step.body, rule)))
    return replace(program, steps=tuple(steps))


def _rule(node: Node, infinite: set[str], whole: Node) -> Node:
    match node:
        case Product():
            above = [x for op, x in node.factors if op == "*"]
            below = [x for op, x in node.factors if op == "/"]
            unbounded = [may_be_infinite(x, infinite, top=False) for x in above + below]
            if len(node.factors) < 2 or not any(unbounded):
                return node
            if is_number(node) and not _may_vanish(above, unbounded):
                return node
            return replace(node, safe=True)
        case _ if is_number(node):
            return node
        case Map(op="log", operands=(x,)) if not is_positive(x):
            return Map("safe_log", (x,), "real")
        case Map(op="sqrt", operands=(x,)) if _may_be_zero(x):
            return Map("safe_sqrt", (x,), "real")
        case Map(op="exp") if node != whole:
            return Map("safe_exp", node.operands, "real")
        case _:
            return node


def _may_vanish(factors: list[Node], unbounded: list[bool]) -> bool:
    """Whether a factor may be zero where another is infinite."""
    positive = [is_positive(x) for x in factors]
    pairs = itertools.permutations(range(len(factors)), 2)
    return any(unbounded[i] and not positive[j] for i, j in pairs)


def _may_be_zero(node: Node) -> bool:
    """Whether a radicand may be zero where that is not ruled out by a constant added to it."""
    if is_positive(node):
        return False
    return not (isinstance(node, Sum) and any(is_number(x) for _, x in node.terms))
