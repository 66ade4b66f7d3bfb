"""Scores, a softmax and a weighted sum, as one attention."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction

from . import typed as t
from .program import (
    Argument,
    Contract,
    Extend,
    Fused,
    Gather,
    Iota,
    Map,
    Node,
    Num,
    Product,
    Program,
    Read,
    Row,
    Size,
    Slice,
    Step,
    Sum,
    axes_of,
    is_number,
    rename,
    walk,
)
from .signs import infinite_names, may_be_infinite
from .source import Span


def attention(program: Program) -> Program:
    """sum[u] (softmax[u if c] n · sum[k] q[t,k] · r[u,k] + d[t,u]) · v[u,i] =
    attention(q, r, v)[t,i], where nothing else reads scores or weights: neither is spelled out
    along t and u, forwards or backwards. A program that is fed a few positions in time stays as
    it is: with few queries the plain form is as fast, and reads the cache once.
    """
    if any(isinstance(node, Extend) for step in program.steps for node in walk(step.body)):
        return program
    parts = _Parts(program)
    steps = tuple(parts.fused(step) for step in program.steps)
    return replace(program, steps=steps, ranges={**program.ranges, **parts.ranges})


@dataclass(frozen=True, slots=True)
class _Factors:
    """The scores of queries against keys: their vectors along `inner`, what multiplies them, and
    what is added to them."""

    query: Node
    key: Node
    inner: str
    scale: tuple[tuple[str, Node], ...]
    bias: Node | None


class _Parts:
    """A program whose tensors can be looked up where only one place reads them."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.ranges: dict[str, Node] = {}
        self.infinite = infinite_names(program.steps)
        self.uses = Counter(name for step in program.steps for name in _mentions(step))

    def fused(self, step: Step) -> Step:
        """The step as an attention, where it is one."""
        body = step.body
        if step.loop is not None or not isinstance(body, Contract) or len(body.factors) != 2:
            return step
        if len(body.axes) != 1:
            return step
        for weights, values in (body.factors, body.factors[::-1]):
            row, above = self.definition(weights)
            if not (isinstance(row, Row) and row.op == "softmax" and row.axis == body.axes[0]):
                continue
            scores, further = self.definition(row.body)
            factors = _factors(scores, row.axis)
            if factors is None:
                continue
            node = self.node(step, row, factors, values)
            if node is not None:
                return replace(step, body=node, spans=(*further, *above, *step.spans))
        return step

    def definition(self, node: Node) -> tuple[Node, tuple[Span, ...]]:
        """What a tensor is that is read here alone, and the equations that say so."""
        if not isinstance(node, Read) or self.uses[node.name] != 1:
            return node, ()
        step = self.program.step(node.name)
        if step is None or step.output or step.loop is not None:
            return node, ()
        bound = {axis for n in walk(step.body) for axis in getattr(n, "axes", ())} - {*step.axes}
        if bound & ({*node.axes} - {*step.axes}):
            return node, ()
        return rename(step.body, dict(zip(step.axes, node.axes, strict=True))), step.spans

    def node(self, step: Step, row: Row, factors: _Factors, values: Node) -> Fused | None:
        """The attention, where every operand varies along the axes that it may."""
        keys, inner = row.axis, factors.inner
        q, r, v = axes_of(factors.query), axes_of(factors.key), axes_of(values)
        mask = frozenset[str]() if row.where is None else axes_of(row.where)
        if not (inner in q and inner in r and keys in r and keys in v and keys not in q):
            return None
        batch_and_query = [axis for axis in step.axes if axis in q - {inner}]
        queries = [axis for axis in batch_and_query if axis not in r | v][-1:]
        features = [axis for axis in step.axes if axis in v and axis not in (q | r) - {inner}]
        if len(queries) != 1 or len(features) != 1:
            return None
        batch = tuple(axis for axis in step.axes if axis not in (queries[0], features[0]))
        if not mask <= {*batch, queries[0], keys} or features[0] in mask:
            return None
        if not (q - {inner} <= {*batch, queries[0]} and r - {inner} <= {*batch, keys}):
            return None
        if not v - {features[0]} <= {*batch, keys} or keys in step.axes:
            return None
        vectors = (factors.query, factors.key, values)
        if any(may_be_infinite(x, self.infinite) for x in vectors):
            return None
        bias = factors.bias
        if bias is not None and not axes_of(bias) <= {*batch, queries[0], keys}:
            return None
        heads, key, value = batch, factors.key, values
        options: list[tuple[str, Node]] = [("scale", _product(factors.scale))]
        if batch and batch[-1] in r & v:
            grouped = [self.by_group(node, batch[-1]) for node in (key, value)]
            if grouped[0] is not None and grouped[1] is not None:
                key, value = grouped[0], grouped[1]
                heads = (*batch[:-1], self.group(batch[-1]))
                options.append(("grouped", Num(Fraction(1), "bool")))
        operands = [
            ("", (*batch, queries[0], inner), factors.query),
            ("", (*heads, keys, inner), key),
            ("", (*heads, keys, features[0]), value),
        ]
        if row.where is not None:
            causal = row.where == Map("<=", (Iota(keys), Iota(queries[0])), "bool")
            if causal and bias is None:
                options.append(("causal", Num(Fraction(1), "bool")))
            else:
                operands.append(("where", (*batch, queries[0], keys), row.where))
        if bias is not None:
            operands.append(("bias", (*batch, queries[0], keys), bias))
        return Fused(
            "ops.attention",
            tuple(Argument(name, axes, value) for name, axes, value in operands),
            tuple(options),
            (*batch, queries[0], features[0]),
            "real",
            native=True,
        )

    def group(self, head: str) -> str:
        """The name of the axis of key-value heads."""
        return f"{head} // group"

    def by_group(self, node: Node, head: str) -> Node | None:
        """What query heads read at head // M, as it is along its own heads; M is their number
        over that of these, and so divides it: the spec proves that the place exists."""
        if not isinstance(node, Gather) or node.clamp:
            return None
        places = [i for i, s in enumerate(node.subscripts) if not isinstance(s, Slice)]
        if len(places) != 1:
            return None
        (place,) = places
        match node.subscripts[place], node.dims[place]:
            case Map(op="//", operands=(Iota(axis=axis), Size(name=size))), Size(name=groups):
                pass
            case _:
                return None
        if axis != head or not self.is_ratio(size, self.program.ranges[head], groups):
            return None
        axes = []
        for i, (subscript, dim) in enumerate(zip(node.subscripts, node.dims, strict=True)):
            if i == place:
                axes.append(self.group(head))
                self.ranges[self.group(head)] = dim
            elif _is_whole(subscript, dim, self.program):
                assert isinstance(subscript, Slice)
                axes.append(subscript.axis)
            else:
                return None
        return Read(node.name, tuple(axes), node.type)

    def is_ratio(self, size: str, whole: Node, groups: str) -> bool:
        """Whether a size is defined as whole // groups."""
        match self.program.module.sizes[size].value:
            case t.IntDiv(operator="//", left=t.SizeRef(name=left), right=t.SizeRef(name=right)):
                return whole == Size(left) and right == groups
            case _:
                return False


