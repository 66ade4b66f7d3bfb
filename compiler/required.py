"""What a module requires of its consts."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from . import typed as t
from .prefixes import MIRRORED


def at_least(name: str, bound: int, module: t.Module) -> bool:
    """Whether a const is required to be so large."""
    return any(op in (">", ">=") and n >= bound for op, n in _required(name, module))


def at_most(name: str, bound: int, module: t.Module) -> bool:
    """Whether a const is required to be so small."""
    return any(op in ("<", "<=") and n <= bound for op, n in _required(name, module))


def _required(name: str, module: t.Module) -> Iterator[tuple[str, Fraction]]:
    """The relations to numbers that a const must have."""
    conditions = list(module.requires)
    while conditions:
        match conditions.pop():
            case t.And(operands=operands):
                conditions += operands
            case t.Compare(operator=op, left=t.ConstRef(name=n), right=t.Number(value=value)):
                if n == name:
                    yield op, value
            case t.Compare(operator=op, left=t.Number(value=value), right=t.ConstRef(name=n)):
                if n == name and op in MIRRORED:
                    yield MIRRORED[op], value
