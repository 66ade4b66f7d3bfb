"""What may be infinite, what may be zero: cautious answers about values of a program.

Inputs and params are taken as finite. A named tensor is asked through `infinite`, the names
of those that may hold an infinity as a value of the equation; an unnamed exponential may
overflow the format though its equation is finite.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from fractions import Fraction
from typing import assert_never

from .program import (
    Call,
    Const,
    Contract,
    Counter,
    Extend,
    Fused,
    Gather,
    Iota,
    Map,
    Node,
    Num,
    Product,
    Read,
    Recall,
    Reduce,
    Row,
    Size,
    Step,
    Sum,
    Where,
)

BOUNDED = frozenset({"tanh", "sigmoid", "sin", "cos", "erf", "sign", "int", "real"})
POSITIVE = frozenset({"exp", "safe_exp", "softplus", "sigmoid"})


def infinite_names(steps: Iterable[Step]) -> set[str]:
    """The names of tensors that may hold an infinity."""
    found: set[str] = set()
    while True:
        more = {s.name for s in steps if s.name not in found and may_be_infinite(s.body, found)}
        if not more:
            return found
        found |= more


def may_be_infinite(node: Node, infinite: Set[str], top: bool = True) -> bool:
    """Whether a value may be ±inf. `top`: the node is a whole equation, whose value fits."""
    match node:
        case Num():
            return node.value == "inf"
        case Size() | Const() | Counter() | Iota():
            return False
        case Call():
            return node.infinite
        case Read() | Gather():
            return node.name in infinite
        case Map(op="exp" | "expm1" | "safe_exp"):
            return not top or may_be_infinite(node.operands[0], infinite, False)
        case Map(op="log" | "log1p" | "safe_log"):
            return not is_positive(node.operands[0])
        case Map(op="log_sigmoid" | "softplus" | "logaddexp"):
            return any(may_be_infinite(x, infinite, False) for x in node.operands)
        case Map():
            inside = any(may_be_infinite(x, infinite, False) for x in node.operands)
            return inside and node.op not in BOUNDED and node.type == "real"
        case Sum():
            return any(may_be_infinite(x, infinite, False) for _, x in node.terms)
        case Product():
            return any(may_be_infinite(x, infinite, False) for op, x in node.factors if op == "*")
        case Where():
            return any(may_be_infinite(x, infinite, False) for x in (node.then, node.otherwise))
        case Reduce(op="max" | "logsumexp" | "min") if node.where is not None:
            return True
        case Reduce():
            return node.type == "real" and may_be_infinite(node.body, infinite, False)
        case Row():
            return node.op == "log_softmax" and (
                node.where is not None or may_be_infinite(node.body, infinite, False)
            )
        case Fused(function="ops.prefix_sum" | "ops.sum_before" | "ops.sum_below"):
            return any(may_be_infinite(x.value, infinite, False) for x in node.operands)
        case Contract() | Fused():
            return False
        case Extend():
            return may_be_infinite(node.new, infinite, False)
        case Recall():
            return may_be_infinite(node.first, infinite, False)
        case _:
            assert_never(node)


def is_positive(node: Node) -> bool:
    """Whether a value is certainly above zero."""
    match node:
        case Num():
            return node.value == "pi" or (not isinstance(node.value, str) and node.value > 0)
        case Size():
            return True
        case Map():
            return node.op in POSITIVE or (
                node.op in ("real", "sqrt") and is_positive(node.operands[0])
            )
        case Sum():
            return all(sign > 0 and is_positive(x) for sign, x in node.terms) or (
                all(sign > 0 and _is_nonnegative(x) for sign, x in node.terms)
                and any(is_positive(x) for _, x in node.terms)
            )
        case Product():
            return all(is_positive(x) for _, x in node.factors)
        case Where():
            return is_positive(node.then) and is_positive(node.otherwise)
        case Reduce():
            return node.op in ("sum", "prod") and node.where is None and is_positive(node.body)
        case Row():
            return node.op == "softmax" and node.where is None
        case _:
            return False


def _is_nonnegative(node: Node) -> bool:
    match node:
        case Num():
            return isinstance(node.value, str) or node.value >= 0
        case Map(op="pow"):
            match node.operands[1]:
                case Num(value=Fraction() as power):
                    return power % 2 == 0
                case _:
                    return is_positive(node)
        case Map():
            return node.op in ("abs", "sqrt") or is_positive(node)
        case Reduce():
            return node.op in ("sum", "prod", "max") and _is_nonnegative(node.body)
        case Product():
            return all(_is_nonnegative(x) for _, x in node.factors)
        case Row():
            return node.op != "log_softmax"
        case Iota():
            return True
        case _:
            return is_positive(node)
