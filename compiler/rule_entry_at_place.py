"""The entry that has a given place in the order of a row."""

from __future__ import annotations

from collections.abc import Sequence

from .lower_expressions import lower_number
from .patterns import in_steps_along, option
from .program import Argument, Fused, Iota, Map, Node, Product, Program, Read, Reduce, Row, Size
from .typed import Module


def entry_at_place(program: Program) -> Program:
    """min[f if rank[f] z[f] == n] f = top[n] for n < k, the indices of the k largest z in their
    order: the inverse of a rank, of which k entries are found without sorting the row.
    """

    def rule(node: Node, order: Sequence[str]) -> Node:
        match node:
            case Reduce(
                op="min",
                axes=(f,),
                where=Map(
                    op="==", operands=(Read() as place, Iota(n)) | (Iota(n), Read() as place)
                ),
                body=Iota(body),
            ):
                pass
            case _:
                return node
        step = program.step(place.name)
        if step is None or step.loop is not None or f != body or n in place.axes:
            return node
        match step.body:
            case Row(op="rank", axis=axis, where=None, body=Read() as z):
                pass
            case _:
                return node
        if f not in place.axes or step.axes.index(axis) != place.axes.index(f):
            return node
        if not _fits(program.ranges[n], program.ranges[f], program.module):
            return node
        named = dict(zip(step.axes, place.axes, strict=True))
        operand = Read(z.name, tuple(named[a] for a in z.axes), z.type)
        axes = tuple(n if a == f else a for a in place.axes)
        options = (("k", program.ranges[n]), option("dim", axes.index(n) - len(axes)))
        return Fused("ops.top", (Argument("", place.axes, operand),), options, axes, "int", True)

    return in_steps_along(program, rule)


def _fits(k: Node, size: Node, module: Module) -> bool:
    """Whether a row has k entries at least: k is its size, or a factor of it."""
    if k == size:
        return True
    match size:
        case Size(name=name) if (value := module.sizes[name].value) is not None:
            return _fits(k, lower_number(module, value), module)
        case Product(factors=factors):
            sizes = all(op == "*" and isinstance(x, Size) for op, x in factors)
            return sizes and any(x == k for _, x in factors)
        case _:
            return False
