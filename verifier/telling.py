"""Cases that tell something of all that a module is given: each of it has an effect there."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from ..compiler import typed as t
from ..compiler.walk import nodes
from .index_conditions import scalar_parts
from .reference import evaluate
from .regimes import REGIMES, Case, Regime, case
from .settings import CANDIDATES, WORK, choose, holds, limits

Array = npt.NDArray[Any]

ATTEMPTS = 16
"""How many settings are tried; the later half may be of more work."""
MORE = 4


def most_telling(module: t.Module, regime: Regime, seed: int, bits: int, repeat: int) -> Case:
    """The case of a regime, of several settings, at which least is without effect: the first one
    at which nothing is. Raises NoSetting."""
    best: Case | None = None
    names = given(module)
    least = len(names) + 1
    for attempt in range(ATTEMPTS):
        rng = random.Random(f"{module.qualified}/{seed}/{repeat}/{attempt}")
        bound = WORK * (1 if attempt < ATTEMPTS // 2 else MORE)
        setting = choose(module, rng, shortest=False, defaults=regime.defaults, bound=bound)
        found = case(module, regime, seed, bits, repeat, setting)
        silent = list(islice(without_effect(module, found, names), least))
        if len(silent) < least:
            least, best = len(silent), found
        if not silent:
            break
        # what was silent is likely to be so again: it is asked first, and no more than it takes
        names.sort(key=lambda name: name not in silent)
    assert best is not None
    return best


def given(module: t.Module) -> list[str]:
    """All inputs, params and random sources, and the consts that an equation names: others
    stand in what is required or where params start."""
    named = {
        node.name
        for part in scalar_parts(module)
        for node in nodes(part.body)
        if isinstance(node, t.ConstRef)
    }
    consts = [name for name in module.consts if name in named]
    return [*module.inputs, *module.params, *module.randoms, *consts]


def without_effect(module: t.Module, the_case: Case, names: Sequence[str]) -> Iterator[str]:
    """Those that may be changed at a case and no output changes."""
    before = _outputs(module, the_case)
    for name in names:
        others = _others(module, the_case, name)
        if not any(_differ(before, _outputs(module, other)) for other in others):
            yield name


def _others(module: t.Module, the_case: Case, name: str) -> Iterator[Case]:
    """The same case with other values of one thing."""
    setting = the_case.setting
    if name not in module.consts:
        for further in range(1, 5):
            drawn = case(module, REGIMES[0], the_case.seed + further, the_case.bits, 0, setting)
            yield replace(the_case, tensors={**the_case.tensors, name: drawn.tensors[name]})
        return
    for value in (*CANDIDATES, *limits(module).get(name, ())):
        consts = {**setting.consts, name: value}
        if all(holds(condition, setting.sizes, consts) for condition in module.requires):
            yield replace(the_case, setting=replace(setting, consts=consts))


def _outputs(module: t.Module, the_case: Case) -> list[Array]:
    setting = the_case.setting
    found = evaluate(module, setting.sizes, setting.consts, the_case.tensors)
    return [found[name] for name in module.outputs]


def _differ(before: Sequence[Array], after: Sequence[Array]) -> bool:
    pairs = zip(before, after, strict=True)
    return any(not np.array_equal(x, y, x.dtype.kind == "f") for x, y in pairs)
