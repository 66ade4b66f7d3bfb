"""The log-probability of one class."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from . import typed as t
from .check_incremental import prover_of
from .patterns import is_plain, is_zero, names, negated, unused
from .program import (
    Argument,
    Fused,
    Gather,
    Iota,
    Map,
    Node,
    Num,
    Program,
    Read,
    Reduce,
    Row,
    Size,
    Slice,
    Step,
    Sum,
    axes_of,
    bottom_up,
    reads,
    walk,
)
from .ranges import Given


def gathered_log_prob(program: Program) -> Program:
    """(log_softmax[v] z[n,v]) at v = y[n] = z[n,y[n]] - logsumexp[v] z[n,v] = log_prob(z, y)[n],
    where nothing else reads the log-softmax: it is not held for all other classes, and its
    gradient is written once.
    """
    for name in [step.name for step in program.steps]:
        step = program.step(name)
        if step is not None:
            program = _of_row(program, step) or _of_difference(program, step) or program
    return program


def _of_row(program: Program, step: Step) -> Program | None:
    """The program with a log-softmax, read at one class, at that alone."""
    match step:
        case Step(body=Row(op="log_softmax", where=None) as row, output=False, loop=None):
            pass
        case _:
            return None
    everywhere = [node for s in program.steps for node in walk(s.body)]
    places = {node for node in everywhere if getattr(node, "name", None) == step.name}
    if len(places) != 1:
        return None
    (place,) = places
    if not isinstance(place, Gather):
        return None
    fused = _log_prob(program, place, row.body, step.axes, row.axis)
    if fused is None:
        return None
    others = tuple(s for s in program.steps if s is not step)
    return _put(replace(program, steps=others), step, fused, place)


def _of_difference(program: Program, step: Step) -> Program | None:
    """The program with a step that is a logit less the logsumexp of its row, or the opposite."""
    match step.body:
        case Sum(terms=((1, Gather() as place), (-1, Reduce(op="logsumexp") as whole))):
            opposite = False
        case Sum(terms=((1, Reduce(op="logsumexp") as whole), (-1, Gather() as place))):
            opposite = True
        case _:
            return None
    z = whole.body
    if not (isinstance(z, Read) and z.name == place.name and len(whole.axes) == 1):
        return None
    if whole.where is not None:
        return None
    fused = _log_prob(program, place, z, z.axes, whole.axes[0])
    if fused is None:
        return None
    if not opposite:
        return _put(program, step, fused, step.body)
    like = replace(step, name=f"log_prob_{z.name}")
    return _put(program, like, fused, step.body, opposite=True)


def _log_prob(
    program: Program, place: Gather, z: Node, axes: tuple[str, ...], classes: str
) -> Fused | None:
    """The log-probabilities at a place of each row: all rows, or the first along the last axis of
    them, each with a class of its own."""
    if axes_of(z) != set(axes) or classes not in axes:
        return None
    at = axes.index(classes)
    y = place.subscripts[at]
    others = [
        (s, dim)
        for i, (s, dim) in enumerate(zip(place.subscripts, place.dims, strict=True))
        if i != at
    ]
    rows = [_along(subscript) for subscript, _ in others]
    if isinstance(y, Slice) or None in rows or len({*rows}) < len(rows):
        return None
    along = tuple(axis for axis in rows if axis is not None)
    if not axes_of(y) <= {*along} or not {*along[-1:]} <= axes_of(y):
        return None
    for axis, (_, dim) in zip(along, others, strict=True):
        shorter = axis == along[-1] and (not place.clamp or _at_most(program, axis, dim))
        if not shorter and program.ranges[axis] != dim:
            return None
    if place.clamp:
        last = Sum(((1, place.dims[at]), (-1, Num(Fraction(1), "int"))), "int")
        above = Map("max", (y, Num(Fraction(0), "int")), "int")
        y = Map("min", (above, last), "int")
    logits = (*axes[:at], *axes[at + 1 :], classes)
    operands = (Argument("", logits, z), Argument("", along, y))
    return Fused("ops.log_prob", operands, (), along, "real", is_plain(z))


def _along(subscript: Slice | Node) -> str | None:
    """The index that a subscript is, if it is one."""
    match subscript:
        case Iota(axis=axis):
            return axis
        case Slice(axis=axis, step=1, start=start) if is_zero(start):
            return axis
        case _:
            return None


def _at_most(program: Program, axis: str, dim: Node) -> bool:
    """Whether an axis is certainly no longer than a dimension."""
    match program.ranges[axis], dim:
        case Size(name=low), Size(name=high):
            span = program.module.span
            sizes = t.SizeRef(span, low), t.SizeRef(span, high)
            return prover_of(program.module).at_most(*sizes, Given({}))
        case _:
            return False


def _put(
    program: Program, like: Step, fused: Fused, place: Node, opposite: bool = False
) -> Program | None:
    """The program with the log-probabilities instead of what is read at `place`, or instead of
    its opposite: as the step that is that alone, or as one of their own before those that read
    them, named after the tensor they come from and the class."""
    readers = [step for step in program.steps if place in walk(step.body)]
    if any(step.loop is not None for step in readers):
        return None
    if [step.body for step in readers] == [place] and not opposite:
        spans = tuple(dict.fromkeys((*like.spans, *readers[0].spans)))
        merged = replace(readers[0], body=fused, spans=spans)
        return replace(
            program, steps=tuple(merged if s is readers[0] else s for s in program.steps)
        )
    classes = sorted(reads(fused.operands[1].value))
    name = unused("_".join([like.name, *classes]), names(program))
    own = replace(like, name=name, axes=fused.axes, body=fused, output=False)
    value: Node = Read(name, fused.axes, "real")
    value = negated(value) if opposite else value

    def rule(node: Node) -> Node:
        return value if node == place else node

    steps = list[Step]()
    for step in program.steps:
        if step is readers[0]:
            steps.append(own)
        steps.append(replace(step, body=bottom_up(step.body, rule)))
    return replace(program, steps=tuple(steps))
