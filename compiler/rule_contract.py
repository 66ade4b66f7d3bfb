"""Sums of products, as contractions."""

from __future__ import annotations

from fractions import Fraction

from .patterns import in_steps, is_zero
from .program import (
    Contract,
    Node,
    Num,
    Product,
    Program,
    Reduce,
    Where,
    axes_of,
    is_number,
)
from .signs import infinite_names, may_be_infinite


def contract(program: Program) -> Program:
    """sum[k] c · a[i,k] · b[j,k] = c · (a contracted with b over k): what does not depend on
    the bound indices leaves the sum, and a sum of a product of tensors is never spelled out
    along all their axes at once. Sums with a factor that may be infinite stay as they are.
    """
    infinite = infinite_names(program.steps)
    return in_steps(program, lambda node: _rule(node, infinite))


def _rule(node: Node, infinite: set[str]) -> Node:
    if not (isinstance(node, Reduce) and node.op == "sum" and node.type == "real"):
        return node
    body, where = node.body, node.where
    if where is None and isinstance(body, Where) and is_zero(body.otherwise):
        where, body = body.condition, body.then
    if not isinstance(body, Product):
        return node
    axes, bound = node.axes, set(node.axes)
    outside: list[tuple[str, Node]] = []
    inside: list[Node] = []
    for op, factor in body.factors:
        if not axes_of(factor) & bound:
            outside.append((op, factor))
        elif op == "*" and not may_be_infinite(factor, infinite, top=False):
            inside.append(factor)
        else:
            return node
    if where is not None and not _mask(inside, where, bound):
        return node
    if len(inside) < 2:
        return node
    scalars = [(op, factor) for op, factor in outside if is_number(factor)]
    others = [(op, factor) for op, factor in outside if not is_number(factor)]
    if scalars:
        first = scalars if scalars[0][0] == "*" else [("*", inside[0]), *scalars]
        product = first if first is not scalars else [*scalars, ("*", inside[0])]
        inside[0] = Product(tuple(product), "real")
    result: Node = Contract(axes, tuple(inside))
    if not others:
        return result
    return Product((("*", result), *others), "real")


def _mask(factors: list[Node], where: Node, bound: set[str]) -> bool:
    """Put the condition into the factors: one would do for numbers, but what it excludes in the
    others may be NaN. One that lacks some of the bound indices is excluded where it is at all
    of them; one that lacks others of the condition's, where some exclude it alone, stays. False
    where no factor has all the indices of the condition."""
    axes = axes_of(where)
    if not any(axes <= axes_of(factor) for factor in factors):
        return False
    for i, factor in enumerate(factors):
        missing = axes - axes_of(factor)
        if missing < axes and missing <= bound:
            kept = Reduce("any", tuple(sorted(missing)), None, where, "bool") if missing else where
            factors[i] = Where(kept, factor, Num(Fraction(0), "real"), "real")
    return True
