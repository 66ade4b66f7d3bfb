"""What earlier runs found of the specs of a project, so that what has not changed since need not
be looked at again.

    bytes of specs, bytes of lawful  ──▶  names of modules, hashes of their code

A file is known where its bytes, and those of all that it imports, are what they were. Of one with
an error or a warning nothing is kept: it must be said each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..compiler.project import SHIPPED, place
from ..compiler.source import Clean
from . import cache

KIND = "specs"


@dataclass(slots=True)
class Stamp:
    """The known files of a spec root by dotted name, and the hashes of the generated files that
    they give, by path. `key` is a hash of lawful, the root, and the rules left out."""

    key: str
    known: dict[str, Clean]
    code: dict[str, str]

    def learn(self, clean: Mapping[str, Clean], files: Mapping[str, str]) -> None:
        """Take in what a run found: files that are clean, and the code of some of them."""
        if any(self.known.get(name, found) != found for name, found in clean.items()):
            return  # a file has changed since it was looked at, and what rests on it is unknown
        self.known |= clean
        self.code |= {path: cache.digest(text) for path, text in files.items()}
        known = {name: (c.digest, c.imports, c.modules) for name, c in self.known.items()}
        cache.write(KIND, self.key, {"known": known, "code": self.code})

    def modules(self, names: Iterable[str]) -> list[str]:
        """The modules of known files and of all that these import, in the order of paths; none
        of those that ship with lawful."""
        found: set[str] = set()
        pending = list(names)
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending += self.known[name].imports
        own = [name for name in found if not name.startswith(f"{SHIPPED}.")]
        return [module for name in sorted(own) for module in self.known[name].modules]

    def give(self, paths: Iterable[str], there: Mapping[str, str]) -> bool:
        """Whether these generated files are there, and what the specs give."""
        return all(p in there and self.code.get(p) == cache.digest(there[p]) for p in paths)


def stamp(root: Path, without: Collection[str] = ()) -> Stamp:
    """What is known of the specs below a root as they are now."""
    parts = [cache.sources(), *cache.versions("jinja2", "lark", "ruff")]
    key = cache.digest(*parts, str(root.resolve()), *sorted(without))
    entry = cache.read(KIND, key) or {"known": {}, "code": {}}
    then = {
        name: Clean(digest, tuple(imports), tuple(modules))
        for name, (digest, imports, modules) in entry["known"].items()
    }
    same = {name for name, clean in then.items() if _digest(root, name) == clean.digest}
    while lost := {name for name in same if not same.issuperset(then[name].imports)}:
        same -= lost
    code = {
        path: seal
        for path, seal in entry["code"].items()
        if path.endswith("__init__.py") or path.removesuffix(".py").replace("/", ".") in same
    }
    return Stamp(key, {name: then[name] for name in same}, code)


def _digest(root: Path, name: str) -> str:
    """The SHA-256 of a spec file; '' where it cannot be read."""
    try:
        return hashlib.sha256(place(root, name)[0].read_bytes()).hexdigest()
    except OSError:
        return ""
