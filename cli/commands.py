"""`lawful check` and `lawful build`, and the modules that a command's names select."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..compiler.diagnostics import Log, SpecError
from ..compiler.library import SHIPPED, load
from ..compiler.project import Project, UsageError, find_project, select, shipped
from ..compiler.typed import Module


def check_command(files: Sequence[Path], spec: Path | None, *, quiet: bool) -> int:
    """Status 0 where every spec is well-formed, 1 with diagnostics on stderr where not."""
    root = _root_of(files, spec)
    log = Log()
    modules = load(root, log, files or None)
    print_diagnostics(log)
    if log.failed:
        errors = sum(entry.is_error for entry in log.diagnostics)
        print(f"{errors} error{'s' if errors > 1 else ''}", file=sys.stderr)
        return 1
    if not modules and not files and not any(root.rglob("*.eq")):
        raise UsageError(f"there are no specs below {root}")
    if not quiet:
        noun = "module" if len(modules) == 1 else "modules"
        print(f"{len(modules)} {noun} checked, no errors")
    return 0


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


def load_or_fail(project: Project) -> Mapping[str, Module] | None:
    """The modules of a project; None, with the diagnostics printed, where a spec is wrong."""
    log = Log()
    modules = load(project.root, log)
    print_diagnostics(log)
    return None if log.failed else modules


@dataclass(frozen=True, slots=True)
class Selection:
    """The modules of a project, and the names of those selected; `prefix` is what they have
    before them from outside, `lawful.` for the shipped library."""

    project: Project
    modules: Mapping[str, Module]
    names: Sequence[str]
    prefix: str = ""


def selection(names: Sequence[str], spec: Path | None, out: Path | None) -> Selection | None:
    """What names select: in the project, else, after `lawful.`, in the shipped library. None,
    with the diagnostics printed, where a spec is wrong. Raises UsageError where a name selects
    nothing."""
    project = find_project(spec, out)
    modules = load_or_fail(project)
    if modules is None:
        return None
    try:
        return Selection(project, modules, select(names, modules))
    except UsageError:
        if not names or not all(name.startswith(f"{SHIPPED}.") for name in names):
            raise
    names = [name.removeprefix(f"{SHIPPED}.") for name in names]
    modules = load_or_fail(shipped())
    assert modules is not None
    return Selection(shipped(), modules, select(names, modules), f"{SHIPPED}.")


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
    from ..compiler.build import drift, edited, generate, write
    from ..compiler.rewrite import RULES

    project = find_project(spec, out)
    if project.shipped and not check:
        raise UsageError("the library that ships with lawful is read-only; give --spec and --out")
    for rule in without:
        if rule not in dict(RULES):
            raise UsageError(f"no rule is called `{rule}`; there are {', '.join(dict(RULES))}")
    modules = load_or_fail(project)
    if modules is None:
        return 1
    chosen = set(select(names, modules))
    files_chosen = {name.rpartition(".")[0] for name in chosen}
    wanted = {n: m for n, m in modules.items() if n.rpartition(".")[0] in files_chosen}
    log = Log()
    try:
        files = generate(wanted, without)
    except SpecError:
        print_diagnostics(log)
        return 1
    whole = len(wanted) == len(modules)
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
        noun = "module" if len(wanted) == 1 else "modules"
        print(f"{len(wanted)} {noun} built into {project.out}: {len(changed)} files changed")
    return 0
