"""In which format of numbers an equation is computed, and what it gives is kept."""

from __future__ import annotations

import collections
from collections.abc import Iterator

from .patterns import is_plain
from .program import (
    Contract,
    Fused,
    Gather,
    Node,
    Product,
    Program,
    Read,
    Recall,
    Sum,
    Where,
    is_number,
    walk,
)

PRODUCTS = ("torch.nn.functional.linear", "ops.linear", "ops.attention")
"""Functions whose operands autocast rounds, besides contractions."""


def is_native(body: Node) -> bool:
    """Whether an equation is computed in the tensors' own format: a contraction, which
    accumulates in a wider one anyway, a single operation, or a mere rearrangement."""
    match body:
        case Contract():
            return all(is_plain(factor) or _is_scaled(factor) for factor in body.factors)
        case Fused():
            return body.native
        case Recall():
            first = body.first
            return body.type != "real" or (is_native(first) and not is_number(first))
        case Sum():
            return len(body.terms) <= 2 and all(is_plain(x) for _, x in body.terms)
        case Product():
            return len(body.factors) <= 2 and all(is_plain(x) for _, x in body.factors)
        case Where():
            branches = (body.then, body.otherwise)
            if is_number(body.condition) and any(is_number(x) for x in branches):
                return body.type != "real"
            return body.type != "real" or all(is_plain(x) for x in branches)
        case _:
            return is_plain(body)


def _is_scaled(node: Node) -> bool:
    return (
        isinstance(node, Product)
        and all(is_plain(x) for _, x in node.factors)
        and (sum(not is_number(x) for _, x in node.factors) <= 1)
    )


def factors_alone(program: Program) -> frozenset[str]:
    """The tensors that are read as factors of products and nowhere else: autocast would round
    them there, so that nothing is lost where they are rounded once, when they are made."""
    made = {s.name for s in program.steps if not s.output and s.at is None}
    return frozenset(made & _read_by_products(program).keys())


def shared_factors(program: Program) -> tuple[str, ...]:
    """The inputs that several products read and nothing else: autocast would round them, and
    keep them for the gradient, once for each."""
    counts = _read_by_products(program)
    return tuple(name for name in program.module.inputs if counts.get(name, 0) > 1)


def _read_by_products(program: Program) -> dict[str, int]:
    """How often each tensor is read that products alone read, as a factor as it is."""
    reads: collections.Counter[str] = collections.Counter()
    factors: collections.Counter[str] = collections.Counter()
    for step in program.steps:
        reads.update(n.name for n in walk(step.body) if isinstance(n, Read | Gather))
        if is_native(step.body):
            factors.update(n.name for n in _factors(step.body))
    return {name: count for name, count in factors.items() if count == reads[name]}


def _factors(body: Node) -> Iterator[Read]:
    """The tensors that a product of at least two reads as they are."""
    match body:
        case Contract(factors=factors) if len(factors) > 1:
            yield from (x for x in factors if isinstance(x, Read))
        case Fused(function=function, operands=operands) if function in PRODUCTS:
            yield from (x.value for x in operands if isinstance(x.value, Read))
