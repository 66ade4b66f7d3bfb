"""Linear maps with a bias."""

from __future__ import annotations

from .patterns import in_steps
from .program import Argument, Contract, Fused, Node, Program, Read, Sum


def linear(program: Program) -> Program:
    """sum[d] W[f,d] · x[…,d] + c[f] = linear(x, W, c)[…,f]: the product begins at the bias,
    which is no second pass over it; a whole equation keeps 16-bit formats as they are.
    """
    return in_steps(program, _linear)


def _linear(node: Node) -> Node:
    match node:
        case Sum(
            terms=((1, Contract(axes=(inner,), factors=(Read(), Read()) as factors)), (1, bias))
        ):
            pass
        case _:
            return node
    if not isinstance(bias, Read):
        return node
    for weight, x in (factors, factors[::-1]):
        assert isinstance(weight, Read) and isinstance(x, Read)
        rows = tuple(axis for axis in x.axes if axis != inner)
        if weight.axes != (*bias.axes, inner) or len(bias.axes) != 1 or not rows:
            continue
        if bias.axes[0] in rows:
            continue
        operands = (
            Argument("", (*rows, inner), x),
            Argument("", weight.axes, weight),
            Argument("", bias.axes, bias),
        )
        axes = (*rows, *bias.axes)
        return Fused("torch.nn.functional.linear", operands, (), axes, "real", native=True)
    return node
