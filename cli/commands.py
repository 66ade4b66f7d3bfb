"""`lawful check` and `lawful build`, and the modules that a command's names select."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.project import (
    SHIPPED,
    Project,
    UsageError,
    find_project,
    names_under,
    select,
    shipped,
)
from .stamp import stamp

if TYPE_CHECKING:
    from ..compiler.diagnostics import Log
    from ..compiler.source import Clean
    from ..compiler.typed import Module

    Loaded = tuple[dict[str, Module], dict[str, Clean]]


def check_command(files: Sequence[Path], spec: Path | None, *, quiet: bool) -> int:
    """Status 0 where every spec is well-formed, 1 with diagnostics on stderr where not."""
    root = _root_of(files, spec)
    names = names_under(root) if not files else [n for f in files if (n := _name(root, f))]
    known = stamp(root)
    fresh = [name for name in names if name not in known.known]
    modules = set(known.modules(name for name in names if name in known.known))
    if fresh or len(names) < len(files):
        from ..compiler.diagnostics import Log
        from ..compiler.library import load_names, name_of

        log = Log()
        for file in files:
            name_of(root, file, log)
        loaded, clean = load_names(root, log, fresh)
        print_diagnostics(log)
        if log.failed:
            errors = sum(entry.is_error for entry in log.diagnostics)
            print(f"{errors} error{'s' if errors > 1 else ''}", file=sys.stderr)
            return 1
        known.learn(clean, {})
        modules.update(loaded)
    if not names:
        raise UsageError(f"there are no specs below {root}")
    if not quiet:
        noun = "module" if len(modules) == 1 else "modules"
        print(f"{len(modules)} {noun} checked, no errors")
    return 0


def _name(root: Path, file: Path) -> str:
    """The dotted name of a spec file; '' where it is not below the root."""
    whole, inside = root.resolve(), file.resolve()
    if not inside.is_relative_to(whole):
        return ""
    return ".".join(inside.relative_to(whole).with_suffix("").parts)


def _root_of(files: Sequence[Path], spec: Path | None) -> Path:
    """The spec root; for files that lie outside it, the folder of the first."""
    for file in files:
        if not file.is_file():
            raise UsageError(f"there is no file {file}")
    root = find_project(spec).root
    if files and not all(file.resolve().is_relative_to(root.resolve()) for file in files):
        return files[0].parent
    return root


def print_diagnostics(log: Log) -> None:
    for entry in log.in_order():
        print(f"{entry}\n", file=sys.stderr)


def load_or_fail(project: Project) -> Loaded | None:
    """The modules of a project; None, with the diagnostics printed, where a spec is wrong."""
    from ..compiler.diagnostics import Log
    from ..compiler.library import load_names

    log = Log()
    loaded = load_names(project.root, log, names_under(project.root))
    print_diagnostics(log)
    return None if log.failed else loaded


@dataclass(frozen=True, slots=True)
class Selection:
    """The modules of a project, the files that are clean, and the names of the modules that are
    selected; `prefix` is what they have before them from outside, `lawful.` for the shipped
    library."""

    project: Project
    modules: Mapping[str, Module]
    clean: Mapping[str, Clean]
    names: Sequence[str]
    prefix: str = ""


def selection(names: Sequence[str], spec: Path | None, out: Path | None) -> Selection | None:
    """What names select: in the project, else, after `lawful.`, in the shipped library. None,
    with the diagnostics printed, where a spec is wrong. Raises UsageError where a name selects
    nothing."""
    project = find_project(spec, out)
    loaded = load_or_fail(project)
    if loaded is None:
        return None
    try:
        return Selection(project, *loaded, select(names, loaded[0]))
    except UsageError:
        if not names or not all(name.startswith(f"{SHIPPED}.") for name in names):
            raise
    names = [name.removeprefix(f"{SHIPPED}.") for name in names]
    loaded = load_or_fail(shipped())
    assert loaded is not None
    return Selection(shipped(), *loaded, select(names, loaded[0]), f"{SHIPPED}.")


def build_command(
    names: Sequence[str],
    spec: Path | None,
    out: Path | None,
    *,
    check: bool,
    force: bool,
    without: Sequence[str],
    quiet: bool,
) -> int:
    """Status 0 where `generated/` is, or has been made, what the specs give."""
    from ..compiler.outputs import drift, edited, write

    project = find_project(spec, out)
    if project.shipped and not check:
        raise UsageError("the library that ships with lawful is read-only; give --spec and --out")
    if without:
        _check_rules(without)
    made = _made(names, project, without)
    if made is None:
        return 1
    files, count, whole = made.files, made.modules, made.whole
    if check:
        diff = drift(files, project.out, whole)
        if diff:
            print(diff)
            print(f"{project.out} is not what the specs give; run `lawful build`", file=sys.stderr)
            return 1
        if not quiet:
            print(f"{project.out} is what the specs give: {len(files)} files")
        return 0
    spoilt = edited(files, project.out, whole)
    if spoilt and not force:
        for path in spoilt:
            print(f"error: {project.out / path} was edited by hand", file=sys.stderr)
        print("--force overwrites it; nothing was written", file=sys.stderr)
        return 1
    try:
        changed = write(files, project.out, whole)
    except OSError as error:
        raise UsageError(f"{project.out} cannot be written: {error}") from error
    if not quiet:
        noun = "module" if count == 1 else "modules"
        print(f"{count} {noun} built into {project.out}: {len(changed)} files changed")
    return 0


def _check_rules(without: Sequence[str]) -> None:
    """Raise UsageError where one of the rules left out is none."""
    from ..compiler.rewrite import RULES

    for rule in without:
        if rule not in dict(RULES):
            raise UsageError(f"no rule is called `{rule}`; there are {', '.join(dict(RULES))}")


@dataclass(frozen=True, slots=True)
class _Made:
    """The texts of generated files by path, of how many modules, and whether of all there are."""

    files: Mapping[str, str]
    modules: int
    whole: bool


def _made(names: Sequence[str], project: Project, without: Sequence[str]) -> _Made | None:
    """What the specs that names select give; None, with the diagnostics printed, where a spec is
    wrong. Only files are compiled that have changed, or whose code is not what they give."""
    from ..compiler.outputs import packages, present

    known = stamp(project.root, without)
    there = present(project.out)

    def paths(name: str) -> list[str]:
        stem = name.replace(".", "/")
        return [f"{stem}.py", *packages(stem)]

    every = names_under(project.root)
    kept = [n for n in every if n in known.known and known.give(paths(n), there)]
    loaded: Mapping[str, Module] = {}
    clean: Mapping[str, Clean] = {}
    if not every or len(kept) < len(every):
        from ..compiler.diagnostics import Log
        from ..compiler.library import load_names

        log = Log()
        loaded, clean = load_names(project.root, log, sorted({*every} - {*kept}))
        print_diagnostics(log)
        if log.failed:
            return None
    of_kept = [module for name in kept for module in known.known[name].modules]
    modules = [*of_kept, *(m for m in loaded if m not in set(of_kept))]
    stems = {name.rpartition(".")[0] for name in select(names, modules)}
    files = {path: there[path] for name in kept if name in stems for path in paths(name)}
    wanted = {n: m for n, m in loaded.items() if n.rpartition(".")[0] in stems - {*kept}}
    if wanted:
        from ..compiler.build import generate

        made = generate(wanted, without)
        files |= made
        known.learn(clean, made)
    count = sum(name.rpartition(".")[0] in stems for name in modules)
    return _Made(dict(sorted(files.items())), count, count == len(modules))
