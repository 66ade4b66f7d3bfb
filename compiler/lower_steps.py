"""`incremental t`: the program that is fed a few positions in time, and keeps what later ones
still read."""

from __future__ import annotations

import itertools
from dataclasses import replace

from . import typed as t
from .lower import Definitions
from .program import (
    Call,
    Counter,
    Extend,
    Gather,
    Node,
    Program,
    Recall,
    Slice,
    Step,
    bottom_up,
)
from .stepwise import Stepwise, is_size, stepwise


def lower_steps(module: t.Module) -> tuple[Program, Stepwise]:
    """The program of the new positions, and what it keeps. The module is incremental, and
    nothing stands against it."""
    assert module.incremental is not None
    time = module.indices[module.incremental].range
    assert isinstance(time, t.SizeRef)
    new, obstacles = stepwise(module, time.name)
    assert not obstacles, obstacles[0].message
    program = Definitions(new.module, scalars=frozenset({new.past})).program()
    steps = tuple(_keep(program, step, new) for step in program.steps)
    return replace(program, steps=steps), new


def _keep(program: Program, step: Step, new: Stepwise) -> Step:
    """The step with what was kept where the module at new positions leaves it open."""
    if step.name in new.extended:
        return replace(step, body=_extend(program, step, new), spans=())
    if step.name in new.states and step.loop is None:
        return replace(step, body=Recall(step.name, step.body, step.axes, step.body.type))

    calls = itertools.count(1)

    def rule(node: Node) -> Node:
        if isinstance(node, Call) and node.module.qualified in new.calls:
            number = next(calls)
            return replace(node, slot=step.name + (f".{number}" if number > 1 else ""))
        return node

    return replace(step, body=bottom_up(step.body, rule))


def _extend(program: Program, step: Step, new: Stepwise) -> Extend:
    """All positions, from the new ones, which the step as it was lowered reads as if they were
    all."""
    equation = new.module.definitions[step.name]
    assert isinstance(equation, t.Equation)
    source = new.extended[step.name]
    axis = equation.axes[source.position].name
    fresh = step.body
    if isinstance(fresh, Gather):
        dims = tuple(
            program.ranges[s.axis] if isinstance(s, Slice) else dim
            for s, dim in zip(fresh.subscripts, fresh.dims, strict=True)
        )
        fresh = replace(fresh, dims=dims)
    over = () if step.loop is None else (Counter(program.loops[step.loop].index),)
    position = step.axes.index(axis)
    more = 0 if is_size(equation.axes[source.position].range, new.total) else 1
    return Extend(source.source, fresh, position, more, step.axes, over, fresh.type)
