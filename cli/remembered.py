"""Reports of generated code that was found right, and of which nothing has changed since.

    spec, code, kept cases, options, lawful, libraries, machine  ──hash──▶  report

Only what is OK is kept, found on the CPU, of code that is as the compiler wrote it and reaches
nothing but PyTorch, lawful and other such code: somebody else's may rest on anything.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.outputs import is_generated, packages
from ..compiler.project import PACKAGE, SHIPPED
from . import cache

if TYPE_CHECKING:
    from ..compiler.source import Clean
    from ..verifier.plan import Options
    from ..verifier.report import Report
    from .commands import Selection

KIND = "reports"
LIBRARIES = ("torch", "numpy", "python-flint", "sympy", "mpmath")
KNOWN = frozenset({"__future__", "collections", "math", "torch", "typing"})
"""What generated code may import beside lawful: how these behave, versions tell."""
_IMPORT = re.compile(r"\bimport\b")
_FORM = re.compile(r"(?:from|import) (\.*)([\w.]*)(?: import [\w ,()]*)?")
"""An import as the compiler writes it; the word anywhere else might read anything."""
VARIABLES = ("ATEN_", "DNNL_", "KMP_", "MKL_", "OMP_", "ONEDNN_", "PYTORCH_", "TORCH")
"""How the names of environment variables begin that may change what PyTorch computes."""


def keys(selected: Selection, options: Options) -> dict[str, str]:
    """By name of a selected module: a hash of all that its report follows from. There is none of
    a module whose report may rest on more."""
    if options.case is not None or options.device != "cpu":
        return {}
    variables = sorted(entry for entry in os.environ.items() if entry[0].startswith(VARIABLES))
    choices = (options.level, options.dtypes, options.seed, options.regime)
    run = [cache.sources(), *cache.versions(*LIBRARIES), platform.platform(), platform.node()]
    run += [repr(variables), repr(choices)]
    found, files = {}, _Code()
    for name in selected.names:
        stem = name.rpartition(".")[0]
        spec = _spec(stem, selected.clean)
        code = files.of((selected.project.out, stem.replace(".", "/") + ".py"))
        if spec is not None and code is not None:
            cases = _kept(options.cases, name)
            found[name] = cache.digest(*run, name, repr(spec), repr(code), repr(cases))
    return found


def recall(keys: Mapping[str, str]) -> dict[str, Report]:
    """The reports that are kept under keys, by name of the module."""
    from ..verifier.report import from_dict

    entries = {name: cache.read(KIND, key) for name, key in keys.items()}
    return {name: from_dict(entry, cached=True) for name, entry in entries.items() if entry}


def remember(
    reports: Sequence[Report], before: Mapping[str, str], after: Mapping[str, str]
) -> None:
    """Keep the reports of a run that are OK. Keys are those from before the run and after it:
    where they differ, it is open what was verified."""
    from ..verifier.report import from_dict

    for report in reports:
        key = before.get(report.module)
        if key is None or key != after.get(report.module):
            continue
        entry = report.as_dict()
        if report.ok and from_dict(entry).as_dict() == entry:
            cache.write(KIND, key, entry)
        else:
            cache.remove(KIND, key)


def _spec(stem: str, clean: Mapping[str, Clean]) -> list[tuple[str, str]] | None:
    """The hashes of a spec file and of all that it imports; None where one is not clean."""
    found: dict[str, str] = {}
    pending = [stem]
    while pending:
        name = pending.pop()
        if name not in clean:
            return None
        if name not in found:
            found[name] = clean[name].digest
            pending += clean[name].imports
    return sorted(found.items())


Place = tuple[Path, str]
"""A generated file: the folder of generated code, and the path below it."""


@dataclass(frozen=True, slots=True)
class _File:
    """A generated file: the hash of its text, and what it imports that is generated."""

    digest: str
    origins: tuple[Place, ...]


class _Code:
    """Generated files, each read once."""

    def __init__(self) -> None:
        self.files: dict[Place, _File | None] = {}

    def of(self, place: Place) -> list[tuple[str, str]] | None:
        """The hashes of a file and of all generated code that it imports; None where one is not
        as the compiler wrote it, or imports something else."""
        found: dict[str, str] = {}
        pending = [place]
        while pending:
            place = pending.pop()
            file = self.files[place] if place in self.files else _read(*place)
            self.files[place] = file
            if file is None:
                return None
            shown = str(Path(*place))
            if shown not in found:
                found[shown] = file.digest
                pending += file.origins
        return sorted(found.items())


def _read(out: Path, path: str) -> _File | None:
    try:
        text = (out / path).read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return None
    if not is_generated(text):
        return None
    own = packages(path.removesuffix(".py")) if not path.endswith("__init__.py") else []
    origins = [(out, package) for package in own]
    for line in text.split("\n"):
        if _IMPORT.search(line):
            found = _origin(line, out, path)
            if found is None:
                return None
            origins += found
    return _File(cache.digest(text), tuple(origins))


def _origin(line: str, out: Path, path: str) -> list[Place] | None:
    """The generated files that a line with an import reads; None where it may read something
    else."""
    match = _FORM.fullmatch(line)
    if match is None:
        return None
    dots, module = match.groups()
    if dots:
        folders = list(Path(path).parents)
        if not module or len(dots) > len(folders):
            return None
        return [(out, (folders[len(dots) - 1] / (module.replace(".", "/") + ".py")).as_posix())]
    if module.startswith(f"{SHIPPED}.generated."):
        inside = module.removeprefix(f"{SHIPPED}.generated.").replace(".", "/")
        return [(PACKAGE / "generated", f"{inside}.py")]
    own = f"{module}.".startswith(f"{SHIPPED}.runtime.")
    return [] if own or module.partition(".")[0] in KNOWN else None


def _kept(folder: Path | None, name: str) -> list[tuple[str, str]]:
    """The hashes of the cases that are kept of a module."""
    paths = sorted((folder / name).glob("*.json")) if folder else []
    return [(path.name, cache.digest(path.read_bytes())) for path in paths]
