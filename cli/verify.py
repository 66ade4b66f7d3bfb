"""`lawful verify`: modules in parallel processes, a progress bar, a table."""

from __future__ import annotations

import json as jsonlib
import os
import shlex
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..compiler.diagnostics import Log
from ..compiler.library import load
from ..compiler.project import SHIPPED, Project, UsageError, select, shipped
from ..compiler.typed import Module
from . import remembered
from .cache import versions
from .commands import selection
from .processes import process_context

if TYPE_CHECKING:
    from ..verifier.isolated import Isolated
    from ..verifier.plan import Options
    from ..verifier.report import Report


@dataclass(frozen=True, slots=True)
class Task:
    """One module to verify, maybe against another one, in a form that another process can
    take; or an implementation that runs in a process of its own. `family` are the modules of
    which an implementation may be another one."""

    module: Module
    out: Path
    impl: Isolated | None
    options: Options
    against: Module | None = None
    family: Mapping[str, Module] = field(default_factory=dict)


def verify_command(
    names: Sequence[str],
    spec: Path | None,
    out: Path | None,
    *,
    impl: str | None,
    against: str | None,
    level: str,
    dtypes: Sequence[str],
    device: str,
    seed: int,
    regime: str | None,
    case: Path | None,
    jobs: int | None,
    recall: bool,
    json: Path | None,
    quiet: bool,
    color: bool,
) -> int:
    """Status 0 where every check of every module passed, 1 where one failed or is open."""
    selected = selection(names, spec, out)
    if selected is None:
        return 1
    project, modules, chosen = selected.project, selected.modules, selected.names
    if impl is not None and len(chosen) != 1:
        raise UsageError(f"--impl needs one module; {len(chosen)} are selected")
    if against is not None and (impl is not None or len(chosen) != 1):
        raise UsageError(f"--against needs one module and no --impl; {len(chosen)} are selected")
    other = None if against is None else _other(against, project)
    options = _options(level, dtypes, device, seed, regime)
    if case is not None:
        if len(chosen) != 1 or against or dtypes or regime:
            raise UsageError("--case needs one module, and no --against, --dtype or --regime")
        options = _only(case, options)
    options = replace(options, cases=_cases_folder(project))
    commands = {}
    for name in chosen:
        command = ["lawful", "verify", selected.prefix + name, *(["--impl", impl] if impl else [])]
        command += ["--against", against] if against else []
        command += ["--spec", str(spec)] if spec else []
        command += ["--out", str(out)] if out else []
        commands[name] = shlex.join(command)
    _check_device(device)
    if json is not None and (json.is_dir() or not json.absolute().parent.is_dir()):
        raise UsageError(f"--json {json} is no place for a file")
    keys = {} if impl or against else remembered.keys(selected, options)
    known = remembered.recall(keys) if recall else {}
    with _isolated(impl) as isolated:
        if isolated is not None and regime is None:
            options = replace(options, unforeseen=int.from_bytes(os.urandom(4), "big"))
        tasks = [
            Task(
                modules[name],
                project.out,
                isolated,
                replace(options, command=command),
                other,
                _relatives(modules[name], modules),
            )
            for name, command in commands.items()
            if name not in known
        ]
        made = _run(tasks, jobs or os.cpu_count() or 1, quiet=quiet, color=color) if tasks else []
    if keys and made:
        remembered.remember(made, keys, remembered.keys(selected, options))
    by_name = known | {report.module: report for report in made}
    reports = [by_name[name] for name in chosen]
    _show(reports, quiet=quiet, color=color)
    if json is not None:
        json.write_text(_as_json(reports, options), encoding="utf-8")
    return 0 if all(report.ok for report in reports) else 1


def _relatives(module: Module, modules: Mapping[str, Module]) -> Mapping[str, Module]:
    """The modules of which an implementation of one may be another."""
    from ..verifier.variants import relatives

    return relatives(module, modules)


