"""The holes of the templates: Python text all of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """The statements of one step, under the equations they implement; indented in a loop."""

    comments: tuple[str, ...]
    statements: tuple[str, ...]
    indent: str = ""


@dataclass(frozen=True, slots=True)
class FunctionFrame:
    """A function of a module: of whole tensors, or of new positions in time. `called` is what
    the file calls it."""

    name: str
    called: str
    decorator: str
    parameters: tuple[str, ...]
    returns: str
    doc: str
    checks: tuple[str, ...]
    blocks: tuple[Block, ...]
    result: str


@dataclass(frozen=True, slots=True)
class MethodFrame:
    """A method of the class that hands on to a function."""

    name: str
    parameters: tuple[str, ...]
    returns: str
    doc: str
    result: str


@dataclass(frozen=True, slots=True)
class ModuleFrame:
    """The holes of `module.py.j2`, all of them Python text."""

    class_name: str
    outputs: tuple[str, ...]
    spec: str
    functions: tuple[FunctionFrame, ...]
    class_doc: str
    init_parameters: tuple[str, ...]
    init_body: tuple[str, ...]
    resets: tuple[str, ...]
    methods: tuple[MethodFrame, ...]


@dataclass(frozen=True, slots=True)
class FileFrame:
    """The holes of `file.py.j2`."""

    docstring: str
    imports: tuple[str, ...]
    own_imports: tuple[str, ...]
    modules: tuple[str, ...]
