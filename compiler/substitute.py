"""Puts expressions for the indices and sizes of integer expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from . import typed as t
from .walk import children, nodes


def substitute(e: t.Expr, names: Mapping[str, t.Expr]) -> t.Expr:
    """`e`, an integer expression or a condition, with `names` put for its indices and sizes."""
    match e:
        case t.IndexRef() | t.SizeRef():
            return names.get(e.name, e)
        case t.Add():
            terms = tuple((sign, substitute(term, names)) for sign, term in e.terms)
            return replace(e, terms=terms)
        case t.Mul():
            factors = tuple((op, substitute(factor, names)) for op, factor in e.factors)
            return replace(e, factors=factors)
        case t.IntDiv():
            left, right = substitute(e.left, names), substitute(e.right, names)
            return replace(e, left=left, right=right)
        case t.Function():
            return replace(e, arguments=tuple(substitute(a, names) for a in e.arguments))
        case t.If():
            return replace(
                e,
                condition=substitute(e.condition, names),
                then=substitute(e.then, names),
                otherwise=substitute(e.otherwise, names),
            )
        case t.Compare():
            left, right = substitute(e.left, names), substitute(e.right, names)
            return replace(e, left=left, right=right)
        case t.And() | t.Or():
            return replace(e, operands=tuple(substitute(o, names) for o in e.operands))
        case t.Not():
            return replace(e, operand=substitute(e.operand, names))
        case t.Element():
            return replace(e, subscripts=tuple(substitute(x, names) for x in e.subscripts))
        case _:
            return e


def substitutes(e: t.Expr) -> bool:
    """Whether `substitute` reaches every index and size of a condition."""
    match e:
        case t.Reduce() | t.Row() | t.Iverson() | t.Apply() | t.Power() | t.Rounded():
            return False
        case _:
            return all(map(substitutes, children(e)))


def is_plain(e: t.Expr) -> bool:
    """Whether `substitute` reaches every index and size of `e`."""
    match e:
        case t.Number() | t.IndexRef() | t.SizeRef():
            return True
        case t.Add():
            return all(is_plain(term) for _, term in e.terms)
        case t.Mul():
            return all(is_plain(factor) for _, factor in e.factors)
        case t.IntDiv():
            return is_plain(e.left) and is_plain(e.right)
        case t.Function():
            return all(map(is_plain, e.arguments))
        case _:
            return False


def in_callers_sizes(e: t.Expr, module: t.Module, sizes: Mapping[str, t.Expr]) -> t.Expr:
    """A size expression of `module` in the terms of its caller, who gives `sizes`."""
    known = dict(sizes)
    for name, size in module.sizes.items():
        if size.value is not None:
            known[name] = substitute(unfolded(size.value, module), sizes)
    return substitute(e, known)


def unfolded(e: t.Expr, module: t.Module) -> t.Expr:
    """A size expression with the definitions of derived sizes written out."""
    values = {
        name: unfolded(size.value, module)
        for name, size in module.sizes.items()
        if size.value is not None and name in _names(e)
    }
    return substitute(e, values) if values else e


def _names(e: t.Expr) -> set[str]:
    return {n.name for n in nodes(e) if isinstance(n, t.SizeRef)}
