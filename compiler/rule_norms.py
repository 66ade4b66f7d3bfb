"""Normalisation of the last axis, as the runtime has it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from .patterns import is_plain
from .program import (
    Argument,
    Fused,
    Map,
    Node,
    Num,
    Product,
    Program,
    Read,
    Reduce,
    Step,
    Sum,
    axes_of,
    is_number,
    rename,
)
from .source import Span


def norms(program: Program) -> Program:
    """g[d] · x[d] / sqrt(mean[e] x[e]² + eps) = rms_norm(x, g)[d], and with x - mean[e] x[e] in
    place of x, plus c[d], layer_norm(x, g, c)[d]: the sums are formed in one pass, and the
    gradient in another. Without c[d], beside which it is nothing, what torch's layer_norm loses
    of entries close to the mean would show, and the equation stays as it is.
    """
    steps = tuple(_Norm(program, step).fused() for step in program.steps)
    return replace(program, steps=steps)


@dataclass(slots=True)
class _Norm:
    program: Program
    at: Step
    spans: tuple[Span, ...] = ()

    def fused(self) -> Step:
        """The step as a norm, where it is one along its last axis."""
        body, axes = self.at.body, self.at.axes
        if self.at.loop is not None or not axes:
            return self.at
        product, shift = _shifted(body, axes[-1])
        if not isinstance(product, Product):
            return self.at
        divisors = [x for op, x in product.factors if op == "/"]
        factors = [x for op, x in product.factors if op == "*"]
        if len(divisors) != 1 or not 1 <= len(factors) <= 2:
            return self.at
        for i, x in enumerate(factors):
            gain = [factor for j, factor in enumerate(factors) if j != i]
            if all(axes_of(factor) == {axes[-1]} for factor in gain):
                node = self.norm(x, divisors[0], gain, shift)
                if node is not None:
                    return replace(self.at, body=node, spans=(*self.spans, *self.at.spans))
        return self.at

    def norm(self, x: Node, divisor: Node, gain: list[Node], shift: list[Node]) -> Fused | None:
        """x over the root of the mean of its squares."""
        axes, last = self.at.axes, self.at.axes[-1]
        match divisor:
            case Map(op="sqrt", operands=(Sum(terms=((1, square), (1, eps))),)):
                pass
            case _:
                return None
        if not is_number(eps) or axes_of(x) != frozenset(axes):
            return None
        if not self.is_mean(square, Map("pow", (x, Num(Fraction(2), "int")), "real")):
            return None
        function = "ops.rms_norm"
        match x:
            case Sum(terms=((1, inside), (-1, mean))) if self.is_mean(mean, inside):
                function, x = "ops.layer_norm", inside
        if bool(shift) != (function == "ops.layer_norm"):
            return None
        operands = (
            Argument("", axes, x),
            *(Argument("gain", (last,), value) for value in gain),
            *(Argument("shift", (last,), value) for value in shift),
        )
        native = function == "ops.rms_norm" and all(is_plain(x.value) for x in operands)
        return Fused(function, operands, (("eps", eps),), axes, "real", native)

    def is_mean(self, node: Node, body: Node) -> bool:
        """Whether it is the mean of the body along the last axis."""
        if isinstance(node, Read):
            step = self.program.step(node.name)
            if step is None or step.axes != node.axes or step.loop is not None:
                return False
            if not step.output:
                self.spans = tuple(dict.fromkeys((*step.spans, *self.spans)))
            node = step.body
        if not (isinstance(node, Reduce) and node.op == "mean" and node.where is None):
            return False
        return len(node.axes) == 1 and rename(node.body, {node.axes[0]: self.at.axes[-1]}) == body


def _shifted(body: Node, last: str) -> tuple[Node, list[Node]]:
    """A product, and what is added to it along the last axis."""
    match body:
        case Sum(terms=((1, Product() as product), (1, shift))) if axes_of(shift) == {last}:
            return product, [shift]
        case _:
            return body, []
