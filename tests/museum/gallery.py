"""The museum: bugs that really happened, each a spec, right code, and wrong code.

    tests/museum/eNN_*/   exhibit.toml, code.py, and spec.eq unless a module of the library is meant
    tests/museum/c_*/     the same without wrong code: what was reported, and is no bug

In `code.py` functions whose names begin with `right` are the equation, those that begin with
`wrong` are not. They take and return what an `--impl` does.
"""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import lawful
from lawful.compiler import library
from lawful.compiler.diagnostics import Log
from lawful.compiler.project import shipped
from lawful.compiler.typed import Module
from lawful.verifier.report import Report

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A bug, or with no wrong code a control. `links` are issues; `equation`, `bug` and
    `hidden` say in a sentence each what should be, what was, and why tests passed it."""

    name: str
    title: str
    links: tuple[str, ...]
    equation: str
    bug: str
    hidden: str
    folder: Path
    module: str | None

    @property
    def control(self) -> bool:
        return self.name.startswith("c_")

    def spec(self) -> Module:
        """The module that the code should be."""
        if self.module is not None:
            return _library()[self.module]
        return _own(self.folder)

    def functions(self, prefix: str) -> dict[str, Callable[..., Any]]:
        """The functions of `code.py` whose names begin so, in its order."""
        found = vars(_code(self.folder)).items()
        return {name: f for name, f in found if name.startswith(prefix) and callable(f)}

    def verify(self, function: Callable[..., Any], seed: int = 0) -> Report:
        """What an ordinary run at level quick, in all dtypes, says of a function."""
        return lawful.verify(self.spec(), function, dtypes=DTYPES, seed=seed)


DTYPES = ("float64", "float32", "bfloat16")


def exhibits() -> list[Exhibit]:
    """All exhibits, and then the controls."""
    folders = sorted(path.parent for path in HERE.glob("*/exhibit.toml"))
    found = [_read(folder) for folder in folders]
    return sorted(found, key=lambda exhibit: (exhibit.control, exhibit.name))


def _read(folder: Path) -> Exhibit:
    data = tomllib.loads((folder / "exhibit.toml").read_text(encoding="utf-8"))
    return Exhibit(
        name=folder.name,
        title=data["title"],
        links=tuple(data["links"]),
        equation=data["equation"],
        bug=data["bug"],
        hidden=data["hidden"],
        folder=folder,
        module=data.get("module"),
    )


@cache
def _library() -> Mapping[str, Module]:
    log = Log()
    modules = library.load(shipped().root, log)
    log.raise_errors()
    return modules


@cache
def _own(folder: Path) -> Module:
    (name,) = lawful.list_modules(folder)
    return lawful.load(name, root=folder)


@cache
def _code(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"museum_{folder.name}", folder / "code.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
