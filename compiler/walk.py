"""Walks over expressions, typed and not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
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


def rebuild(e: t.Expr, change: Callable[[t.Expr], t.Expr]) -> t.Expr:
    """`e` with `change` applied to the expressions directly inside it; the index at which a
    row is read and the ranges of bound indices stay."""
    match e:
        case t.Element():
            return replace(e, subscripts=tuple(map(change, e.subscripts)))
        case t.Add():
            return replace(e, terms=tuple((sign, change(term)) for sign, term in e.terms))
        case t.Mul():
            return replace(e, factors=tuple((op, change(factor)) for op, factor in e.factors))
        case t.IntDiv() | t.Compare():
            return replace(e, left=change(e.left), right=change(e.right))
        case t.Power():
            return replace(e, base=change(e.base), exponent=change(e.exponent))
        case t.And() | t.Or():
            return replace(e, operands=tuple(map(change, e.operands)))
        case t.Not():
            return replace(e, operand=change(e.operand))
        case t.Iverson():
            return replace(e, condition=change(e.condition))
        case t.If():
            condition, then = change(e.condition), change(e.then)
            return replace(e, condition=condition, then=then, otherwise=change(e.otherwise))
        case t.Function() | t.Apply():
            return replace(e, arguments=tuple(map(change, e.arguments)))
        case t.Rounded():
            return replace(e, argument=change(e.argument))
        case t.Reduce() | t.Row():
            where = None if e.where is None else change(e.where)
            return replace(e, where=where, body=change(e.body))
        case _:
            return e


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
