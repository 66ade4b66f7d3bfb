"""What typed expressions read, and the conditions under which they do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from . import typed as t
from .ranges import Given
from .source import Span
from .walk import children


@dataclass(frozen=True, slots=True)
class Read:
    """Elements of a tensor that are read: one where every axis has a subscript. `hidden` are
    indices that a row operator around has bound anew."""

    tensor: str
    subscripts: tuple[t.Expr, ...]
    span: Span
    given: Given
    hidden: frozenset[str] = frozenset()


def reads(e: t.Expr, given: Given, hidden: frozenset[str] = frozenset()) -> Iterator[Read]:
    """Every element that a scalar expression reads, in the order of the text."""
    match e:
        case t.Element():
            yield Read(e.tensor, e.subscripts, e.span, given, hidden)
            for subscript in e.subscripts:
                yield from reads(subscript, given, hidden)
        case t.If():
            yield from reads(e.condition, given, hidden)
            yield from reads(e.then, given.under(e.condition), hidden)
            yield from reads(e.otherwise, given.under(t.Not(e.span, e.condition)), hidden)
        case t.And() | t.Or():
            for operand in e.operands:
                yield from reads(operand, given, hidden)
                holds = operand if isinstance(e, t.And) else t.Not(operand.span, operand)
                given = given.under(holds)
        case t.Reduce() | t.Row():
            if isinstance(e, t.Reduce):
                inner = given.binding(*e.bound)
            else:
                inner = given.hiding(e.bound.name)
                hidden = hidden | {e.bound.name}
            if e.where is not None:
                yield from reads(e.where, inner, hidden)
                inner = inner.under(e.where)
            yield from reads(e.body, inner, hidden)
        case _:
            for child in children(e):
                yield from reads(child, given, hidden)


def reads_of_whole(whole: t.View | t.Output, given: Given) -> Iterator[Read]:
    """What a whole tensor, or a call that gives one, reads."""
    if isinstance(whole, t.View):
        yield Read(whole.tensor, whole.subscripts, whole.span, given)
        for subscript in whole.subscripts:
            yield from reads(subscript, given)
        return
    if whole.call.instance is not None:
        yield from reads(whole.call.instance, given)
    for argument in whole.call.arguments.values():
        if isinstance(argument, t.View | t.Output):
            yield from reads_of_whole(argument, given)
        else:
            yield from reads(argument, given)


def reads_of(definition: t.Equation | t.WholeEquation) -> Iterator[Read]:
    """What the right side of a definition reads."""
    given = Given({}).binding(*definition.axes)
    body = definition.body
    if isinstance(body, t.View | t.Output):
        yield from reads_of_whole(body, given)
    else:
        yield from reads(body, given)