def _mentions(step: Step) -> list[str]:
    return [node.name for node in walk(step.body) if isinstance(node, Read | Gather)]


def _is_whole(subscript: Slice | Node, dim: Node, program: Program) -> bool:
    """Whether a subscript runs along the whole of a dimension."""
    return (
        isinstance(subscript, Slice)
        and subscript.step == 1
        and subscript.start == Num(Fraction(0), "int")
        and program.ranges[subscript.axis] == dim
    )


def _factors(scores: Node, keys: str) -> _Factors | None:
    """Scores as a contraction of queries with keys, times a number, plus a bias."""
    scale: list[tuple[str, Node]] = []
    bias: Node | None = None
    if isinstance(scores, Sum) and len(scores.terms) > 1:
        products = [i for i, (sign, x) in enumerate(scores.terms) if sign > 0 and _is_product(x)]
        if len(products) != 1:
            return None
        rest = tuple(term for i, term in enumerate(scores.terms) if i != products[0])
        bias = rest[0][1] if len(rest) == 1 and rest[0][0] > 0 else Sum(rest, "real")
        scores = scores.terms[products[0]][1]
    if isinstance(scores, Sum) and len(scores.terms) == 1:
        ((sign, scores),) = scores.terms
        scale.append(("*", Num(Fraction(sign), "real")))
    if isinstance(scores, Product):
        numbers = [(op, x) for op, x in scores.factors if is_number(x)]
        others = [x for op, x in scores.factors if not is_number(x) and op == "*"]
        if len(others) != 1 or len(numbers) + 1 < len(scores.factors):
            return None
        scale, scores = scale + numbers, others[0]
    if not isinstance(scores, Contract) or len(scores.axes) != 1 or len(scores.factors) != 2:
        return None
    sides = []
    for factor in scores.factors:
        if isinstance(factor, Product):
            plain = [x for op, x in factor.factors if op == "*" and not is_number(x)]
            numbers = [(op, x) for op, x in factor.factors if is_number(x)]
            if len(plain) == 1 and len(numbers) + 1 == len(factor.factors):
                scale += numbers
                factor = plain[0]
        sides.append(factor)
    query, key = sides if keys in axes_of(sides[1]) else sides[::-1]
    return _Factors(query, key, scores.axes[0], tuple(scale), bias)


def _is_product(node: Node) -> bool:
    """Whether it is a contraction, or one times something."""
    factors = [x for _, x in node.factors] if isinstance(node, Product) else [node]
    return any(isinstance(x, Contract) for x in factors)


def _product(scale: tuple[tuple[str, Node], ...]) -> Node:
    """A number as one product; 1 without factors."""
    if not scale or scale[0][0] == "/":
        scale = (("*", Num(Fraction(1), "real")), *scale)
    return scale[0][1] if len(scale) == 1 else Product(scale, "real")
