"""What a run of verification covers: formats, seeds, regimes, and so cases."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..compiler import typed as t
from .brink import comparisons
from .regimes import REGIMES, Case, Regime, case
from .settings import NoSetting, Setting, limits
from .telling import most_telling

Level = Literal["quick", "full"]

DTYPES = ("float64", "float32", "bfloat16", "float16")
QUICK_DTYPES = ("float64", "float32")
BITS = {"float64": 24, "float32": 24, "bfloat16": 8, "float16": 8}
"""Significant bits of the inputs: formats with the same number share their cases."""
SEEDS = {"quick": 1, "full": 3}
UNFORESEEN = ("typical", "consts", "ties")
"""The regimes that are enough for a seed which nobody could foresee."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run covers. `regime` narrows it to one, for repeating a failure; `command` begins
    the command, or the call in Python, that repeats it. `unforeseen` is one more seed, drawn
    once the implementation is loaded: its cases tell a function from a table of answers. Below
    the folder `cases` are those that earlier runs failed at, and new ones are put there; `case`
    is the file of one to try alone."""

    level: Level = "quick"
    dtypes: tuple[str, ...] = QUICK_DTYPES
    device: str = "cpu"
    seed: int = 0
    regime: str | None = None
    command: str = "lawful verify"
    unforeseen: int | None = None
    cases: Path | None = None
    case: Path | None = None

    def again(self, dtype: str, the_case: Case) -> str:
        """What repeats a failure."""
        if the_case.file:
            return self.at_file(the_case.file)
        if self.command.startswith("lawful.verify("):
            level = ', level="full"' if self.level == "full" else ""
            return f'{self.command}, dtypes=["{dtype}"], seed={the_case.seed}{level})'
        device = "" if self.device == "cpu" else f" --device {self.device}"
        return (
            f"{self.command} --dtype {dtype} --regime {the_case.regime} "
            f"--seed {the_case.seed}{device}"
        )

    def at_file(self, file: str) -> str:
        """What tries the case in a file alone."""
        if self.command.startswith("lawful.verify("):
            return f'{self.command}, case="{file}")'
        device = "" if self.device == "cpu" else f" --device {self.device}"
        return f"{self.command} --case {shlex.quote(file)}{device}"


def cases_planned(module: t.Module, options: Options) -> int:
    """How many cases `cases` will try, for all formats."""
    groups = len({BITS[dtype] for dtype in options.dtypes})
    return groups * sum(1 for _ in drawn(module, options))


def regimes(module: t.Module, options: Options) -> list[Regime]:
    """The regimes that a run tries: that which is asked for, or those that say something new
    about the module."""
    if options.regime is not None:
        return [regime for regime in REGIMES if regime.name == options.regime]
    has = {
        "": True,
        "masks": any(variable.type == "bool" for variable in module.inputs.values()),
        "consts": bool(module.consts),
        "draws": bool(module.randoms),
        "limits": True,
        "cuts": any(True for _ in comparisons(module)),
    }
    chosen = [regime for regime in REGIMES if has[regime.needs]]
    return [regime for regime in chosen if regime.quick or options.level == "full"]


def repeats(module: t.Module, regime: Regime) -> int:
    """How many cases of a regime are tried for each seed."""
    if regime.needs != "limits":
        return regime.repeats
    try:
        return max(map(len, limits(module).values()), default=0)
    except NoSetting:
        return 0


def seeds(options: Options) -> range:
    """The seeds that a run tries."""
    return range(options.seed, options.seed + SEEDS[options.level])


def drawn(module: t.Module, options: Options) -> Iterator[tuple[int, Regime, int]]:
    """Seed, regime and repeat of each case that a run tries."""
    chosen = regimes(module, options)
    for seed in seeds(options):
        for regime in chosen:
            for repeat in range(repeats(module, regime)):
                yield seed, regime, repeat
    if options.unforeseen is not None:
        for regime in chosen:
            if regime.name in UNFORESEEN:
                yield options.unforeseen, regime, 0


def cases(
    module: t.Module, options: Options, bits: int, settings: dict[Any, Setting]
) -> Iterator[Case]:
    """The cases of a run. Regimes whose sizes and consts cannot be met are passed over.
    `settings` are those chosen before."""
    for seed, regime, repeat in drawn(module, options):
        key = (
            seed,
            repeat,
            regime.shortest,
            regime.defaults,
            regime.telling,
            regime.needs == "limits",
        )
        try:
            if regime.telling and key not in settings:
                the_case = most_telling(module, regime, seed, bits, repeat)
            else:
                the_case = case(module, regime, seed, bits, repeat, settings.get(key))
        except NoSetting:
            continue
        if regime.needs != "cuts":  # which moves consts to where its tensors are
            settings[key] = the_case.setting
        yield the_case


def all_cases(module: t.Module, options: Options) -> Iterator[Case]:
    """The cases of a run for all formats, those of the finer ones first."""
    settings: dict[Any, Setting] = {}
    for bits in sorted({BITS[dtype] for dtype in options.dtypes}, reverse=True):
        yield from cases(module, options, bits, settings)
