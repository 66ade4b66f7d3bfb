"""A choice by the place along an axis, as two pieces put together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from fractions import Fraction

from . import typed as t
from .check_incremental import prover_of
from .patterns import unguard
from .program import (
    Argument,
    Call,
    Contract,
    Fused,
    Gather,
    Iota,
    Map,
    Node,
    Num,
    Product,
    Program,
    Read,
    Reduce,
    Row,
    Size,
    Slice,
    Step,
    Sum,
    Where,
    axes_of,
    bottom_up,
    walk,
)
from .ranges import Prover


def pieces(program: Program) -> Program:
    """y[k] = if k < P then a(k) else b(k) is a(0), …, a(P-1), b(P), …, b(K-1), and
    y[k] = if k % 2 == 0 then a(k) else b(k) is a(0), b(1), a(2), b(3), …: each branch is
    computed where it counts, from slices instead of gathered, clamped places.
    """
    split = _Split(program, prover_of(program.module))
    steps = tuple(split.step(step) for step in program.steps)
    return replace(program, steps=steps, ranges={**program.ranges, **split.ranges})


@dataclass(frozen=True, slots=True)
class _Part:
    """The places start + step · axis of an axis that is split."""

    axis: str
    start: Node
    step: int


@dataclass(slots=True)
class _Split:
    program: Program
    prover: Prover
    ranges: dict[str, Node] = field(default_factory=dict)

    def step(self, step: Step) -> Step:
        node = step.body
        if not isinstance(node, Where) or node.type != "real" or step.loop is not None:
            return step
        for axis in step.axes:
            found = self.parts(node.condition, axis, step)
            if found is None:
                continue
            function, parts = found
            rest = tuple(a for a in step.axes if a != axis)
            there = unguard(node.then, node.condition)
            elsewhere = unguard(node.otherwise, Map("not", (node.condition,), "bool"))
            first = self.within(there, axis, parts[0])
            second = self.within(elsewhere, axis, parts[1])
            if first is None or second is None:
                continue
            if not all(parts[0].axis in axes_of(x) for x in (first, second)):
                continue
            operands = tuple(Argument("", (*rest, parts[0].axis), x) for x in (first, second))
            body = Fused(function, operands, (), (*rest, axis), "real", native=False)
            return replace(step, body=body)
        return step

    def parts(
        self, condition: Node, axis: str, step: Step
    ) -> tuple[str, tuple[_Part, _Part]] | None:
        """The function that puts two parts of equal length together, and the parts: the halves,
        or the even and the odd places."""
        whole, zero = self.program.ranges[axis], _integer(0)
        half: Node
        second: Node
        match condition:
            case Map(op="<", operands=(Iota(axis=along), Size() as half)) if along == axis:
                doubled: Node = Sum(((1, half), (1, half)), "int")
                second, stride, function = half, 1, "ops.concatenate"
            case Map(op="==", operands=(Map(op="%", operands=(Iota(axis=along), by)), other)):
                half = Map("//", (whole, _integer(2)), "int")
                doubled = Product((("*", _integer(2)), ("*", half)), "int")
                second, stride, function = _integer(1), 2, "ops.interleave"
                if (along, by, other) != (axis, _integer(2), zero):
                    return None
            case _:
                return None
        if not self.equal(doubled, whole):
            return None
        name = self.name(half, step)
        return function, (_Part(name, zero, stride), _Part(name, second, stride))

    def name(self, half: Node, step: Step) -> str:
        """An axis of that length: an index of the module that the step does not use, or a new
        one."""
        used = {*step.axes}.union(*(axes_of(node) for node in walk(step.body)))
        for index, bound in self.program.module.indices.items():
            if isinstance(bound.range, t.SizeRef) and index not in used:
                size = Size(bound.range.name)
                if self.equal(size, half):
                    self.ranges[index] = size
                    return index
        name = f"half of {step.name}"
        self.ranges[name] = half
        return name

    def equal(self, a: Node, b: Node) -> bool:
        """Whether two lengths are the same, certainly."""
        left, right = self.typed(a), self.typed(b)
        return left is not None and right is not None and self.prover.equal(left, right)

    def typed(self, node: Node) -> t.Expr | None:
        """A length as an expression of the spec."""
        span = self.program.module.span
        match node:
            case Size():
                return t.SizeRef(span, node.name)
            case Num(value=Fraction() as value):
                return t.Number(span, value, "int")
            case Sum():
                terms = [(sign, self.typed(x)) for sign, x in node.terms]
                kept = tuple((sign, x) for sign, x in terms if x is not None)
                return t.Add(span, kept, "int") if len(kept) == len(terms) else None
            case Product(factors=(("*", a), ("*", b))):
                left, right = self.typed(a), self.typed(b)
                if left is None or right is None:
                    return None
                return t.Mul(span, (("*", left), ("*", right)), "int")
            case Map(op="//", operands=(a, b)):
                left, right = self.typed(a), self.typed(b)
                return None if left is None or right is None else t.IntDiv(span, "//", left, right)
            case _:
                return None

    def within(self, node: Node, axis: str, part: _Part) -> Node | None:
        """A branch at the places of a part; None where a place does not become a slice. No other
        guard stands in it, so that the places that it reads exist at all of its part."""
        if any(isinstance(n, Where | Call | Fused | Reduce | Row | Contract) for n in walk(node)):
            return None

        def rule(n: Node) -> Node:
            match n:
                case Read() if axis in n.axes:
                    whole = tuple(Slice(a, _integer(0), 1) for a in n.axes)
                    dims = tuple(self.program.ranges[a] for a in n.axes)
                    return rule(Gather(n.name, whole, dims, False, n.type))
                case Gather():
                    places = tuple(
                        self.place(s, dim, axis, part)
                        for s, dim in zip(n.subscripts, n.dims, strict=True)
                    )
                    found = replace(n, subscripts=places, clamp=n.clamp and places == n.subscripts)
                    return self.whole(found)
                case _:
                    return n

        changed = bottom_up(node, rule)
        return None if axis in axes_of(changed) else changed

    def place(self, place: Slice | Node, dim: Node, axis: str, part: _Part) -> Slice | Node:
        """A subscript at the places of a part: a slice along its axis, where it is one."""
        if isinstance(place, Slice):
            if place.axis != axis:
                return place
            along: Node = Product((("*", _integer(place.step)), ("*", Iota(axis))), "int")
            place = Sum(((1, place.start), (1, along)), "int")
        if axis not in axes_of(place):
            return place
        terms = _linear(place, axis, part)
        if terms is None:
            return place
        stride = terms.pop(Iota(part.axis), 0)
        if stride < 1 or any(axes_of(term) for term in terms):
            return place
        start, count = _total(terms), self.ranges[part.axis]
        ahead = Product((("*", _integer(stride)), ("*", count)), "int")
        ends = [Sum(((1, start), (1, ahead), (-1, _integer(n))), "int") for n in range(stride)]
        return Slice(part.axis, start, stride, last=any(self.equal(end, dim) for end in ends))

    def whole(self, node: Gather) -> Node:
        """A tensor read along its whole dimensions as just that."""
        axes = []
        for place, dim in zip(node.subscripts, node.dims, strict=True):
            if not isinstance(place, Slice) or place.step > 1 or place.start != _integer(0):
                return node
            ranges = {**self.program.ranges, **self.ranges}
            if not place.last and ranges[place.axis] != dim:
                return node
            axes.append(place.axis)
        return Read(node.name, tuple(axes), node.type)


def _integer(value: int) -> Num:
    return Num(Fraction(value), "int")


def _linear(node: Node, axis: str, part: _Part) -> Counter[Node] | None:
    """An integer as a sum of multiples, the axis replaced by its part; None where it is none."""
    match node:
        case Num(value=Fraction() as value):
            return Counter({ONE: int(value)})
        case Iota() if node.axis == axis:
            start = _linear(part.start, axis, part)
            return None if start is None else _plus(start, Counter({Iota(part.axis): part.step}), 1)
        case Size() | Iota():
            return Counter({node: 1})
        case Sum():
            total: Counter[Node] = Counter()
            for sign, term in node.terms:
                more = _linear(term, axis, part)
                if more is None:
                    return None
                total = _plus(total, more, sign)
            return total
        case Product(factors=(("*", Num(value=Fraction() as value)), ("*", inner))):
            found = _linear(inner, axis, part)
            return None if found is None else _plus(Counter(), found, int(value))
        case Map(op="//", operands=(inner, Num(value=Fraction() as value))):
            found = _linear(inner, axis, part)
            if found is None or any(n % value for x, n in found.items() if x != ONE):
                return None
            return Counter({x: n // int(value) for x, n in found.items()})
        case _:
            return None


def _plus(a: Counter[Node], b: Counter[Node], times: int) -> Counter[Node]:
    total = Counter(a)
    for term, count in b.items():
        total[term] += times * count
    return Counter({term: count for term, count in total.items() if count})


def _total(terms: Counter[Node]) -> Node:
    """A sum of multiples as an expression."""
    parts: list[tuple[int, Node]] = []
    for term, count in terms.items():
        if term == ONE:
            parts.append((1, _integer(count)))
        elif abs(count) == 1:
            parts.append((count, term))
        else:
            parts.append((1, Product((("*", _integer(count)), ("*", term)), "int")))
    if len(parts) == 1 and parts[0][0] == 1:
        return parts[0][1]
    return Sum(tuple(parts), "int") if parts else _integer(0)


ONE = _integer(1)
