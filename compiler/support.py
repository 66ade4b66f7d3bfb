"""Where a tensor is constant: a masked softmax is 0 outside its mask, whatever it is made of.

What is multiplied by 0 counts for nothing, so the mask is a fact about the whole product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import typed as t
from .substitute import substitute, substitutes
from .walk import nodes


@dataclass(frozen=True, slots=True)
class Support:
    """An expression is 0 where some condition of `zero` fails, -inf where one of `low` does,
    and constant where one of `fixed` does. As a tensor's, over its axes."""

    zero: tuple[t.Expr, ...] = ()
    low: tuple[t.Expr, ...] = ()
    fixed: tuple[t.Expr, ...] = ()

    @property
    def constant(self) -> tuple[t.Expr, ...]:
        """Conditions outside of which nothing is read."""
        return self.zero + self.low + self.fixed


Supports = Mapping[str, tuple[tuple[str, ...], Support]]
"""By tensor: its axes and its support."""


def support_of(definition: t.Definition, known: Supports) -> tuple[tuple[str, ...], Support]:
    """The axes and the support of a definition, given those of what it reads."""
    if not isinstance(definition, t.Equation):
        return (), Support()
    axes = tuple(axis.name for axis in definition.axes)
    found = support(definition.body, known)

    def speaks_of_axes(conditions: tuple[t.Expr, ...]) -> tuple[t.Expr, ...]:
        return tuple(
            c
            for c in conditions
            if substitutes(c) and all(n.name in axes for n in nodes(c) if isinstance(n, t.IndexRef))
        )

    kept = (speaks_of_axes(x) for x in (found.zero, found.low, found.fixed))
    return axes, Support(*kept)


def support(e: t.Expr, known: Supports) -> Support:
    """Where an expression is constant, as far as its form tells."""
    match e:
        case t.Iverson():
            return Support(zero=(e.condition,))
        case t.Element() if e.tensor in known:
            axes, inner = known[e.tensor]
            if len(axes) != len(e.subscripts):
                return Support()
            here = dict(zip(axes, e.subscripts, strict=True))
            sides = (
                tuple(substitute(c, here) for c in side)
                for side in (inner.zero, inner.low, inner.fixed)
            )
            return Support(*sides)
        case t.If():
            for branch, holds in (
                (e.otherwise, e.condition),
                (e.then, t.Not(e.span, e.condition)),
            ):
                value = _constant(branch)
                if value is not None:
                    return Support(**{value: (holds,)})
            return Support()
        case t.Row():
            where = () if e.where is None else (e.where,)
            low = where + support(e.body, known).low
            if e.operator == "softmax":
                return Support(zero=low)
            return Support(low=low) if e.operator == "log_softmax" else Support()
        case t.Mul():
            factors = [f for op, f in e.factors if op == "*"]
            return Support(zero=tuple(c for f in factors for c in support(f, known).zero))
        case t.Add():
            terms = [x for sign, x in e.terms if sign > 0]
            return Support(low=tuple(c for x in terms for c in support(x, known).low))
        case t.Function(name="exp"):
            return Support(zero=support(e.arguments[0], known).low)
        case _:
            return Support()


def _constant(e: t.Expr) -> str | None:
    """The field of Support that speaks of a constant."""
    match e:
        case t.Number():
            return "zero" if e.value == 0 else "fixed"
        case t.Add(terms=((-1, t.Constant(name="inf")),)):
            return "low"
        case t.Truth() | t.Constant():
            return "fixed"
        case _:
            return None
