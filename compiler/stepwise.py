"""`incremental t`: the function of a few new positions, from the equations of all.

    Module -> Stepwise

A tensor with a time axis is made for the new positions alone. Where an equation reads it at
another position than its own, all positions so far are kept: they are a tensor of their own,
`…_all`. A sequence along time starts from its last element so far. What stays is a module
again, in which the length of time is the number of new positions, `total` that of all so far,
and `past` is the first new position. What it requires of the length, it requires of `total`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from . import typed as t
from .reads import Read, reads_of
from .source import Span
from .walk import rebuild


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a module cannot be evaluated position by position."""

    span: Span
    message: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Extended:
    """A tensor at all positions so far: of which tensor, and which axis is time."""

    source: str
    position: int


@dataclass(frozen=True, slots=True)
class Stepwise:
    """`module` at new positions. `extended` are the tensors at all positions so far, `states`
    the sequences along time, `calls` the qualified names of callees that are fed position by
        position too; `time` is the length of time."""

    module: t.Module
    time: str
    past: str
    total: str
    extended: Mapping[str, Extended]
    states: frozenset[str]
    calls: frozenset[str]
    positional: bool

    @property
    def is_pointwise(self) -> bool:
        """Whether every position is treated alike, and alone."""
        return not (self.extended or self.states or self.calls or self.positional)


def time_axes(module: t.Module, name: str, time: str) -> list[tuple[int, int]]:
    """The time axes of a tensor, each with how many elements it has more than time."""
    tensor = module.tensor(name)
    axes = [(i, 0) for i, dim in enumerate(tensor.dims) if is_size(dim, time)]
    if isinstance(tensor, t.Recurrence) and is_size(tensor.step.axes[tensor.position].range, time):
        axes.append((tensor.position, 0 if tensor.descending else 1))
    return axes


def is_size(e: t.Expr, name: str) -> bool:
    return isinstance(e, t.SizeRef) and e.name == name


def parts_of(definition: t.Definition) -> tuple[t.Equation | t.WholeEquation, ...]:
    if isinstance(definition, t.Recurrence):
        return (definition.base, definition.step)
    return (definition,)


def stepwise(module: t.Module, time: str) -> tuple[Stepwise, list[Obstacle]]:
    """The module at new positions along the axes of size `time`, and what prevents that. The
    module is causal along time."""
    return _stepwise(module, time, {})


_Known = dict[tuple[str, str], tuple["Stepwise", list[Obstacle]]]
"""What was found of the modules that one calls, each at a size: many calls are of the same."""


def _stepwise(module: t.Module, time: str, known: _Known) -> tuple[Stepwise, list[Obstacle]]:
    key = module.qualified, time
    if key not in known:
        analysis = _Analysis(module, time, known)
        analysis.choose()
        analysis.find_reads()
        known[key] = analysis.result(), analysis.obstacles
    return known[key]


