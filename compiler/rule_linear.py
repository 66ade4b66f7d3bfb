"""Linear maps by params, with or without a bias."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

from .patterns import in_steps
from .program import Argument, Contract, Fused, Node, Num, Program, Read, Sum

LINEAR = "torch.nn.functional.linear"


def linear(program: Program) -> Program:
    """sum[d] W[f,d] · x[…,d] + c[f] = linear(x, W, c)[…,f]: the product begins at the bias,
    which is no second pass over it; a whole equation keeps 16-bit formats as they are. Without
    a bias it is one matrix product too, where einsum makes a batch of one of it, which is slower
    under autocast, and compiled for a single row. W may have more axes on either side.
    """
    return in_steps(program, partial(_linear, program))


def _linear(program: Program, node: Node) -> Node:
    match node:
        case Contract(axes=axes, factors=(Read() as a, Read() as b)):
            return _product(program, axes, a, b) or _product(program, axes, b, a) or node
        case Sum(terms=((1, Fused(function="torch.nn.functional.linear") as map), (1, bias))):
            x, weight, *more = map.operands
            if isinstance(bias, Read) and bias.axes == weight.axes[:-1] and not more:
                return Fused(
                    LINEAR, (x, weight, Argument("", bias.axes, bias)), (), map.axes, "real", True
                )
    return node


def _product(program: Program, axes: tuple[str, ...], weight: Read, x: Read) -> Fused | None:
    """The product of a param with a tensor, summed over the last axes of the param, of whose
    others the tensor has none."""
    outer, inner = weight.axes[: -len(axes)], weight.axes[-len(axes) :]
    rows = tuple(axis for axis in x.axes if axis not in inner)
    if weight.name not in program.module.params or {*inner} != {*axes} or not {*axes} <= {*x.axes}:
        return None
    if not outer or not rows or {*outer} & {*rows}:
        return None
    operands = (Argument("", (*rows, *inner), x), Argument("", weight.axes, weight))
    if len(outer) == len(inner) == 1:
        return Fused(LINEAR, operands, (), (*rows, *outer), "real", True)
    options = () if len(inner) == 1 else (("inner", Num(Fraction(len(inner)), "int")),)
    return Fused("ops.linear", operands, options, (*rows, *outer), "real", True)
