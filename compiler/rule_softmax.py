"""Softmax and sigmoid, where they are written out with exponentials."""

from __future__ import annotations

from dataclasses import replace

from .patterns import in_steps, is_one, is_zero, negated, unguard
from .program import Map, Node, Product, Program, Reduce, Row, Sum, Where, axes_of, rename


def softmax(program: Program) -> Program:
    """exp(s[u]) / (sum[v if c] exp(s[v])) = softmax[u if c] s[u]; 1 / (1 + exp(-x)) =
    sigmoid(x). The left sides overflow from about 88 in float32, the right sides never.
    """
    return in_steps(program, _rule)


def _rule(node: Node) -> Node:
    match node:
        case Where(condition=condition, then=Product() as product) if is_zero(node.otherwise):
            found = _fraction(product, condition)
            if found is None:
                return node
            return found if isinstance(found, Row) else replace(node, then=found)
        case Product():
            return _fraction(node, None) or node
        case _:
            return node


def _fraction(node: Product, condition: Node | None) -> Node | None:
    """The product with a softmax or sigmoid in place of a factor and a divisor."""
    for below, (op, divisor) in enumerate(node.factors):
        if op != "/":
            continue
        for above, (other, factor) in enumerate(node.factors):
            if other != "*":
                continue
            found = _softmax(factor, divisor, condition) or _logistic(factor, divisor)
            if found is None:
                continue
            kept = [f for i, f in enumerate(node.factors) if i not in (above, below)]
            kept = [f for f in kept if not (f[0] == "*" and is_one(f[1]))]
            return Product((("*", found), *kept), "real") if kept else found
    return None


def _softmax(factor: Node, divisor: Node, condition: Node | None) -> Node | None:
    """softmax of s where factor is exp(s), under the condition if there is one, and divisor
    the sum of it."""
    if condition is not None:
        divisor = unguard(divisor, condition)
    if not (isinstance(divisor, Reduce) and divisor.op == "sum" and len(divisor.axes) == 1):
        return None
    numerator = factor
    if condition is None and isinstance(factor, Where) and is_zero(factor.otherwise):
        condition, numerator = factor.condition, factor.then
    body = divisor.body if divisor.where is None else unguard(divisor.body, divisor.where)
    match numerator, body:
        case Map(op="exp", operands=(score,)), Map(op="exp", operands=(other,)):
            pass
        case _:
            return None
    bound = divisor.axes[0]
    for axis in sorted(axes_of(score) - axes_of(divisor)):
        where = None if divisor.where is None else rename(divisor.where, {bound: axis})
        if rename(other, {bound: axis}) == score and where == condition:
            return Row("softmax", axis, where, score, "real")
    return None


def _logistic(factor: Node, divisor: Node) -> Node | None:
    """factor / (1 + exp(y)): the factor times sigmoid(-y), or sigmoid(y) for exp(y)."""
    match divisor:
        case Sum(terms=((1, one), (1, Map(op="exp", operands=(y,))))) if is_one(one):
            pass
        case Sum(terms=((1, Map(op="exp", operands=(y,))), (1, one))) if is_one(one):
            pass
        case _:
            return None
    if factor == Map("exp", (y,), "real"):
        return Map("sigmoid", (y,), "real")
    logistic = Map("sigmoid", (negated(y),), "real")
    if is_one(factor):
        return logistic
    match factor:
        case Product():
            return replace(factor, factors=(*factor.factors, ("*", logistic)))
        case _:
            return Product((("*", factor), ("*", logistic)), "real")