@dataclass(slots=True)
class _Analysis:
    module: t.Module
    time: str
    known: _Known
    new: dict[str, int] = field(default_factory=dict)
    """The axis of new positions, by tensor."""
    states: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    obstacles: list[Obstacle] = field(default_factory=list)
    calls: set[str] = field(default_factory=set)
    positional: bool = False
    past: str = "past"
    total: str = "total"

    def __post_init__(self) -> None:
        module = self.module
        taken = {*module.sizes, *module.indices, *module.inputs, *module.params}
        taken |= {*module.randoms, *module.consts, *module.definitions}
        while self.past in taken:
            self.past += "_"
        while self.total in taken:
            self.total += "_"

    # which axis is that of new positions

    def choose(self) -> None:
        for name in (*self.module.inputs, *self.module.randoms):
            for position, _ in time_axes(self.module, name, self.time):
                self.new[name] = position
        for name, definition in reversed(list(self.module.definitions.items())):
            places = [position for position, _ in time_axes(self.module, name, self.time)]
            if isinstance(definition, t.Recurrence) and definition.position in places:
                self.states.add(name)
            if len(places) > 1:
                self.choose_among(name, definition, places)
            elif places:
                self.new[name] = places[0]

    def choose_among(self, name: str, definition: t.Definition, places: list[int]) -> None:
        """One of several time axes: that at which every reader reads its own position."""
        if not isinstance(definition, t.Equation):
            self.obstacles.append(
                Obstacle(definition.span, f"`{name}` has several axes of time and is no equation")
            )
            self.new[name] = places[0]
            return
        left = places
        for part, now in self.parts():
            for read in reads_of(part):
                if read.tensor == name and now is not None:
                    left = [i for i in left if _is_index(read, i, now)]
                    if not left:
                        message = f"`{name}` is read along several of its axes of time"
                        self.obstacles.append(Obstacle(read.span, message))
                        left = places[:1]
        self.new[name] = left[0]

    def parts(self) -> Iterator[tuple[t.Equation | t.WholeEquation, str | None]]:
        """Every equation whose new positions are chosen, with the index of its own."""
        for name, definition in self.module.definitions.items():
            for part in parts_of(definition):
                yield part, self.now(name, definition, part)

    def now(
        self, name: str, definition: t.Definition, part: t.Equation | t.WholeEquation
    ) -> str | None:
        """The index of an equation's own position in time; None where it has none."""
        position = self.new.get(name)
        if position is None:
            return None
        if isinstance(definition, t.Recurrence) and part is definition.base:
            if position == definition.position:
                return None
            position -= position > definition.position
        return part.axes[position].name if position < len(part.axes) else None

    # what is read where

    def find_reads(self) -> None:
        loops = {m.name: group for group in self.module.groups for m in group.members}
        for name, definition in self.module.definitions.items():
            for part in parts_of(definition):
                now = self.now(name, definition, part)
                for read in reads_of(part):
                    if read.tensor not in self.new or self.is_own(read.tensor, read, now):
                        continue
                    self.kept.add(read.tensor)
                    self.refuse_in_loop(name, definition, part, read, loops)
                if isinstance(part, t.WholeEquation):
                    self.find_calls(part.body)

    def refuse_in_loop(
        self,
        name: str,
        definition: t.Definition,
        part: t.Equation | t.WholeEquation,
        read: Read,
        loops: Mapping[str, t.Group],
    ) -> None:
        """What a loop makes cannot be read in it at other positions: they are not kept yet."""
        group = loops.get(read.tensor)
        source = self.module.definitions.get(read.tensor)
        inside = (group is not None and loops.get(name) is group) or read.tensor == name
        along_time = group is not None and any(m.name in self.states for m in group.members)
        is_step = not (isinstance(definition, t.Recurrence) and part is definition.base)
        if isinstance(source, t.Recurrence) and read.tensor not in self.states:
            message = f"`{read.tensor}` is read at other positions than its own"
            self.obstacles.append(Obstacle(read.span, message, "give it a name in the step first"))
        elif inside and is_step and (along_time or read.tensor == name):
            message = f"`{read.tensor}` is read at positions before the last, in its own loop"
            self.obstacles.append(Obstacle(read.span, message))

    def is_own(self, tensor: str, read: Read | t.Element, now: str | None) -> bool:
        """Whether a tensor is read at the position of the equation itself, or at the end of
        its step."""
        position = self.new[tensor]
        if position >= len(read.subscripts):
            return True
        if now is None or (isinstance(read, Read) and now in read.hidden):
            return False
        at = read.subscripts[position]
        if tensor in self.states:
            match at:
                case t.Add(terms=((1, t.IndexRef() as index), (1, t.Number(value=one)))):
                    return index.name == now and one == 1
                case t.Add(terms=((1, t.Number(value=one)), (1, t.IndexRef() as index))):
                    return index.name == now and one == 1
                case _:
                    pass
        return isinstance(at, t.IndexRef) and at.name == now

    def find_calls(self, whole: t.Whole) -> None:
        """Calls of modules that look back, or know their position, are stepwise themselves."""
        if isinstance(whole, t.View):
            return
        call = whole.call
        for argument in call.arguments.values():
            if isinstance(argument, t.View | t.Output):
                self.find_calls(argument)
        times = [name for name, size in call.sizes.items() if is_size(size, self.time)]
        if not times:
            return
        callee = call.module
        inner, obstacles = _stepwise(callee, times[0], self.known)
        if not obstacles and inner.is_pointwise:
            return
        index = callee.incremental
        if index is None or not is_size(callee.indices[index].range, times[0]):
            message = f"`{callee.name}` is not the same at every position, and not incremental"
            label = "declare it `incremental` too"
            self.obstacles.append(Obstacle(call.span, message, label))
        self.calls.add(callee.qualified)

    # the module at new positions

    def result(self) -> Stepwise:
        definitions: dict[str, t.Definition] = {}
        extended: dict[str, Extended] = {}
        after: dict[str, t.Equation] = {}
        for name in sorted(self.kept):
            after[name] = self.all_positions(name)
            extended[after[name].name] = Extended(name, self.new[name])
        for name in (*self.module.inputs, *self.module.randoms):
            if name in after:
                definitions[after[name].name] = after[name]
        for name, definition in self.module.definitions.items():
            definitions[name] = self.at_new(name, definition)
            if name in after:
                definitions[after[name].name] = after[name]
        groups = tuple(
            replace(
                group,
                members=tuple(
                    definitions[n]
                    for m in group.members
                    for n in (m.name, *([after[m.name].name] if self.joins(m, after) else []))
                ),
            )
            for group in self.module.groups
        )
        requires = tuple(rebuild_size(r, self.time, self.total) for r in self.module.requires)
        module = replace(self.module, definitions=definitions, groups=groups, requires=requires)
        return Stepwise(
            module,
            self.time,
            self.past,
            self.total,
            extended,
            frozenset(self.states),
            frozenset(self.calls),
            self.positional,
        )

    def joins(self, member: t.Definition, after: Mapping[str, t.Equation]) -> bool:
        """Whether all positions of a member of a group are put together within its loop: one
        over layers, not over time."""
        return member.name in after and not any(
            m.name in self.states
            for group in self.module.groups
            if member in group.members
            for m in group.members
        )

    def all_positions(self, name: str) -> t.Equation:
        """The tensor at all positions so far, to be filled from what is kept."""
        tensor = self.module.tensor(name)
        own = tensor.axes if isinstance(tensor, t.Equation | t.WholeEquation) else ()
        axes = []
        for i, dim in enumerate(tensor.dims):
            index = own[i].name if i < len(own) else f"{name}_{i}"
            if i == self.new[name]:
                index = f"{name}_{self.total}"
                dim = rebuild_size(dim, self.time, self.total)
            axes.append(t.Bound(tensor.span, index, dim))
        subscripts = tuple(t.IndexRef(tensor.span, axis.name) for axis in axes)
        body = t.Element(tensor.span, name, subscripts, tensor.type)
        full = f"{name}_all"
        while full in self.module.definitions or self.module.variable(full):
            full += "_"
        return t.Equation(tensor.span, full, tuple(axes), body, False)

    def at_new(self, name: str, definition: t.Definition) -> t.Definition:
        if isinstance(definition, t.Recurrence):
            base = self.part(definition.base, self.now(name, definition, definition.base))
            step = self.part(definition.step, self.now(name, definition, definition.step))
            return replace(definition, base=base, step=step)
        return self.part(definition, self.now(name, definition, definition))

    def part(
        self, part: t.Equation | t.WholeEquation, now: str | None
    ) -> t.Equation | t.WholeEquation:
        axes = tuple(self.bound(a) if a.name != now else a for a in part.axes)
        if isinstance(part, t.Equation):
            return replace(part, axes=axes, body=self.expr(part.body, now))
        return replace(part, axes=axes, body=self.whole(part.body, now))

    def whole(self, whole: t.Whole, now: str | None) -> t.Whole:
        if isinstance(whole, t.View):
            element = t.Element(whole.span, whole.tensor, whole.subscripts, whole.type)
            moved = self.element(element, now)
            return replace(whole, tensor=moved.tensor, subscripts=moved.subscripts)
        call = whole.call
        arguments: dict[str, t.Whole | t.Expr] = {}
        for name, value in call.arguments.items():
            if isinstance(value, t.View | t.Output):
                arguments[name] = self.whole(value, now)
            else:
                arguments[name] = self.expr(value, now)
        instance = None if call.instance is None else self.expr(call.instance, now)
        return replace(whole, call=replace(call, arguments=arguments, instance=instance))

    def bound(self, axis: t.Bound) -> t.Bound:
        return replace(axis, range=rebuild_size(axis.range, self.time, self.total))

    def expr(self, e: t.Expr, now: str | None) -> t.Expr:
        match e:
            case t.IndexRef() if e.name == now:
                self.positional = True
                past = t.IndexRef(e.span, self.past)
                return t.Add(e.span, ((1, past), (1, e)), "int")
            case t.Element():
                return self.element(e, now)
            case t.Row():
                if e.at.name == now:
                    message = f"`{e.operator}` runs along the positions in time"
                    self.obstacles.append(Obstacle(e.span, message))
                moved = rebuild(e, lambda x: self.expr(x, now))
                assert isinstance(moved, t.Row)
                return replace(moved, bound=self.bound(e.bound))
            case t.Reduce():
                moved = rebuild(e, lambda x: self.expr(x, now))
                assert isinstance(moved, t.Reduce)
                return replace(moved, bound=tuple(self.bound(b) for b in e.bound))
            case _:
                return rebuild(e, lambda x: self.expr(x, now))

    def element(self, e: t.Element, now: str | None) -> t.Element:
        """An element of the new positions where it is the equation's own, else of all."""
        position = self.new.get(e.tensor)
        if position is None:
            return replace(e, subscripts=tuple(self.expr(s, now) for s in e.subscripts))
        if self.is_own(e.tensor, e, now):
            own = [s if i == position else self.expr(s, now) for i, s in enumerate(e.subscripts)]
            return replace(e, subscripts=tuple(own))
        name = self.all_positions(e.tensor).name
        return replace(e, tensor=name, subscripts=tuple(self.expr(s, now) for s in e.subscripts))


def rebuild_size(e: t.Expr, old: str, new: str) -> t.Expr:
    """A size expression with another size in place of one."""
    if is_size(e, old):
        return t.SizeRef(e.span, new)
    return rebuild(e, lambda x: rebuild_size(x, old, new))


def _is_index(read: Read, place: int, name: str) -> bool:
    at = read.subscripts[place] if place < len(read.subscripts) else None
    return isinstance(at, t.IndexRef) and at.name == name and name not in read.hidden
