"""The cases that scales are held at: larger than others, since errors must average out."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations
from math import prod

from ..compiler import typed as t
from ..compiler.walk import nodes
from .plan import BITS, Options
from .regimes import REGIMES, Case, case, shape_of
from .settings import NoSetting, Setting, choose, holds, with_derived, work

LOW = tuple(dtype for dtype, bits in BITS.items() if bits == 8)
"""The dtypes in which a scale that is 1 % off is within the tolerance of every element."""
TERMS = 500_000
"""The most terms of all equations together, as `work` counts them."""
NUMBERS = 4096
"""The most numbers of outputs and inputs together."""
LEAST = 2
"""What every size should reach."""
TRIED = ("typical", "large")
"""The regimes: numbers around 1, and of tens, where what saturates matters."""


def scale_cases(module: t.Module, options: Options) -> Iterator[Case]:
    """The cases of a run; none where no dtype is low or no output is real."""
    for regime in REGIMES:
        if regime.name in _tried(module, options):
            rng = random.Random(f"scales of {module.qualified}/{options.seed}/{regime.name}")
            try:
                setting = choose(module, rng, shortest=True, defaults=regime.defaults)
            except NoSetting:
                continue
            setting = grown(module, setting)
            yield case(module, regime, options.seed, BITS[LOW[0]], setting=setting)


def scale_cases_planned(module: t.Module, options: Options) -> int:
    """How many cases `scale_cases` will try."""
    return len(_tried(module, options))


def _tried(module: t.Module, options: Options) -> list[str]:
    real = any(module.definitions[name].type == "real" for name in module.outputs)
    if not real or not set(LOW) & set(options.dtypes):
        return []
    return [name for name in TRIED if options.regime in (None, name)]


def grown(module: t.Module, setting: Setting) -> Setting:
    """The setting with sizes doubled, one or two at a time, the smallest first, as long as what
    is required holds and there are no more than `TERMS` and `NUMBERS`: each until it is `LEAST`
    or more, then those that are no params', since longer sums have more noise."""
    free = [name for name, size in module.sizes.items() if size.value is None]
    held = {x.name for param in module.params.values() for dim in param.dims for x in _sizes(dim)}
    steps = [frozenset(names) for n in (1, 2) for names in combinations(free, n)]
    while steps:
        steps.sort(key=lambda names: max(setting.sizes[name] for name in names))
        for names in steps:
            wanted = all(setting.sizes[n] < LEAST or n not in held for n in names)
            larger = _doubled(module, setting, names) if wanted else None
            if larger is not None:
                setting = larger
                break
            steps = [other for other in steps if other != names]
    return setting


def _sizes(dim: t.Expr) -> list[t.SizeRef]:
    return [e for e in nodes(dim) if isinstance(e, t.SizeRef)]


def _numbers(module: t.Module, setting: Setting) -> int:
    """How many numbers real outputs have, and the gradients by inputs."""
    tensors = [*module.inputs.values(), *(module.definitions[name] for name in module.outputs)]
    return sum(prod(shape_of(x.dims, setting)) for x in tensors if x.type == "real")


def _doubled(module: t.Module, setting: Setting, names: frozenset[str]) -> Setting | None:
    """The setting with these sizes doubled; None where it is not admitted, or has no more
    terms."""
    sizes = {
        name: setting.sizes[name] * (2 if name in names else 1)
        for name, size in module.sizes.items()
        if size.value is None
    }
    try:
        sizes = with_derived(module, sizes)
    except NoSetting:
        return None
    larger = Setting(sizes, setting.consts)
    if not all(holds(condition, sizes, setting.consts) for condition in module.requires):
        return None
    terms = work(module, sizes)
    few = _numbers(module, larger) <= NUMBERS and terms <= TERMS
    return larger if few and terms > work(module, setting.sizes) else None