def _as_json(reports: Sequence[Report], options: Options) -> str:
    data = {
        "version": 1,
        "level": options.level,
        "torch": versions("torch")[0].partition("+")[0],
        "reports": [report.as_dict() for report in reports],
    }
    return jsonlib.dumps(data, indent=1) + "\n"


def _cases_folder(project: Project) -> Path:
    """Where the cases of a project are kept: beside its specs; those of the shipped library in
    the current folder."""
    from ..verifier.cases import FOLDER

    return FOLDER if project.shipped else project.root.parent / FOLDER


def _only(case: Path, options: Options) -> Options:
    """The options that try the case of a file alone."""
    from ..verifier.cases import CaseError, read

    try:
        return replace(options, case=case, dtypes=(read(case).dtype,))
    except CaseError as error:
        raise UsageError(str(error)) from error


def _other(name: str, project: Project) -> Module:
    """The one module that --against names."""
    if name.startswith(f"{SHIPPED}."):
        project, name = shipped(), name.removeprefix(f"{SHIPPED}.")
    modules = load(project.root, Log())
    chosen = select([name], modules)
    if len(chosen) != 1:
        raise UsageError(f"--against needs one module; {', '.join(chosen)} are selected")
    return modules[chosen[0]]


def _planned(task: Task) -> int:
    """How many cases a task will try."""
    from ..verifier.other import Mismatch, Other
    from ..verifier.plan import cases_planned
    from ..verifier.verify import planned

    if task.against is None:
        return planned(task.module, task.options)
    try:
        pair = Other(task.module, task.against)
    except Mismatch as error:
        raise UsageError(str(error)) from error
    return cases_planned(pair.module, task.options)


def _options(
    level: str, dtypes: Sequence[str], device: str, seed: int, regime: str | None
) -> Options:
    """The options of a run. Raises UsageError where one has no meaning."""
    from ..verifier.plan import DTYPES, QUICK_DTYPES, Options
    from ..verifier.regimes import REGIMES

    if level not in ("quick", "full"):
        raise UsageError(f"--level is quick or full, not `{level}`")
    for dtype in dtypes:
        if dtype not in DTYPES:
            raise UsageError(f"--dtype is one of {', '.join(DTYPES)}, not `{dtype}`")
    if regime is not None and regime not in [r.name for r in REGIMES]:
        raise UsageError(f"--regime is one of {', '.join(r.name for r in REGIMES)}")
    chosen = tuple(dtypes) or (QUICK_DTYPES if level == "quick" else DTYPES)
    return Options("full" if level == "full" else "quick", chosen, device, seed, regime)


def _check_device(device: str) -> None:
    """Raise UsageError where the device cannot be had."""
    if device == "cpu":
        return
    import torch

    try:
        torch.zeros(1, device=device).tolist()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(f"--device {device}: {error}") from error


@contextmanager
def _isolated(impl: str | None) -> Iterator[Isolated | None]:
    """The implementation in a process of its own. Raises UsageError where it cannot be had."""
    if impl is None:
        yield None
        return
    from ..verifier.candidate import CandidateError
    from ..verifier.isolated import Isolated

    try:
        isolated = Isolated(impl)
    except CandidateError as error:
        raise UsageError(str(error)) from error
    with isolated:
        yield isolated


def verify_task(task: Task, tick: Callable[[], None] = lambda: None) -> Report:
    """Verify one module; calls `tick` after each case."""
    import torch

    from ..verifier.candidate import CandidateError, generated
    from ..verifier.cases import CaseError
    from ..verifier.report import Check, Report
    from ..verifier.verify import verify_candidate, verify_other

    torch.set_num_threads(1)
    try:
        candidate = task.impl.candidate if task.impl else generated(task.module, task.out)
    except CandidateError as error:
        absent = Check("values", "every output is the equation's")
        absent.doubts.append(str(error))
        return Report(task.module.qualified, "nothing", [absent], task.options.dtypes)
    if task.against is not None:
        return verify_other(task.module, candidate, task.against, task.options, tick)
    try:
        return verify_candidate(task.module, candidate, task.options, tick, task.family)
    except CaseError as error:
        raise UsageError(f"{error}; delete it") from error


