"""Reads spec files and checks them: a folder of text -> typed modules.

    path -> Source -> File -> World -> Module

Files are read once each, and those that a file imports before it.
"""

from __future__ import annotations

import hashlib
import keyword
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from . import syntax as s
from . import typed as t
from .check import check, prelude
from .check_scope import World
from .diagnostics import Diagnostic, Log, suggest
from .parse import parse
from .project import SHIPPED, names_under, place
from .source import Clean, Source


def load(root: Path, log: Log, files: Sequence[Path] | None = None) -> dict[str, t.Module]:
    """Every module under `root`, or of the named files and what they import, by qualified
    name, in the order of paths and text. A file with errors contributes none."""
    if not root.is_dir():
        _missing(log, root, "there is no such folder")
        return {}
    if files is None:
        names = names_under(root)
    else:
        found = [name_of(root, path, log) for path in files]
        names = [name for name in found if name is not None]
    return load_names(root, log, names)[0]


def load_names(
    root: Path, log: Log, names: Iterable[str]
) -> tuple[dict[str, t.Module], dict[str, Clean]]:
    """The modules of the files of these dotted names and of what they import, as `load` gives
    them; and those of the files, by dotted name, that are clean."""
    library = _Library(root, log)
    for name in names:
        library.world(name)
    modules: dict[str, t.Module] = {}
    for name in sorted(library.worlds, key=_in_path_order):
        world = library.worlds[name]
        if world is None or name in library.failed or name.startswith(f"{SHIPPED}."):
            continue
        for checked in world.modules.values():
            if checked is not None:
                modules[checked.module.qualified] = checked.module
    return modules, library.clean


def name_of(root: Path, path: Path, log: Log) -> str | None:
    """The dotted name of a spec file under the root; None, and an error, where it is none."""
    try:
        inside = path.resolve().relative_to(root.resolve())
    except ValueError:
        _missing(log, path, f"this file is not under `{root.as_posix()}`")
        return None
    if not path.is_file():
        _missing(log, path, "there is no such file")
        return None
    return ".".join(inside.with_suffix("").parts)


def read(path: Path, shown: str, log: Log) -> Source | None:
    """The text of a spec file; None, and an error, where it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        _missing(log, path, f"this file cannot be read: {reason}", shown)
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = data[error.start]
        log.record(
            Diagnostic(
                "E001",
                f"the file is not UTF-8: byte {error.start} is 0x{byte:02x}",
                path=shown,
                help="save it as UTF-8",
            )
        )
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return Source(shown, text, hashlib.sha256(data).hexdigest())


@cache
def prelude_world() -> World:
    """The functions that every file may use."""
    log = Log()
    source = read(Path(__file__).parent / "prelude.eq", "prelude.eq", log)
    assert source is not None
    world = prelude(parse(source, log), log)
    log.raise_errors()
    return world


def _missing(log: Log, path: Path, message: str, shown: str = "") -> None:
    log.record(Diagnostic("E002", message, path=shown or path.as_posix()))


def _in_path_order(name: str) -> list[str]:
    return name.split(".")


def _resolved(origin: str, importer: str) -> str:
    """The dotted name of what a file imports: specs that come with lawful import one another."""
    if importer.startswith(f"{SHIPPED}.") and not origin.startswith(f"{SHIPPED}."):
        return f"{SHIPPED}.{origin}"
    return origin


@dataclass(slots=True)
class _Library:
    """The files read so far, by dotted name. None: read, and wrong."""

    root: Path
    log: Log
    worlds: dict[str, World | None] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    clean: dict[str, Clean] = field(default_factory=dict)

    def world(self, name: str) -> World | None:
        """The functions and modules of a file, checked; None where it has errors."""
        if name in self.worlds:
            return self.worlds[name]
        self.worlds[name] = None
        path, shown = place(self.root, name)
        source = read(path, shown, self.log)
        if source is None:
            return None
        own = Log()
        self._check_path(name, shown)
        file = parse(source, own)
        self.path.append(name)
        imported = self._imports(file, own)
        self.path.pop()
        world = check(file, name, imported, own)
        self.log.record(*own.diagnostics)
        if own.failed:
            self.failed.add(name)
        elif not own.diagnostics and name not in self.failed:
            origins = dict.fromkeys(_resolved(i.origin.name, name) for i in file.imports)
            qualified = [c.module.qualified for c in world.modules.values() if c is not None]
            self.clean[name] = Clean(source.digest, tuple(origins), tuple(qualified))
        self.worlds[name] = world
        return world

    def _check_path(self, name: str, shown: str) -> None:
        """Generated code lies at the same path, so every part of it must be a Python name."""
        for part in name.split("."):
            if not part.isidentifier() or not part.isascii() or keyword.iskeyword(part):
                self.failed.add(name)
                self.log.record(
                    Diagnostic(
                        "E009",
                        f"`{part}` cannot be the name of a Python module",
                        path=shown,
                        help="files and folders are named with ASCII letters, digits and `_`",
                    )
                )
                return

    def _imports(self, file: s.File, log: Log) -> World:
        """What a file starts from: the prelude, and what it imports."""
        base = prelude_world()
        world = World(dict(base.functions), {})
        mine: dict[str, s.Ident] = {}
        for statement in file.imports:
            origin = statement.origin
            other = self._imported(origin, log)
            for name in statement.names:
                if name.name in mine:
                    log.add(
                        "E202",
                        name.span,
                        f"`{name.name}` is imported twice",
                        help=f"it is first imported in line {mine[name.name].span.line}",
                    )
                    continue
                mine[name.name] = name
                if other is None:
                    world.modules[name.name] = world.functions[name.name] = None
                elif name.name in other.modules:
                    world.modules[name.name] = other.modules[name.name]
                elif name.name in other.functions:
                    world.functions[name.name] = other.functions[name.name]
                else:
                    known = [*other.modules, *other.functions]
                    log.add(
                        "E702",
                        name.span,
                        f"`{origin.name}` has no module or def `{name.name}`",
                        help=suggest(name.name, known),
                    )
                    world.modules[name.name] = world.functions[name.name] = None
        return world

    def _imported(self, origin: s.Ident, log: Log) -> World | None:
        name = _resolved(origin.name, self.path[-1])
        if name in self.path:
            cycle = [*self.path[self.path.index(name) :], name]
            log.add(
                "E703",
                origin.span,
                f"the imports form a circle: {' -> '.join(cycle)}",
                help="move what both need into a file of its own",
            )
            return None
        path, shown = place(self.root, name)
        if not path.is_file():
            near = suggest(name, names_under(self.root)) if self.root.is_dir() else ""
            log.add("E701", origin.span, f"there is no file `{shown}`", help=near)
            return None
        return self.world(name)
