"""The order in which the definitions of a flat module are evaluated.

    flat Module, sizes -> Task*

A plain equation is one task. A sequence has one for its base and one for each step; sequences
that feed one another take their steps together, with what stands between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..compiler import typed as t
from .settings import evaluate


@dataclass(frozen=True, slots=True)
class Task:
    """Evaluate `equation` with the indices in `held` at their values, for all values of its
    other axes. The results belong at `place` in the tensor `name`: along each of its axes at a
    number, or, where that is None, everywhere."""

    name: str
    equation: t.Equation
    held: Mapping[str, int]
    place: tuple[int | None, ...]


def schedule(module: t.Module, sizes: Mapping[str, int]) -> Iterator[Task]:
    """The tasks of a flat module at all its sizes. ValueError where it is not flat."""
    yield from _tasks(tuple(module.definitions.values()), {}, module.groups, sizes, {})


def _tasks(
    definitions: Sequence[t.Definition],
    moving: Mapping[str, Task],
    groups: Sequence[t.Group],
    sizes: Mapping[str, int],
    held: Mapping[str, int],
) -> Iterator[Task]:
    """The tasks of definitions in their order. `moving` are those of sequences whose steps are
    being taken, `groups` those that may lie among the definitions."""
    begun: set[str] = set()
    for definition in definitions:
        name = definition.name
        if name in begun:
            continue
        if name in moving:
            yield moving[name]
            continue
        group = max((g for g in groups if name in _names(g)), key=_length, default=None)
        if group is None and isinstance(definition, t.Recurrence):
            index = _axes(definition)[definition.position]
            group = t.Group(index, definition.descending, (definition,))
        if group is None:
            yield _task(definition, definition, held)
            continue
        begun |= _names(group)
        inner = [g for g in groups if _names(g) < _names(group)]
        yield from _steps(group, inner, sizes, held)


def _steps(
    group: t.Group, inner: Sequence[t.Group], sizes: Mapping[str, int], held: Mapping[str, int]
) -> Iterator[Task]:
    """The bases of the sequences in a group, with what belongs to them; then step by step."""
    index = group.index
    sequences = [
        m for m in group.members if isinstance(m, t.Recurrence) and _axes(m)[m.position] == index
    ]
    names = {s.name for s in sequences}
    steady = [m for m in group.members if m.name in names or index not in _axes(m)]
    stepping = [m for m in group.members if index in _axes(m)]
    count = int(evaluate(sequences[0].step.axes[sequences[0].position].range, sizes, {}))
    first = count if group.descending else 0
    moving = {s.name: _task(s, s.base, held, first) for s in sequences}
    yield from _tasks(steady, moving, inner, sizes, held)
    for i in reversed(range(count)) if group.descending else range(count):
        now = {**held, index: i}
        made = i if group.descending else i + 1
        moving = {s.name: _task(s, s.step, now, made) for s in sequences}
        yield from _tasks(stepping, moving, inner, sizes, now)


def _task(
    definition: t.Definition, equation: t.Definition, held: Mapping[str, int], made: int = 0
) -> Task:
    """One task; `made` is the element of a sequence that it gives."""
    if not isinstance(equation, t.Equation):
        raise ValueError(f"{definition.name} is not flat")
    names = _axes(equation)
    place = [held.get(name) for name in names]
    if isinstance(definition, t.Recurrence):
        if equation is definition.base:
            place.insert(definition.position, made)
        else:
            place[definition.position] = made
    own = {name: held[name] for name in names if name in held}
    return Task(definition.name, equation, own, tuple(place))


def _axes(definition: t.Definition) -> list[str]:
    """The axes of an equation, or of a step, by name."""
    part = definition.step if isinstance(definition, t.Recurrence) else definition
    return [axis.name for axis in part.axes]


def _names(group: t.Group) -> set[str]:
    return {member.name for member in group.members}


def _length(group: t.Group) -> int:
    return len(group.members)
