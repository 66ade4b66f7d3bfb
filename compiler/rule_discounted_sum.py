"""Discounted sums, written out or by recursion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from .lower_expressions import slice_of
from .patterns import in_steps_along, option
from .program import (
    Argument,
    Const,
    Counter,
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
    Size,
    Slice,
    Step,
    Sum,
    axes_of,
    bottom_up,
    is_number,
    reads,
    walk,
)
from .required import at_least, at_most
from .signs import infinite_names, may_be_infinite
from .typed import Module

ZERO, ONE = Num(Fraction(0), "int"), Num(Fraction(1), "int")


def discounted_sum(program: Program) -> Program:
    """sum[u if u >= t] c^(u - t) · x[u] = y[t], where y[t] = x[t] + c · y[t + 1], and that is
    y[t] = sum[u if t <= u < t + 2^n] c^(u - t) · x[u] for n = log T, each of which is the one
    before it, at t, plus c^(2^(n - 1)) times itself at t + 2^(n - 1): n steps in place of T
    steps, or of T² products. For 0 <= c <= 1, whose powers fit; and likewise forwards.
    """
    infinite = infinite_names(program.steps)
    if program.module.incremental is None:
        for name in tuple(program.sequences):
            program = _recursion(program, name, infinite)
    return in_steps_along(program, lambda node, order: _sum(node, order, program, infinite))


def _sum(node: Node, order: Sequence[str], program: Program, infinite: set[str]) -> Node:
    """The sum that is written out."""
    match node:
        case Reduce(
            op="sum",
            axes=(u,),
            where=Map(op=">=" | "<=" as op, operands=(Iota(first), Iota(t))),
            body=Product(factors=(("*", Map(op="pow", operands=(rate, power))), ("*", x))),
        ):
            pass
        case _:
            return node
    later, earlier = (u, t) if op == ">=" else (t, u)
    difference = Sum(((1, Iota(later)), (-1, Iota(earlier))), "int")
    if first != u or power != Map("real", (difference,), "real") or t in axes_of(x):
        return node
    if u not in axes_of(x) or program.ranges[u] != program.ranges[t]:
        return node
    if not _is_fraction(rate, program.module) or may_be_infinite(x, infinite, False):
        return node
    axes = tuple(a for a in order if a == t or a in axes_of(x) - {u})
    along = tuple(u if a == t else a for a in axes)
    options = [("rate", rate), option("dim", axes.index(t) - len(axes))]
    options += [option("reverse", True)] if op == ">=" else []
    operands = (Argument("", along, x),)
    return Fused("ops.discounted_sum", operands, tuple(options), axes, "real", False)


def _recursion(program: Program, name: str, infinite: set[str]) -> Program:
    """The program with a sequence made at once, if it is a discounted sum."""
    sequence = program.sequences[name]
    loop = program.loops[sequence.loop]
    inside = [step for step in program.steps if step.loop == sequence.loop]
    bases = [step for step in program.steps if step.name == name and step.loop is None]
    if len(inside) != 1 or len(bases) != 1:
        return program
    step, base, t = inside[0], bases[0], loop.index
    if not isinstance(step.body, Sum):
        return program
    earlier: Node = Counter(t)
    if loop.descending:
        earlier = Sum(((1, Counter(t)), (1, ONE)), "int")
    rate: Node | None = None
    terms: list[tuple[int, Node]] = []
    for sign, term in step.body.terms:
        factor = _rate(term, name, sequence.position, earlier)
        if sign > 0 and factor is not None and rate is None:
            rate = factor
        else:
            terms.append((sign, term))
    if rate is None or not terms or not _is_fraction(rate, program.module):
        return program
    x = terms[0][1] if len(terms) == 1 and terms[0][0] == 1 else Sum(tuple(terms), "real")
    ranges = {**program.ranges, t: loop.length}
    along = _along(x, t, ranges)
    if along is None or name in reads(along) or may_be_infinite(along, infinite, False):
        return program
    if t in step.axes or t not in axes_of(along) or may_be_infinite(base.body, infinite, False):
        return program
    place = sequence.position
    new = f"{t}_{name}"
    lanes = (*step.axes[:place], t, *step.axes[place:])
    axes = (*step.axes[:place], new, *step.axes[place:])
    start = (*step.axes[:place], f"{new}_", *step.axes[place:])
    options = [("rate", rate), option("dim", place - len(axes))]
    options += [option("reverse", True)] if loop.descending else []
    operands = (Argument("", lanes, along), Argument("start", start, base.body))
    body = Fused("ops.discounted_sum", operands, tuple(options), axes, "real", False)
    whole = Step(name, axes, body, (*base.spans, *step.spans), step.output)
    return replace(
        program,
        steps=tuple(whole if s is step else s for s in program.steps if s is not base),
        ranges={**ranges, new: sequence.dims[place], f"{new}_": ONE},
        sequences={n: s for n, s in program.sequences.items() if n != name},
        loops={n: each for n, each in program.loops.items() if n != sequence.loop},
    )


def _rate(term: Node, name: str, position: int, earlier: Node) -> Node | None:
    """The number c where a term is c times the element before."""
    factors = term.factors if isinstance(term, Product) else (("*", term),)
    numbers = tuple((op, x) for op, x in factors if is_number(x))
    others = [(op, x) for op, x in factors if not is_number(x)]
    match others:
        case [("*", Gather() as read)] if read.name == name and not read.clamp:
            rest = [s for i, s in enumerate(read.subscripts) if i != position]
            if read.subscripts[position] != earlier or not all(map(_is_whole, rest)):
                return None
            if not numbers:
                return None
            return numbers[0][1] if len(numbers) == 1 else Product(numbers, "real")
    return None


def _is_whole(subscript: Slice | Node) -> bool:
    return isinstance(subscript, Slice) and subscript.start == ZERO and subscript.step == 1


def _along(node: Node, t: str, ranges: Mapping[str, Node]) -> Node | None:
    """A value of one turn of a loop, for all turns at once along the axis t; None where it has
    parts that bind axes or call."""
    plain = (Num, Const, Counter, Iota, Size, Gather, Read, Map, Sum, Product)
    if any(not isinstance(n, plain) for n in walk(node)):
        return None

    def rule(n: Node) -> Node:
        if isinstance(n, Counter) and n.name == t:
            return Iota(t)
        if not isinstance(n, Gather):
            return n
        places = [s if isinstance(s, Slice) else slice_of(s) for s in n.subscripts]
        slices = tuple(s for s in places if s is not None)
        axes = tuple(s.axis for s in slices)
        if len(slices) < len(places) or len(set(axes)) < len(axes):
            return n
        dims = zip(slices, n.dims, strict=True)
        if all(_is_whole(s) and ranges[s.axis] == dim for s, dim in dims):
            return Read(n.name, axes, n.type)
        return replace(n, subscripts=slices)

    return bottom_up(node, rule)


def _is_fraction(rate: Node, module: Module) -> bool:
    """Whether a number is required to be within [0, 1], or is a product of such."""
    match rate:
        case Num(value=Fraction() as value):
            return 0 <= value <= 1
        case Const(name=name):
            return at_least(name, 0, module) and at_most(name, 1, module)
        case Product():
            return all(op == "*" and _is_fraction(x, module) for op, x in rate.factors)
        case _:
            return False
