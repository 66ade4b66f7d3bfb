"""What a generated file calls its own functions and classes, and those it imports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from . import typed as t
from .names import class_name, python_name, snake_case
from .program import Call, Program, walk
from .project import SHIPPED


@dataclass(frozen=True, slots=True)
class FileNames:
    """By qualified name of a module: what its function, its function of new positions and its
    class are called in this file. `imports` are the statements that bring in those of other
    files."""

    functions: Mapping[str, str]
    steps: Mapping[str, str]
    classes: Mapping[str, str]
    imports: tuple[str, ...]


def file_names(programs: Sequence[Program], stepped: Sequence[Program]) -> FileNames:
    """The names for the programs of a file, of which `stepped` are fed position by position. A
    function that a name of some caller would hide gets a `_` in front."""
    own = {program.module.qualified for program in programs}
    needed: dict[str, dict[str, str]] = {}
    functions, steps, classes = dict[str, str](), dict[str, str](), dict[str, str]()
    everything = [*programs, *stepped]
    local = set[str]().union(*(_local_names(program) for program in everything))
    here = programs[0].module.qualified.rpartition(".")[0]

    def name(table: dict[str, str], module: t.Module, plain: str) -> None:
        alias = f"_{plain}" if plain in local else plain
        table[module.qualified] = alias
        if module.qualified not in own:
            origin = _origin(module.qualified.rpartition(".")[0], here)
            needed.setdefault(origin, {})[plain] = alias

    for program in everything:
        name(functions, program.module, snake_case(program.module.name))
        name(classes, program.module, class_name(program.module.name))
        for call in _calls(program):
            if call.slot is None:
                name(functions, call.module, snake_case(call.module.name))
            else:
                name(steps, call.module, step_name(call.module))
        for submodule in program.module.submodules.values():
            name(classes, submodule.module, class_name(submodule.module.name))
    for program in stepped:
        name(steps, program.module, step_name(program.module))
    imports = []
    for origin, names in sorted(needed.items()):
        listed = (n if n == alias else f"{n} as {alias}" for n, alias in sorted(names.items()))
        imports.append(f"from {origin} import {', '.join(listed)}")
    return FileNames(functions, steps, classes, tuple(imports))


def step_name(module: t.Module) -> str:
    """The function of a module that is fed new positions."""
    return f"{snake_case(module.name).rstrip('_')}_step"


def _calls(program: Program) -> Iterator[Call]:
    """The calls of other modules in a program."""
    for step in program.steps:
        for node in walk(step.body):
            if isinstance(node, Call):
                yield node


def _local_names(program: Program) -> set[str]:
    """The names that a module's function, constructor and `forward` give to other things."""
    module = program.module
    names = {*module.sizes, *module.indices, *module.inputs, *module.params, *module.randoms}
    names |= {*module.consts, *(step.name.partition(".")[0] for step in program.steps)}
    return {python_name(name) for name in names}


def _origin(stem: str, here: str) -> str:
    """Where a file imports another from, both by dotted names of their specs."""
    if stem.startswith(f"{SHIPPED}."):
        return f"{SHIPPED}.generated.{stem.removeprefix(f'{SHIPPED}.')}"
    ours, theirs = here.split("."), stem.split(".")
    shared = 0
    while shared < min(len(ours), len(theirs)) - 1 and ours[shared] == theirs[shared]:
        shared += 1
    return "." * (len(ours) - shared) + ".".join(theirs[shared:])
