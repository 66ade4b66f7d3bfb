"""Walks over expressions, typed and not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from . import syntax as s
from . import typed as t


def children(e: t.Expr) -> tuple[t.Expr, ...]:
    """The expressions directly inside `e`, in the order of the text. The body of a def that is
    applied is not among them; it speaks of its parameters alone."""
    match e:
        case (
            t.Number() | t.Truth() | t.Constant() | t.IndexRef() | t.SizeRef() | t.ConstRef()
            | t.ArgumentRef()
        ):  # fmt: skip
            return ()
        case t.Element():
            return e.subscripts
        case t.Add():
            return tuple(term for _, term in e.terms)
        case t.Mul():
            return tuple(factor for _, factor in e.factors)
        case t.IntDiv() | t.Compare():
            return (e.left, e.right)
        case t.Power():
            return (e.base, e.exponent)
        case t.And() | t.Or():
            return e.operands
        case t.Not():
            return (e.operand,)
        case t.Iverson():
            return (e.condition,)
        case t.If():
            return (e.condition, e.then, e.otherwise)
        case t.Function() | t.Apply():
            return e.arguments
        case t.Rounded():
            return (e.argument,)
        case t.Reduce():
            return (e.body,) if e.where is None else (e.where, e.body)
        case t.Row():
            return (e.at, e.body) if e.where is None else (e.at, e.where, e.body)
        case t.Derivative():
            return (e.of, e.by)
        case _:
            assert_never(e)


def nodes(e: t.Expr) -> Iterator[t.Expr]:
    """`e` and every expression inside it, parents first."""
    pending: list[t.Expr] = [e]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(children(node)))


def syntax_children(e: s.Expr) -> tuple[s.Expr, ...]:
    """The expressions directly inside `e`, in the order of the text."""
    match e:
        case s.Number() | s.Truth() | s.Name():
            return ()
        case s.Subscript():
            return (e.base, *e.subscripts)
        case s.Call():
            return (e.callee, *(argument.value for argument in e.arguments))
        case s.Field():
            return (e.base,)
        case s.Sum():
            return tuple(term for _, term in e.terms)
        case s.Product() | s.Compare():
            return (e.first, *(right for _, right in e.rest))
        case s.Power():
            return (e.base, e.exponent)
        case s.And() | s.Or():
            return e.operands
        case s.Not():
            return (e.operand,)
        case s.If():
            return (e.condition, e.then, e.otherwise)
        case s.Iverson():
            return (e.condition,)
        case s.Reduce():
            return (e.operand,) if e.where is None else (e.where, e.operand)
        case _:
            assert_never(e)


def syntax_nodes(e: s.Expr) -> Iterator[s.Expr]:
    """`e` and every expression inside it, parents first."""
    pending = [e]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(syntax_children(node)))
