"""The logarithm of a sigmoid."""

from __future__ import annotations

from .patterns import is_one, logarithms, negated
from .program import Map, Node, Program, Sum


def log_sigmoid(program: Program) -> Program:
    """log(sigmoid(x)) = log_sigmoid(x), log(1 - sigmoid(x)) = log_sigmoid(-x). The left sides
    become log(0) below x = -104 (above 17) in float32.
    """
    return logarithms(program, _stable)


def _stable(node: Node) -> Node | None:
    match node:
        case Map(op="sigmoid", operands=(x,)):
            return Map("log_sigmoid", (x,), "real")
        case Sum(terms=((1, one), (-1, Map(op="sigmoid", operands=(x,))))) if is_one(one):
            return Map("log_sigmoid", (negated(x),), "real")
        case _:
            return None
