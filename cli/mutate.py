"""`lawful mutate`: faults in the generated code, and which of them verification catches."""

from __future__ import annotations

import json as jsonlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.project import UsageError, find_project, select
from ..compiler.typed import Module
from .commands import load_or_fail
from .processes import process_context

if TYPE_CHECKING:
    from ..verifier.mutate import Mutation


def mutate_command(
    names: Sequence[str],
    spec: Path | None,
    out: Path | None,
    *,
    sample: int | None,
    seed: int,
    jobs: int | None,
    json: Path | None,
    quiet: bool,
    color: bool,
) -> int:
    """Status 0 where every mutant was caught or is equivalent, 1 where one survived."""
    from rich.console import Console

    project = find_project(spec, out)
    loaded = load_or_fail(project)
    if loaded is None:
        return 1
    modules, _ = loaded
    console = Console(no_color=not color, highlight=False, soft_wrap=True)
    results: list[Mutation] = []
    tasks = [(modules[name], project.out, sample, seed) for name in select(names, modules)]
    for result in _run(tasks, jobs or os.cpu_count() or 1):
        results.append(result)
        if not quiet:
            console.print(_line(result), markup=False)
        for mutant in result.survivors:
            console.print(f"  SURVIVED {result.path} {mutant}", markup=False)
    if not quiet:
        console.print(_summary(results), markup=False)
    if json is not None:
        text = jsonlib.dumps({"version": 1, "modules": [_as_dict(r) for r in results]}, indent=1)
        json.write_text(text + "\n", encoding="utf-8")
    return 1 if any(result.survivors for result in results) else 0


Task = tuple[Module, Path, int | None, int]
"""A module, where its generated code is, how many faults, and the seed."""


def _run(tasks: Sequence[Task], jobs: int) -> Iterator[Mutation]:
    """What became of the faults of each module, in their order."""
    if jobs == 1 or len(tasks) == 1:
        yield from map(mutate_task, tasks)
        return
    with ProcessPoolExecutor(min(jobs, len(tasks)), process_context()) as pool:
        yield from pool.map(mutate_task, tasks)


def mutate_task(task: Task) -> Mutation:
    """Plant faults in one module. Raises UsageError where its code is not there."""
    import torch

    from ..verifier.candidate import CandidateError, generated
    from ..verifier.mutate import mutate

    torch.set_num_threads(1)
    module, out, sample, seed = task
    try:
        candidate = generated(module, out)
    except CandidateError as error:
        raise UsageError(str(error)) from error
    return mutate(module, candidate, sample, seed)


def _line(result: Mutation) -> str:
    by_check = ", ".join(f"{n} by {check}" for check, n in result.killed.most_common())
    parts = [f"{result.killed.total()} of {result.total} caught"]
    parts += [f"({by_check})"] if by_check else []
    equivalent = len(result.equivalent) + len(result.in_float64)
    parts += [f"{equivalent} equivalent"] if equivalent else []
    return f"{result.module}: {' '.join(parts)}"


def _summary(results: Sequence[Mutation]) -> str:
    """The last line: the share of faults that was caught."""
    killed = sum((result.killed for result in results), Counter[str]())
    total = sum(result.total for result in results)
    equivalent = sum(len(result.equivalent) for result in results)
    in_float64 = sum(len(result.in_float64) for result in results)
    share = 100 * killed.total() / total if total else 100.0
    by_check = ", ".join(f"{n} by {check}" for check, n in killed.most_common())
    return (
        f"\n{killed.total()} of {total} faults caught ({share:.1f} %): {by_check}; "
        f"{equivalent} equivalent to the bit, {in_float64} in float64 alone"
    )


def _as_dict(result: Mutation) -> dict[str, object]:
    return {
        "module": result.module,
        "killed": dict(result.killed),
        "equivalent": [str(mutant) for mutant in result.equivalent],
        "equivalent in float64": [str(mutant) for mutant in result.in_float64],
        "survivors": [str(mutant) for mutant in result.survivors],
    }
