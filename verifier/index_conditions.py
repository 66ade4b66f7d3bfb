"""The comparisons of a module that depend on indices, sizes and consts alone: what a mask or a
window is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..compiler import typed as t
from ..compiler.walk import nodes


@dataclass(frozen=True, slots=True)
class IndexCondition:
    """A comparison of indices with sizes, consts or one another; what must hold beside it for
    the comparison to matter; and what the indices of both range over."""

    claim: t.Compare
    beside: tuple[t.Compare, ...]
    ranges: Mapping[str, t.Expr]

    @property
    def consts(self) -> set[str]:
        return {n.name for n in nodes(self.claim) if isinstance(n, t.ConstRef)}


MOST = 3
"""The most indices of a condition: of more, there are too many values to try."""


def index_conditions(module: t.Module) -> list[IndexCondition]:
    """Those of a flat module; of an `and` each part beside the others that read no tensor."""
    ranges = ranges_of(module)
    found = []
    for part in scalar_parts(module):
        seen: set[int] = set()
        for node in nodes(part.body):
            together = node.operands if isinstance(node, t.And) else (node,)
            plain = [e for e in together if isinstance(e, t.Compare) and _is_plain(e)]
            named = {n.name for e in plain for n in nodes(e) if isinstance(n, t.IndexRef)}
            own = {name: length for name, length in ranges.items() if name in named}
            for claim in plain:
                if id(claim) not in seen and 1 <= len(own) <= MOST:
                    beside = tuple(e for e in plain if e is not claim)
                    found.append(IndexCondition(claim, beside, own))
                seen.add(id(claim))
    return found


def _is_plain(e: t.Expr) -> bool:
    return not any(isinstance(n, _OTHERS) for n in nodes(e))


_OTHERS = (t.Element, t.Reduce, t.Row, t.Rounded, t.Derivative, t.ArgumentRef, t.Apply)


def ranges_of(module: t.Module) -> dict[str, t.Expr]:
    """What each index of the scalar equations ranges over."""
    bounds: list[t.Bound] = []
    for part in scalar_parts(module):
        bounds += part.axes
        for node in nodes(part.body):
            if isinstance(node, t.Reduce):
                bounds += node.bound
            elif isinstance(node, t.Row):
                bounds.append(node.bound)
    return {bound.name: bound.range for bound in bounds}


def scalar_parts(module: t.Module) -> Iterator[t.Equation]:
    """The scalar equations of a module: of a sequence, base and step."""
    for definition in module.definitions.values():
        parts: tuple[t.Equation | t.WholeEquation, ...] = (
            (definition.base, definition.step)
            if isinstance(definition, t.Recurrence)
            else (definition,)
        )
        yield from (part for part in parts if isinstance(part, t.Equation))
