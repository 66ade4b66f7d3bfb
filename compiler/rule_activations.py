"""Activations that the runtime has as one function."""

from __future__ import annotations

from fractions import Fraction

from .patterns import in_steps
from .program import Map, Node, Num, Product, Program, Sum


def activations(program: Program) -> Program:
    """x · sigmoid(x) = silu(x); x · (1 + erf(x / √2)) / 2 = gelu(x); and with
    tanh(√(2/π) · (x + 0.044715 x³)) in place of erf its approximation: one pass over memory
    forwards and one backwards, where the right sides take a dozen.
    """
    return in_steps(program, _rule)


def _rule(node: Node) -> Node:
    if not isinstance(node, Product):
        return node
    for i, (op, x) in enumerate(node.factors):
        for j, (other, factor) in enumerate(node.factors):
            if op == other == "*" and i != j:
                found = _silu(x, factor) or _gelu(x, factor, node)
                if found is not None:
                    kept = [f for k, f in enumerate(node.factors) if k not in (i, j)]
                    if found.op != "silu":
                        kept.remove(_half(node))
                    return Product((("*", found), *kept), "real") if kept else found
    return node


def _silu(x: Node, factor: Node) -> Map | None:
    return Map("silu", (x,), "real") if factor == Map("sigmoid", (x,), "real") else None


def _gelu(x: Node, factor: Node, product: Product) -> Map | None:
    """Where the product is halved."""
    match factor:
        case Sum(terms=((1, one), (1, Map(operands=(inside,)) as function))) if _is(1, one):
            pass
        case _:
            return None
    if not any(op == "/" and _is(2, by) for op, by in product.factors):
        return None
    if function.op == "erf" and _is_over_root_two(inside, x):
        return Map("gelu", (x,), "real")
    if function.op == "tanh" and _is_cubic(inside, x):
        return Map("gelu_tanh", (x,), "real")
    return None


def _half(product: Product) -> tuple[str, Node]:
    return next((op, by) for op, by in product.factors if op == "/" and _is(2, by))


def _is(value: Fraction | int | str, node: Node) -> bool:
    return isinstance(node, Num) and node.value == value


def _is_over_root_two(node: Node, x: Node) -> bool:
    match node:
        case Product(factors=(("*", inside), ("/", Map(op="sqrt", operands=(two,))))):
            return inside == x and _is(2, two)
        case _:
            return False


def _is_cubic(node: Node, x: Node) -> bool:
    """Whether it is √(2/π) · (x + 0.044715 x³)."""
    match node:
        case Product(
            factors=(
                ("*", Map(op="sqrt", operands=(Product(factors=(("*", two), ("/", pi))),))),
                ("*", Sum(terms=((1, first), (1, Product(factors=(("*", c), ("*", cube))))))),
            )
        ):
            third = Map("pow", (x, Num(Fraction(3), "int")), "real")
            return (
                (first, cube) == (x, third)
                and _is(2, two)
                and _is("pi", pi)
                and _is(Fraction(44715, 10**6), c)
            )
        case _:
            return False