def _run(tasks: Sequence[Task], jobs: int, *, quiet: bool, color: bool) -> list[Report]:
    """The reports of all tasks, in their order."""
    planned = [_planned(task) for task in tasks]
    with _bar(sum(planned), quiet=quiet, color=color) as advance:
        if jobs == 1 or len(tasks) == 1:
            return [verify_task(task, lambda: advance(1)) for task in tasks]
        context = process_context()
        ticks = context.SimpleQueue()
        reader = threading.Thread(target=_drain, args=(ticks, advance), daemon=True)
        reader.start()
        workers = min(jobs, len(tasks))
        longest_first = sorted(range(len(tasks)), key=lambda i: _length(tasks[i], planned[i]))[::-1]
        with ProcessPoolExecutor(workers, context, _begin, (ticks,)) as pool:
            futures = {i: pool.submit(_verify_in_worker, tasks[i]) for i in longest_first}
            reports = [futures[i].result() for i in range(len(tasks))]
        ticks.put(None)
        reader.join()
        return reports


def _length(task: Task, cases: int) -> int:
    """About how long a task takes, beside others."""
    return cases * len(task.module.definitions)


_ticks: Any
"""In a worker, the queue that it puts a tick into after each case."""


def _begin(ticks: Any) -> None:
    """Prepare a worker."""
    global _ticks
    _ticks = ticks


def _verify_in_worker(task: Task) -> Report:
    return verify_task(task, lambda: _ticks.put(1))


def _drain(ticks: Any, advance: Any) -> None:
    while (tick := ticks.get()) is not None:
        advance(tick)


@contextmanager
def _bar(total: int, *, quiet: bool, color: bool) -> Iterator[Any]:
    """A progress bar over cases on stderr; yields what advances it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, no_color=not color)
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=quiet, transient=False) as progress:
        bar = progress.add_task("cases", total=total)
        yield lambda tick: progress.advance(bar, tick)
        progress.update(bar, completed=total)


def _show(reports: Sequence[Report], *, quiet: bool, color: bool) -> None:
    """The table, what failed, and the line that counts."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..verifier.report import summary

    width = None if sys.stdout.isatty() else 150
    console = Console(no_color=not color, width=width, highlight=False)
    if not quiet:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("module", "checked"):
            table.add_column(heading, overflow="fold")
        for heading in ("cases", "compared", "left out", "error/tolerance"):
            table.add_column(heading, justify="right")
        table.add_column("verdict")
        table.add_column("seconds", justify="right")
        styles = {"OK": "green", "WRONG": "bold red", "LOSSY": "yellow", "INCONCLUSIVE": "yellow"}
        for report in reports:
            checks = ", ".join(check.name for check in report.checks)
            table.add_row(
                Text(report.module),
                Text(checks),
                str(report.cases),
                str(report.compared),
                str(sum(check.left_out for check in report.checks)),
                f"{report.worst:.2g}",
                Text(report.verdict, style=styles[report.verdict]),
                "cached" if report.cached else f"{report.seconds:.1f}",
            )
        console.print(table)
    for report in reports:
        for text in report.explain():
            console.print(Text(f"\n{report.module}: {text}"), soft_wrap=True)
        for note in report.notes:
            console.print(Text(f"\n{report.module}: {note}"), soft_wrap=True)
        for check in report.checks:
            for doubt in check.doubts:
                line = f"\n{report.module}: INCONCLUSIVE {check.name}: {doubt}"
                console.print(Text(line), soft_wrap=True)
            for loss in check.losses_in_words():
                console.print(
                    Text(f"\n{report.module}: LOSSY {check.name}: {loss}"), soft_wrap=True
                )
    if not quiet:
        console.print(Text(f"\n{summary(reports)}"))
