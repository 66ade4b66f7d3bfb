"""Sizes and shapes as text, for messages."""

from __future__ import annotations

from collections.abc import Iterable

from . import typed as t


def show_dims(dims: Iterable[t.Expr]) -> str:
    """`[B, T + 1]`, or `no axes`."""
    shown = ", ".join(map(show, dims))
    return f"[{shown}]" if shown else "no axes"


def show(e: t.Expr, level: int = 0) -> str:
    """An integer expression as text."""
    match e:
        case t.Number():
            return str(e.value)
        case t.IndexRef() | t.SizeRef():
            return e.name
        case t.Add():
            text = ""
            for sign, term in e.terms:
                mark = "-" if sign < 0 else "+"
                text += f" {mark} " if text else mark * (sign < 0)
                text += show(term, 1)
            return f"({text})" if level > 0 else text
        case t.Mul():
            text = "".join(
                (f" {op} " if i else "") + show(factor, 2)
                for i, (op, factor) in enumerate(e.factors)
            )
            return f"({text})" if level > 1 else text
        case t.IntDiv():
            text = f"{show(e.left, 1)} {e.operator} {show(e.right, 2)}"
            return f"({text})" if level > 1 else text
        case _:
            return e.span.text
