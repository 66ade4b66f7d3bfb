"""The cases that laws are tried on: as small as the module lets them be, since a law with many
indices has many instances, and each derivative in it is a backward pass of its own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from math import log, prod

from ..compiler import typed as t
from .law_instances import instances
from .plan import Options, regimes, seeds
from .regimes import Case, Regime, case
from .settings import NoSetting, Setting, consts_at, holds, with_derived

BITS = 8
"""Significant bits of the inputs: every format holds them, and often sums of them too."""
QUICK = ("typical", "consts", "extreme", "ties", "ragged", "empty")
FULL = (*QUICK, "large", "tiny", "offset", "boundary", "tail")
VOLUME = 64
"""What the product of all sizes of a case should be near."""
TRIES = 300
"""How many sizes are tried within each bound."""
MOST = 30
"""Of how many of them it is asked whether the laws have instances there."""


def law_cases(module: t.Module, options: Options) -> Iterator[Case]:
    """The cases of all laws of a module; none where it has no laws."""
    if not module.laws:
        return
    for seed in seeds(options):
        for regime in _regimes(module, options, seed):
            try:
                setting = _setting(module, regime, seed)
                yield case(module, regime, seed, BITS, setting=setting)
            except NoSetting:
                continue


def law_cases_planned(module: t.Module, options: Options) -> int:
    """How many cases `law_cases` will try."""
    return sum(len(_regimes(module, options, seed)) for seed in seeds(options) if module.laws)


def _regimes(module: t.Module, options: Options, seed: int) -> list[Regime]:
    """Those of a run; after the first seed, whose cases are the smallest, few."""
    chosen = regimes(module, options)
    if options.regime is not None:
        return chosen
    names = FULL if options.level == "full" and seed == options.seed else QUICK
    return [r for r in chosen if r.name in names]


def _setting(module: t.Module, regime: Regime, seed: int) -> Setting:
    """Sizes and consts at which as many laws as can be have instances. The first case has
    the smallest sizes from 2 upwards, the others some of 3 and more. Raises NoSetting."""
    rng = random.Random(f"laws of {module.qualified}/{seed}/{regime.name}")
    free = [name for name, size in module.sizes.items() if size.value is None]
    wanted = 1 if regime.name == "typical" and seed == 0 else VOLUME
    best: tuple[int, Setting] | None = None
    for least, most in ((2, 3), (2, 5), (2, 7), (1, 9)):
        tried = [{name: rng.randint(least, most) for name in free} for _ in range(TRIES)]
        found = [sizes for one in tried if (sizes := _admitted(module, one)) is not None]
        found.sort(key=lambda sizes: abs(log(prod(sizes[name] for name in free) / wanted)))
        for sizes in found[:MOST]:
            consts = consts_at(module, rng, sizes, regime.defaults)
            if consts is None:
                continue
            said = sum(any(True for _ in instances(law, sizes, consts)) for law in module.laws)
            if best is None or said > best[0]:
                best = said, Setting(sizes, consts)
            if said == len(module.laws):
                break
        if best is not None and best[0] == len(module.laws):
            break
    if best is None:
        raise NoSetting(f"{module.qualified}: no sizes and consts satisfy its requirements")
    return best[1]


def _admitted(module: t.Module, free: dict[str, int]) -> dict[str, int] | None:
    """The sizes with the derived ones; None where a requirement on sizes alone fails."""
    try:
        sizes = with_derived(module, free)
    except NoSetting:
        return None
    for condition in module.requires:
        try:
            if not holds(condition, sizes, {}):
                return None
        except KeyError:
            continue
    return sizes
