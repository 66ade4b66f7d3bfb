"""Log-probabilities and cross-entropy of a linear head."""

from __future__ import annotations

from dataclasses import replace

from .patterns import is_one, is_plain
from .program import (
    Argument,
    Contract,
    Fused,
    Map,
    Node,
    Product,
    Program,
    Read,
    Reduce,
    Step,
    Sum,
    axes_of,
    rename,
    walk,
)
from .source import Span


def linear_cross_entropy(program: Program) -> Program:
    """log_prob(z, y)[n] with z[n,v] = sum[d] W[v,d] · h[n,d] is linear_log_prob(h, W, y)[n], and
    -mean[n if c] of that = linear_cross_entropy(h, W, y, c), where nothing else reads the logits
    and the log-probabilities: some rows of logits at a time are held, and of the mean the
    gradient is formed with the value.
    """
    for change in (_head, _mean):
        program = replace(program, steps=tuple(change(program, step) for step in program.steps))
    return program


def _head(program: Program, step: Step) -> Step:
    """The log-probabilities of logits as those of the product that these are."""
    match step.body:
        case Fused(function="ops.log_prob", operands=(Argument(value=Read() as z, axes=along), y)):
            logits = _definition(program, z)
        case _:
            return step
    *rows, classes = along
    match logits:
        case Step(body=Contract(axes=(inner,), factors=(a, b))):
            pass
        case _:
            return step
    for h, W in ((a, b), (b, a)):
        fits = axes_of(h) == {*rows, inner} and axes_of(W) == {classes, inner}
        if fits and is_plain(h) and is_plain(W):
            operands = (Argument("", (*rows, inner), h), Argument("", (classes, inner), W), y)
            fused = replace(step.body, function="ops.linear_log_prob", operands=operands)
            return replace(step, body=fused, spans=_spans(logits, step))
    return step


def _mean(program: Program, step: Step) -> Step:
    """A step that is -mean of the log-probabilities of a linear head, as one call."""
    match step.body:
        case Sum(terms=((-1, Reduce(op="mean", axes=axes, where=None, body=Read() as rows)),)):
            where: Node | None = None
        case Sum(
            terms=(
                (
                    -1,
                    Product(
                        factors=(
                            ("*", Reduce(op="sum", axes=axes, where=where, body=Read() as rows)),
                            ("/", Map(op="real", operands=(Reduce(op="count") as count,))),
                        )
                    ),
                ),
            )
        ):
            if count.axes != axes or count.where != where or not is_one(count.body):
                return step
        case _:
            return step
    head = _definition(program, rows)
    match head:
        case Step(body=Fused(function="ops.linear_log_prob") as fused):
            pass
        case _:
            return step
    if step.loop is not None or {*axes} != {*rows.axes} or len(axes) != len(rows.axes):
        return step
    condition = () if where is None else (Argument("where", fused.axes, where),)
    mean = replace(
        fused,
        function="ops.linear_cross_entropy",
        operands=(*fused.operands, *condition),
        axes=(),
    )
    return replace(step, body=mean, spans=_spans(head, step))


def _definition(program: Program, read: Read) -> Step | None:
    """The step that makes a tensor that is read once, along the axes that it is read."""
    step = program.step(read.name)
    if step is None or step.output or step.loop is not None:
        return None
    everywhere = [node for s in program.steps for node in walk(s.body)]
    if sum(getattr(node, "name", None) == read.name for node in everywhere) != 1:
        return None
    body = rename(step.body, dict(zip(step.axes, read.axes, strict=True)))
    return replace(step, axes=read.axes, body=body)


def _spans(first: Step, second: Step) -> tuple[Span, ...]:
    return tuple(dict.fromkeys((*first.spans, *second.spans)))
