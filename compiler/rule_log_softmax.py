"""The logarithm of a softmax."""

from __future__ import annotations

from .patterns import logarithms
from .program import Node, Program, Row


def log_softmax(program: Program) -> Program:
    """log(softmax[u if c] s[u]) = log_softmax[u if c] s[u]. On the left a probability that
    underflows becomes log(0): from a score of about -104 below the largest in float32.
    """
    return logarithms(program, _stable)


def _stable(node: Node) -> Node | None:
    if isinstance(node, Row) and node.op == "softmax":
        return Row("log_softmax", node.axis, node.where, node.body, "real")
    return None
