"""Where specs and generated code lie, and which modules a name selects."""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
SHIPPED = "lawful"
"""Imports that begin with this name go to the specs that come with lawful."""


class UsageError(Exception):
    """Wrong usage: a missing folder, an unknown name, nothing selected. Exit status 2."""


@dataclass(frozen=True, slots=True)
class Project:
    """The folder of specs and the folder of generated code.

    `shipped`: it is the library that comes with lawful, which is read-only.
    """

    root: Path
    out: Path
    shipped: bool


def shipped() -> Project:
    """The library that comes with lawful."""
    return Project(PACKAGE / "spec", PACKAGE / "generated", True)


def place(root: Path, name: str) -> tuple[Path, str]:
    """Where the spec file of a dotted name lies, and how its path is shown."""
    parts = name.split(".")
    if parts[0] == SHIPPED and len(parts) > 1:
        inside = Path(*parts[1:]).with_suffix(".eq")
        return PACKAGE / "spec" / inside, f"lawful/spec/{inside.as_posix()}"
    path = root / Path(*parts[:-1], parts[-1] + ".eq")
    return path, path.as_posix()


def names_under(root: Path) -> list[str]:
    """The dotted names of all spec files below a folder, in the order of paths."""
    paths = (path for path in root.rglob("*.eq") if path.is_file())
    return sorted(".".join(path.relative_to(root).with_suffix("").parts) for path in paths)


def find_project(spec: Path | None = None, out: Path | None = None) -> Project:
    """The project that the options, the nearest pyproject.toml or the current folder name;
    else the shipped library. Raises UsageError where a folder that was named is missing."""
    if spec is not None:
        if not spec.is_dir():
            raise UsageError(f"there is no folder {spec}")
        return Project(spec, out or _beside(spec), False)
    for folder in (Path.cwd(), *Path.cwd().parents):
        config = folder / "pyproject.toml"
        if not config.is_file():
            continue
        try:
            tools = tomllib.loads(config.read_text(encoding="utf-8")).get("tool", {})
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{config} is not valid TOML: {error}") from error
        except OSError as error:
            raise UsageError(f"{config} cannot be read: {error.strerror}") from error
        table = tools.get("lawful") if isinstance(tools, dict) else None
        if table is not None and not isinstance(table, dict):
            raise UsageError(f"[tool.lawful] in {config} is not a table")
        if table is not None:
            root = _shorten(folder / str(table.get("spec", "spec")))
            if not root.is_dir():
                raise UsageError(f"there is no folder {root}, which {config} names")
            target = folder / str(table["out"]) if "out" in table else _beside(root)
            return Project(root, out or _shorten(target), False)
        break
    local = Path("spec")
    if local.is_dir():
        return Project(local, out or Path("generated"), False)
    library = shipped()
    return Project(library.root, out or library.out, out is None)


def _beside(root: Path) -> Path:
    """Where generated code goes by default: beside the spec root."""
    named = root if root.name not in ("", "..") else root.resolve()
    return named.parent / "generated"


def _shorten(path: Path) -> Path:
    """The path relative to the current folder where it lies below that."""
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path


def select(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """The qualified names that any of the names selects: itself, a prefix at a dot, a glob.

    All where no name is given. Raises UsageError where a name selects nothing.
    """
    known = list(known)
    names = list(names)
    if not names:
        if not known:
            raise UsageError("there are no modules")
        return known
    chosen: set[str] = set()
    for name in names:
        found = {
            module
            for module in known
            if module == name or module.startswith(name + ".") or fnmatch.fnmatchcase(module, name)
        }
        if not found:
            from .diagnostics import suggest

            hint = suggest(name, known)
            raise UsageError(f"no module is called `{name}`" + (f"; {hint}" if hint else ""))
        chosen |= found
    return [module for module in known if module in chosen]
