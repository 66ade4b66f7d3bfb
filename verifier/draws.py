"""Cases of a sampler in which each row has a draw of its own choosing.

A sampler draws for every row of a batch. Rows of a case are repeated as often as there are draws
to be tried, which makes one larger case: exact values, what rounding does, and the implementation
are then had for all draws at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..compiler import typed as t
from ..compiler.walk import nodes
from .reference import evaluate
from .regimes import Case
from .settings import NoSetting, Setting, holds, with_derived

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """A flat module whose random sources all have the size `batch` as their first axis, and
    outputs that are drawn: integers and booleans of that first axis too."""

    module: t.Module
    batch: str
    outputs: tuple[str, ...]

    def case(self, base: Case, rows: Array, draws: Mapping[str, Array]) -> Case:
        """A case with those rows of another, repeated or left out, and these draws: a source's
        whole array, or a number for each row that all of its draws are. Sources without are
        those of the rows."""
        variables = {**self.module.inputs, **self.module.params, **self.module.randoms}
        tensors = {
            name: tensor[rows] if _first(variables[name].dims) == self.batch else tensor
            for name, tensor in base.tensors.items()
        }
        for name, array in draws.items():
            deep = array.reshape(array.shape + (1,) * (tensors[name].ndim - array.ndim))
            tensors[name] = np.broadcast_to(deep, tensors[name].shape).copy()
        sizes = with_derived(self.module, {**self.free(base.setting), self.batch: len(rows)})
        return replace(base, setting=Setting(sizes, base.setting.consts), tensors=tensors)

    def free(self, setting: Setting) -> dict[str, int]:
        """The sizes of a setting from which the others are derived."""
        return {n: setting.sizes[n] for n, size in self.module.sizes.items() if not size.value}

    def enlarged(self, setting: Setting, factor: int) -> Setting:
        """The setting with all sizes but the batch so many times as large. Raises NoSetting."""
        times = {n: x * (1 if n == self.batch else factor) for n, x in self.free(setting).items()}
        sizes = with_derived(self.module, times)
        if not all(holds(condition, sizes, setting.consts) for condition in self.module.requires):
            raise NoSetting
        return Setting(sizes, setting.consts)

    def exact(self, the_case: Case) -> Array:
        """What should be drawn: for each row all numbers of the outputs."""
        setting = the_case.setting
        found = evaluate(self.module, setting.sizes, setting.consts, the_case.tensors)
        return self.flat(found)

    def flat(self, found: Mapping[str, Array]) -> Array:
        """For each row the numbers of all outputs that are drawn."""
        return np.concatenate(
            [np.asarray(found[name]).reshape(len(found[name]), -1) for name in self.outputs], axis=1
        )


def rows_of(module: t.Module) -> Rows | None:
    """How a flat module draws for rows; None where it does not."""
    firsts = {_first(source.dims) for source in module.randoms.values()}
    if len(firsts) != 1 or (batch := firsts.pop()) is None:
        return None
    everything = {**module.inputs, **module.params, **module.randoms, **module.definitions}
    derived = (size.value for size in module.sizes.values() if size.value is not None)
    elsewhere = [*derived, *(dim for x in everything.values() for dim in x.dims[1:])]
    if any(isinstance(e, t.SizeRef) and e.name == batch for x in elsewhere for e in nodes(x)):
        return None
    outputs = tuple(
        name
        for name in module.outputs
        if module.definitions[name].type != "real"
        and _first(module.definitions[name].dims) == batch
    )
    return Rows(module, batch, outputs) if outputs else None


def steps(
    exact: Callable[[Array, Array], Array], rows: Array, draws: Array, halvings: int
) -> tuple[Array, Array]:
    """The row and the place of each step of what rows and draws give, several numbers each;
    sought by bisection between neighbouring points of a row that differ. `rows` rise, and
    `draws` do in each of them."""
    found = exact(rows, draws)
    differ = (found[1:] != found[:-1]).any(axis=1) & (rows[1:] == rows[:-1])
    here = np.flatnonzero(differ)
    at, below, above = rows[here], draws[here], draws[here + 1]
    under, over = found[here], found[here + 1]
    for _ in range(halvings):
        if not len(at):
            break
        middle = (below + above) / 2
        now = exact(at, middle)
        left, right = (now != under).any(axis=1), (now != over).any(axis=1)
        at = np.concatenate([at[left], at[right]])
        below, above = (
            np.concatenate([below[left], middle[right]]),
            np.concatenate([middle[left], above[right]]),
        )
        under, over = (
            np.concatenate([under[left], now[right]]),
            np.concatenate([now[left], over[right]]),
        )
    return at, above


def _first(dims: tuple[t.Expr, ...]) -> str | None:
    return dims[0].name if dims and isinstance(dims[0], t.SizeRef) else None
