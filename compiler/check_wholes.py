"""Whole tensors: bare or partly subscripted tensors, and the results of modules."""

from __future__ import annotations

from . import check_calls as calls
from . import check_expressions as expressions
from . import syntax as s
from . import typed as t
from .check_references import view
from .check_scope import Context, Scope

RightSide = t.Expr | t.View | t.Output | t.ModuleCall
"""A ModuleCall is a record of several outputs."""


def right_side(scope: Scope, e: s.Expr, ctx: Context) -> RightSide:
    """The right side of an equation: a scalar, a whole tensor, or a record."""
    if calls.is_module_call(scope, e):
        return result(scope, e, ctx)
    whole = view(scope, e, ctx)
    if whole is None:
        return expressions.expression(scope, e, ctx)
    if whole.dims:
        return whole
    return t.Element(whole.span, whole.tensor, whole.subscripts, whole.type)


def result(scope: Scope, e: s.Expr, ctx: Context) -> t.Output | t.ModuleCall:
    """What a call of a module gives: its one output, a named one, or all as a record."""
    match e:
        case s.Field():
            assert isinstance(e.base, s.Call)
            call = calls.module_call(scope, e.base, ctx)
            available = calls.outputs(scope, call, e.span)
            if e.field.name not in available:
                scope.unknown(
                    "E715",
                    e.field,
                    f"`{call.module.name}` has no output `{e.field.name}`",
                    available,
                )
            return available[e.field.name]
        case s.Call():
            call = calls.module_call(scope, e, ctx)
            available = calls.outputs(scope, call, e.span)
            return next(iter(available.values())) if len(available) == 1 else call
        case _:
            raise AssertionError(e)
