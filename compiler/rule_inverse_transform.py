"""Draws by inverse transform, whose range rounding may empty."""

from __future__ import annotations

from .patterns import in_steps
from .program import Iota, Map, Node, Program, Reduce, axes_of


def inverse_transform(program: Program) -> Program:
    """min[v if g < c[v]] v = the first v at which g < c[v]; where rounding alone leaves none,
    the first at which c is largest. A cumulated law c may end below 1 and a draw g above it:
    the index is then the last one of positive probability, not one outside the range.
    """
    return in_steps(program, _rule)


def _rule(node: Node) -> Node:
    if not (isinstance(node, Reduce) and node.op == "min" and len(node.axes) == 1):
        return node
    if node.body != Iota(node.axes[0]):
        return node
    match node.where:
        case Map(op="<" | "<=", operands=(draw, level)):
            pass
        case Map(op=">" | ">=", operands=(level, draw)):
            pass
        case _:
            return node
    if node.axes[0] in axes_of(draw) or node.axes[0] not in axes_of(level):
        return node
    return Reduce("first", node.axes, node.where, level, "int")
