"""What typed expressions read, and the conditions under which they do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from . import typed as t
from .ranges import Given
from .source import Span
from .support import Supports, support
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


@dataclass(frozen=True, slots=True)
class Place:
    """Where an expression stands. `supports` tells where tensors are constant: such elements
    are not read. Without it, every element that is written counts as read."""

    given: Given
    hidden: frozenset[str] = frozenset()
    supports: Supports | None = None

    def under(self, *conditions: t.Expr) -> Place:
        return replace(self, given=self.given.under(*conditions))


def reads(e: t.Expr, at: Place) -> Iterator[Read]:
    """Every element that a scalar expression reads, in the order of the text."""
    match e:
        case t.Element():
            if at.supports is not None:
                at = at.under(*support(e, at.supports).constant)
            yield Read(e.tensor, e.subscripts, e.span, at.given, at.hidden)
            for subscript in e.subscripts:
                yield from reads(subscript, at)
        case t.Mul() if at.supports is not None:
            zero = [support(f, at.supports).zero if op == "*" else () for op, f in e.factors]
            for i, (_, factor) in enumerate(e.factors):
                others = [c for j, conditions in enumerate(zero) if j != i for c in conditions]
                yield from reads(factor, at.under(*others))
        case t.Add() if at.supports is not None:
            low = [support(x, at.supports).low if sign > 0 else () for sign, x in e.terms]
            for i, (_, term) in enumerate(e.terms):
                others = [c for j, conditions in enumerate(low) if j != i for c in conditions]
                yield from reads(term, at.under(*others))
        case t.If():
            yield from reads(e.condition, at)
            yield from reads(e.then, at.under(e.condition))
            yield from reads(e.otherwise, at.under(t.Not(e.span, e.condition)))
        case t.And() | t.Or():
            for operand in e.operands:
                yield from reads(operand, at)
                holds = operand if isinstance(e, t.And) else t.Not(operand.span, operand)
                at = at.under(holds)
        case t.Reduce() | t.Row():
            if isinstance(e, t.Reduce):
                inner = replace(at, given=at.given.binding(*e.bound))
            else:
                hidden = at.hidden | {e.bound.name}
                inner = replace(at, given=at.given.hiding(e.bound.name), hidden=hidden)
            if e.where is not None:
                yield from reads(e.where, inner)
                inner = inner.under(e.where)
            yield from reads(e.body, inner)
        case _:
            for child in children(e):
                yield from reads(child, at)


def reads_of_whole(whole: t.View | t.Output, at: Place) -> Iterator[Read]:
    """What a whole tensor, or a call that gives one, reads."""
    if isinstance(whole, t.View):
        yield Read(whole.tensor, whole.subscripts, whole.span, at.given)
        for subscript in whole.subscripts:
            yield from reads(subscript, at)
        return
    if whole.call.instance is not None:
        yield from reads(whole.call.instance, at)
    for argument in whole.call.arguments.values():
        if isinstance(argument, t.View | t.Output):
            yield from reads_of_whole(argument, at)
        else:
            yield from reads(argument, at)


def reads_of(
    definition: t.Equation | t.WholeEquation, supports: Supports | None = None
) -> Iterator[Read]:
    """What the right side of a definition reads."""
    at = Place(Given({}).binding(*definition.axes), supports=supports)
    body = definition.body
    if isinstance(body, t.View | t.Output):
        yield from reads_of_whole(body, at)
    else:
        yield from reads(body, at)
