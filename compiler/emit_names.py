"""What a generated file calls its own functions and classes, and those it imports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from . import typed as t
from .library import SHIPPED
from .names import class_name, python_name, snake_case
from .program import Call, Program, walk


@dataclass(frozen=True, slots=True)
class FileNames:
    """By qualified name of a module: what its function and its class are called in this file.
    `imports` are the statements that bring in those of other files."""

    functions: Mapping[str, str]
    classes: Mapping[str, str]
    imports: tuple[str, ...]


def file_names(programs: Sequence[Program]) -> FileNames:
    """A function that a name of some caller would hide gets a `_` in front."""
    own = [program.module for program in programs]
    callees = {m.qualified: m for program in programs for m in _callees(program)}
    held = {m.qualified: m for module in own for m in _held(module)}
    everything = {m.qualified: m for m in own} | callees | held
    hidden = set[str]()
    for program in programs:
        local = _local_names(program)
        called = [program.module, *_callees(program)]
        hidden |= {m.qualified for m in called if snake_case(m.name) in local}
        hidden |= {m.qualified for m in _held(program.module) if class_name(m.name) in local}
    functions, classes = dict[str, str](), dict[str, str]()
    lines: dict[str, list[str]] = {}
    here = own[0].qualified.rpartition(".")[0]
    for name, module in everything.items():
        prefix = "_" if name in hidden else ""
        function, class_ = snake_case(module.name), class_name(module.name)
        functions[name], classes[name] = prefix + function, class_
        if module in own:
            continue
        origin = _origin(name.rpartition(".")[0], here)
        used = [(function, functions[name])] if name in callees else []
        if name in held:
            classes[name] = prefix + class_
            used.append((class_, classes[name]))
        lines.setdefault(origin, []).extend(
            known if known == alias else f"{known} as {alias}" for known, alias in used
        )
    statements = [f"from {origin} import {', '.join(sorted(n))}" for origin, n in lines.items()]
    return FileNames(functions, classes, tuple(sorted(statements)))


def _callees(program: Program) -> Iterator[t.Module]:
    """The modules that a program calls."""
    for step in program.steps:
        for node in walk(step.body):
            if isinstance(node, Call):
                yield node.module


def _held(module: t.Module) -> Iterator[t.Module]:
    """The modules of its submodules."""
    for submodule in module.submodules.values():
        yield submodule.module


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
