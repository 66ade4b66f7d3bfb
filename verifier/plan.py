"""What a run of verification covers: formats, seeds, regimes, and so cases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ..compiler import typed as t
from .regimes import REGIMES, Case, Regime, case
from .settings import NoSetting, Setting

Level = Literal["quick", "full"]

DTYPES = ("float64", "float32", "bfloat16", "float16")
QUICK_DTYPES = ("float64", "float32")
BITS = {"float64": 24, "float32": 24, "bfloat16": 8, "float16": 8}
"""Significant bits of the inputs: formats with the same number share their cases."""
SEEDS = {"quick": 1, "full": 3}


@dataclass(frozen=True, slots=True)
class Options:
    """What a run covers. `regime` narrows it to one, for repeating a failure; `command` begins
    the command, or the call in Python, that repeats it."""

    level: Level = "quick"
    dtypes: tuple[str, ...] = QUICK_DTYPES
    device: str = "cpu"
    seed: int = 0
    regime: str | None = None
    command: str = "lawful verify"

    def again(self, dtype: str, the_case: Case) -> str:
        """What repeats a failure."""
        if self.command.startswith("lawful.verify("):
            level = ', level="full"' if self.level == "full" else ""
            return f'{self.command}, dtypes=["{dtype}"], seed={the_case.seed}{level})'
        device = "" if self.device == "cpu" else f" --device {self.device}"
        return (
            f"{self.command} --dtype {dtype} --regime {the_case.regime} "
            f"--seed {the_case.seed}{device}"
        )


def cases_planned(module: t.Module, options: Options) -> int:
    """How many cases `cases` will try, for all formats."""
    groups = len({BITS[dtype] for dtype in options.dtypes})
    repeats = sum(regime.repeats for regime in regimes(module, options))
    return groups * repeats * SEEDS[options.level]


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
    }
    chosen = [regime for regime in REGIMES if has[regime.needs]]
    return [regime for regime in chosen if regime.quick or options.level == "full"]


def seeds(options: Options) -> range:
    """The seeds that a run tries."""
    return range(options.seed, options.seed + SEEDS[options.level])


def cases(
    module: t.Module, options: Options, bits: int, settings: dict[Any, Setting]
) -> Iterator[Case]:
    """The cases of a run. Regimes whose sizes and consts cannot be met are passed over.
    `settings` are those chosen before."""
    for seed in seeds(options):
        for regime in regimes(module, options):
            for repeat in range(regime.repeats):
                key = seed, repeat, regime.shortest, regime.defaults, regime.least
                try:
                    the_case = case(module, regime, seed, bits, repeat, settings.get(key))
                except NoSetting:
                    continue
                settings[key] = the_case.setting
                yield the_case


def all_cases(module: t.Module, options: Options) -> Iterator[Case]:
    """The cases of a run for all formats, those of the finer ones first."""
    settings: dict[Any, Setting] = {}
    for bits in sorted({BITS[dtype] for dtype in options.dtypes}, reverse=True):
        yield from cases(module, options, bits, settings)
