"""What lawful remembers between runs: JSON below the cache folder of the user.

    $XDG_CACHE_HOME/lawful/KIND/KEY.json, else ~/.cache/lawful/KIND/KEY.json

A key is a hash of all that an entry follows from, so that an entry is never out of date. None
lies in a project: what came with a stranger's project would be believed. What cannot be read or
written, or is not as it was written, is not there.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from ..compiler.project import PACKAGE

UNUSED = 30 * 24 * 3600
"""After so many seconds without use, an entry goes."""
_SOURCES = ("cli", "compiler", "runtime", "verifier")


def read(kind: str, key: str) -> Any:
    """The entry of a key; None where there is none."""
    path = _path(kind, key)
    try:
        seal, _, body = path.read_bytes().partition(b"\n")
        if digest(body) != seal.decode(errors="replace"):
            return None
        os.utime(path)
    except OSError:
        return None
    return json.loads(body)


def write(kind: str, key: str, entry: Any) -> None:
    """Keep an entry, whole or not at all; let go of those that were long unused."""
    path = _path(kind, key)
    body = json.dumps(entry, separators=(",", ":")).encode()
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(digest(body).encode() + b"\n" + body)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        _prune(path.parent)


def remove(kind: str, key: str) -> None:
    """Let go of an entry."""
    with contextlib.suppress(OSError):
        _path(kind, key).unlink(missing_ok=True)


@functools.cache
def _prune(folder: Path) -> None:
    """Remove what was long unused, once in a process."""
    oldest = time.time() - UNUSED
    for path in folder.iterdir():
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)


def _path(kind: str, key: str) -> Path:
    """Where an entry lies; in a place that cannot be where the user has no home."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    folder = named if os.path.isabs(named) else os.path.expanduser("~/.cache")
    return Path(folder if os.path.isabs(folder) else os.devnull, "lawful", kind, f"{key}.json")


def digest(*parts: bytes | str) -> str:
    """One hash of parts, each with its length."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode(errors="surrogateescape") if isinstance(part, str) else part
        whole.update(b"%d:" % len(data))
        whole.update(data)
    return whole.hexdigest()


def sources() -> str:
    """A hash of lawful itself, all but specs and generated code, and of the Python that runs."""
    paths = [PACKAGE / "__init__.py"]
    for folder in _SOURCES:
        paths += sorted(path for path in (PACKAGE / folder).rglob("*") if _is_source(path))
    parts: list[bytes | str] = [sys.version]
    for path in paths:
        parts += [path.relative_to(PACKAGE).as_posix(), path.read_bytes()]
    return digest(*parts)


def _is_source(path: Path) -> bool:
    return path.suffix in (".py", ".lark", ".eq", ".j2")


def versions(*names: str) -> list[str]:
    """The versions of installed distributions; '' for one that is not there."""
    found = []
    for name in names:
        try:
            found.append(metadata.version(name))
        except metadata.PackageNotFoundError:
            found.append("")
    return found
