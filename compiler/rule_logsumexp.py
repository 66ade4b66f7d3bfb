"""The logarithm of a sum of exponentials."""

from __future__ import annotations

from .patterns import exponent, is_exponential, is_one, logarithms, unguard
from .program import Map, Node, Program, Reduce, Sum


def logsumexp(program: Program) -> Program:
    """log(sum[u if c] exp(s[u])) = logsumexp[u if c] s[u]; log(1 + exp(x)) = softplus(x);
    log(exp(x) + exp(y)) = logaddexp(x, y); log(exp(x)) = x. The left sides overflow from
    about 88 in float32, and lose everything when all exponentials underflow.
    """
    return logarithms(program, _stable)


def _stable(node: Node) -> Node | None:
    match node:
        case Reduce(op="sum"):
            body = node.body if node.where is None else unguard(node.body, node.where)
            if isinstance(body, Map) and body.op == "exp":
                return Reduce("logsumexp", node.axes, node.where, body.operands[0], "real")
            return None
        case Map(op="exp", operands=(x,)):
            return x
        case Sum() if len(node.terms) > 1:
            terms = [x for sign, x in node.terms if sign > 0 and is_exponential(x)]
            if len(terms) < len(node.terms) or all(is_one(x) for x in terms):
                return None
            if len(terms) == 2 and any(is_one(x) for x in terms):
                return Map("softplus", (exponent(next(x for x in terms if not is_one(x))),), "real")
            total = exponent(terms[0])
            for x in terms[1:]:
                total = Map("logaddexp", (total, exponent(x)), "real")
            return total
        case _:
            return None
