"""Typed module -> tensor program: definitions, in an order of evaluation.

An equation is a step. Sequences that feed one another, with what stands between their steps,
are a loop: first their bases, then the steps of one turn. What is read at its own step alone
stays local to the turn; the rest is kept, slice by slice, as a sequence. A call is repeated
for each value of the indices on its left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed
from fractions import Fraction

from . import program as p
from . import typed as t
from .lower_expressions import Lowering, as_type, lower_number
from .program import Node, Num, Program, Step
from .reads import Read, reads_of
from .signs import infinite_names, may_be_infinite

__all__ = ["lower", "lower_number"]


def lower(module: t.Module) -> Program:
    """Module -> Program."""
    return Definitions(module).program()


@dataclass(slots=True)
class Definitions:
    """The steps so far; the ranges of their axes, the sequences and loops among them, and the
    names of tensors that may hold infinities. `scalars` are names that are integer tensors
    without axes."""

    module: t.Module
    scalars: frozenset[str] = frozenset()
    steps: list[Step] = field(default_factory=list)
    ranges: dict[str, Node] = field(default_factory=dict)
    sequences: dict[str, p.Sequence] = field(default_factory=dict)
    loops: dict[str, p.Loop] = field(default_factory=dict)
    infinite: set[str] = field(default_factory=set)
    fresh_axes: int = 0

    def program(self) -> Program:
        grouped = {m.name: group for group in self.module.groups for m in group.members}
        done: set[str] = set()
        for name, definition in self.module.definitions.items():
            if name in done:
                continue
            group = grouped.get(name)
            if group is None and isinstance(definition, t.Recurrence):
                index = definition.step.axes[definition.position].name
                group = t.Group(index, definition.descending, (definition,))
            if group is None:
                self.plain(definition)
                done.add(name)
            else:
                self.loop(group)
                done |= {member.name for member in group.members}
        steps = tuple(self.steps)
        return Program(self.module, steps, self.ranges, self.sequences, self.loops, self.scalars)

    def plain(self, definition: t.Definition) -> None:
        assert not isinstance(definition, t.Recurrence)
        step = self.step(definition, definition.type, self.scope(definition, None, {}))
        self.steps.append(changed(step, output=definition.output))
        if may_be_infinite(step.body, self.infinite):
            self.infinite.add(step.name)

    def scope(
        self, part: t.Equation | t.WholeEquation, counter: str | None, local: dict[str, int]
    ) -> Lowering:
        axes = {axis.name: axis.name for axis in part.axes if axis.name != counter}
        counters = frozenset(() if counter is None else (counter,))
        scope = Lowering(
            self.module,
            self.ranges,
            self.infinite,
            axes,
            counters,
            {},
            (),
            local,
            scalars=self.scalars,
        )
        for axis in part.axes:
            if axis.name != counter:
                self.ranges[axis.name] = scope.lower(axis.range)
        return scope

    def step(self, part: t.Equation | t.WholeEquation, type: t.Type, scope: Lowering) -> Step:
        axes = tuple(scope.axes)
        if isinstance(part, t.Equation):
            body = scope.lower(part.body)
        else:
            body, own = self.whole(part.body, scope, axes)
            axes += own
        return Step(part.name, axes, as_type(type, body), (part.span,), False)

    # whole tensors

    def whole(
        self, whole: t.View | t.Output, scope: Lowering, over: tuple[str, ...]
    ) -> tuple[Node, tuple[str, ...]]:
        """A whole tensor as a node, and the names of its axes. A call is repeated `over`
        indices."""
        axes = tuple(self.fresh(dim, scope) for dim in whole.dims)
        if isinstance(whole, t.View):
            rest = [t.IndexRef(whole.span, axis) for axis in axes]
            inner = changed(scope, axes={**scope.axes, **{axis: axis for axis in axes}})
            element = t.Element(whole.span, whole.tensor, (*whole.subscripts, *rest), whole.type)
            return inner.element(element), axes
        call = whole.call
        scope = changed(scope, axes={}, counters=scope.counters | set(over))
        arguments = tuple(
            self.argument(name, value, scope) for name, value in call.arguments.items()
        )
        passed = {n for n, size in call.module.sizes.items() if size.origin == "passed"}
        settings = [(n, scope.lower(e)) for n, e in call.sizes.items() if n in passed]
        settings += [(n, scope.real(e)) for n, e in call.consts.items()]
        instance = None if call.instance is None else scope.lower(call.instance)
        node = p.Call(
            call.module,
            call.use,
            instance,
            over,
            arguments,
            tuple(settings),
            whole.name,
            axes,
            whole.type,
            whole.name in infinite_names(lower(call.module).steps),
        )
        return node, axes

    def argument(self, name: str, value: t.Whole | t.Expr, scope: Lowering) -> p.Argument:
        if isinstance(value, t.View | t.Output):
            node, axes = self.whole(value, scope, ())
            return p.Argument(name, axes, node)
        return p.Argument(name, (), scope.lower(value))

    def fresh(self, dim: t.Expr, scope: Lowering) -> str:
        """A name for an axis that has none in the spec."""
        module = self.module
        taken = {*module.sizes, *module.indices, *module.inputs, *module.params}
        taken |= {*module.randoms, *module.consts, *module.definitions}
        while True:
            self.fresh_axes += 1
            name = f"i{self.fresh_axes}"
            if name not in taken:
                self.ranges[name] = scope.lower(dim)
                return name

    # loops

    def loop(self, group: t.Group) -> None:
        """The bases of a group, then its loop. What may be infinite depends on all turns, so
        they are lowered until no more is found."""
        name = group.members[0].name
        local = self.local(group)
        start = len(self.steps)
        while True:
            before = set(self.infinite)
            del self.steps[start:]
            self.turn(group, name, local)
            for step in self.steps[start:]:
                if may_be_infinite(step.body, self.infinite):
                    self.infinite.add(step.name)
            if self.infinite == before:
                return

    def turn(self, group: t.Group, name: str, local: dict[str, int]) -> None:
        counter = p.Counter(group.index)
        for member in group.members:
            if not isinstance(member, t.Recurrence):
                continue
            scope = self.scope(member.base, None, {})
            moving = scope.lower(member.step.axes[member.position].range)
            first = moving if member.descending else Num(Fraction(0), "int")
            base = self.step(member.base, member.type, scope)
            self.steps.append(changed(base, at=first))
            self.loops[name] = p.Loop(group.index, moving, group.descending)
            dims = tuple(scope.lower(dim) for dim in member.dims)
            self.sequences[member.name] = p.Sequence(member.position, dims, name)
        for member in group.members:
            part = member.step if isinstance(member, t.Recurrence) else member
            scope = self.scope(part, group.index, local)
            step = self.step(part, member.type, scope)
            at: Node | None = None if member.name in local else counter
            if isinstance(member, t.Recurrence) and not member.descending:
                at = p.Sum(((1, counter), (1, Num(Fraction(1), "int"))), "int")
            elif member.name not in local and member.name not in self.sequences:
                dims = tuple(scope.lower(dim) for dim in member.dims)
                position = _position(part, group.index)
                self.sequences[member.name] = p.Sequence(position, dims, name)
            self.steps.append(changed(step, output=member.output, loop=name, at=at))

    def local(self, group: t.Group) -> dict[str, int]:
        """The members that are read at their own step alone, with the position of its axis."""
        between = [m for m in group.members if not isinstance(m, t.Recurrence) and not m.output]
        places = {m.name: _position(m, group.index) for m in between}
        members = {m.name for m in group.members}
        for definition in self.module.definitions.values():
            for part, inside in _parts(definition, members):
                for read in reads_of(part):
                    if read.tensor in places and not (
                        inside and _is_here(read, places[read.tensor], group.index)
                    ):
                        del places[read.tensor]
        return places


def _position(part: t.Equation | t.WholeEquation, index: str) -> int:
    return [axis.name for axis in part.axes].index(index)


def _parts(
    definition: t.Definition, members: set[str]
) -> Iterator[tuple[t.Equation | t.WholeEquation, bool]]:
    """The equations of a definition, and whether they stand in the loop of these members."""
    if isinstance(definition, t.Recurrence):
        yield definition.base, False
        yield definition.step, definition.name in members
    else:
        yield definition, definition.name in members


def _is_here(read: Read, position: int, index: str) -> bool:
    """Whether an element is read at the step that is being made."""
    subscripts: Sequence[t.Expr] = read.subscripts
    if position >= len(subscripts) or index in read.hidden:
        return False
    at = subscripts[position]
    return isinstance(at, t.IndexRef) and at.name == index
