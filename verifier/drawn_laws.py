"""The exact law of what a module draws, row by row.

By uniform sources: what is drawn is constant in the cells into which its steps cut the cube of
the draws of a row. The steps of the first draw are found by bisection, at some choices of the
others; then those of the second in each interval of the first, and so on. Random points tell
whether the cells are all. By a race, the largest of scores with Gumbel noise or of scores over
exponential numbers, it is the softmax of the scores or their shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from ..compiler import typed as t
from ..compiler.walk import nodes
from .changes import resting_on
from .check_partition import source_range
from .draws import Rows, steps
from .goodness_of_fit import Law
from .reference import evaluate
from .regimes import Case

Array = npt.NDArray[Any]

GRID = 129
PROBES = 6
"""At how many choices of the later draws the steps of one are sought."""
HALVINGS = 40
POINTS = 1000
"""At how many random draws of each row the cells are tried."""
MOST = 60_000
"""Of how many draws at once the reference is asked, at most."""


def exact_law(rows: Rows, base: Case, sources: Sequence[str], count: int) -> Law | None:
    """The law of what those sources draw in the first rows of a case; None where it cannot be
    had exactly."""
    names = {_initial(rows.module, source).name for source in sources}
    if names == {"uniform"}:
        return _Cells(rows, base, sources, count).law()
    return _race(rows, base, sources, count)


@dataclass(frozen=True, slots=True)
class _Cells:
    rows: Rows
    base: Case
    sources: Sequence[str]
    count: int

    def exact(self, at: Array, unit: Array) -> Array:
        """What comes in rows for their draws in the unit cube, (points, draws of a row)."""
        draws, start = {}, 0
        for source in self.sources:
            shape = self.base.tensors[source].shape[1:]
            own = unit[:, start : start + prod(shape)]
            start += prod(shape)
            low, high = source_range(self.rows.module, source, self.base)
            draws[source] = low + (high - low) * own.reshape(len(at), *shape)
        return self.rows.exact(self.rows.case(self.base, at, draws))

    def law(self) -> Law | None:
        total = sum(prod(self.base.tensors[source].shape[1:]) for source in self.sources)
        rng = np.random.default_rng(self.base.seed)
        at = np.arange(self.count)
        low, high = np.zeros((self.count, total)), np.ones((self.count, total))
        for position in range(total):
            probes = PROBES if position < total - 1 else 1
            if len(at) * probes * GRID > MOST:
                return None
            at, low, high = self._cut(at, low, high, position, rng.random((probes, total)))
        outcomes = self.exact(at, (low + high) / 2)
        for row in range(self.count):
            own, points = at == row, rng.random((POINTS, total))
            within = (low[own] <= points[:, None]) & (points[:, None] < high[own])
            cell = within.all(axis=2).argmax(axis=1)
            if (self.exact(np.full(POINTS, row), points) != outcomes[own][cell]).any():
                return None
        return _law(at, outcomes, (high - low).prod(axis=1), self.count)

    def _cut(
        self, at: Array, low: Array, high: Array, position: int, probes: Array
    ) -> tuple[Array, Array, Array]:
        """The cells, cut at all steps of the draw at a position."""
        many = len(probes)
        middle = np.repeat((low + high) / 2, many, axis=0)
        middle[:, position:] = np.tile(probes[:, position:], (len(at), 1))

        def exact(lines: Array, draws: Array) -> Array:
            unit = middle[lines].copy()
            unit[:, position] = draws
            return self.exact(at[lines // many], unit)

        grid = np.append(np.arange(GRID - 1) / (GRID - 1), 1 - 2.0**-HALVINGS)
        lines = np.arange(len(middle))
        found, places = steps(exact, np.repeat(lines, GRID), np.tile(grid, len(middle)), HALVINGS)
        cells, lows, highs = [], [], []
        for cell in range(len(at)):
            cuts = np.unique(np.round(places[found // many == cell], 10))
            ends = np.concatenate([[0.0], cuts, [1.0]])
            for left, right in pairwise(ends):
                cells.append(at[cell])
                lows.append(low[cell].copy())
                highs.append(high[cell].copy())
                lows[-1][position], highs[-1][position] = left, right
        return np.array(cells), np.array(lows), np.array(highs)


def _law(at: Array, outcomes: Array, weights: Array, count: int) -> Law:
    """Rows of cells with their weights -> the law; cells of no weight are none."""
    kinds, shares = [], []
    for row in range(count):
        own = (at == row) & (weights > 0)
        kind, which = np.unique(outcomes[own], axis=0, return_inverse=True)
        share = np.bincount(which.ravel(), weights=weights[own])
        kinds.append(kind)
        shares.append(share / share.sum())
    return Law(tuple(kinds), tuple(shares))


def _race(rows: Rows, base: Case, sources: Sequence[str], count: int) -> Law | None:
    """The law of one token that is the argmax of scores which one source disturbs."""
    module = rows.module
    if len(sources) != 1 or len(rows.outputs) != 1:
        return None
    (source,), (output,) = sources, rows.outputs
    equation = module.definitions[output]
    if not isinstance(equation, t.Equation) or resting_on(module, source) != {source, output}:
        return None
    body = equation.body
    if not isinstance(body, t.Reduce) or body.operator != "argmax" or len(body.bound) != 1:
        return None
    axes = (*equation.axes, *body.bound)
    if not _disturbs(module, source, body, [axis.name for axis in axes]):
        return None
    gumbel = _initial(module, source).name == "gumbel"
    one, none = (t.Number(body.span, Fraction(n), "int") for n in (1, 0))
    admitted = one if body.where is None else t.If(body.span, body.where, one, none, "int")
    parts = {"score'": body.body, "admitted'": admitted}
    scored = {name: t.Equation(body.span, name, axes, e, False) for name, e in parts.items()}
    undisturbed = np.full(count, 0.0 if gumbel else 1.0)
    calm = rows.case(base, np.arange(count), {source: undisturbed})
    changed = replace(module, definitions={**module.definitions, **scored})
    found = evaluate(changed, calm.setting.sizes, calm.setting.consts, calm.tensors)
    score = np.where(found["admitted'"] != 0, found["score'"], -np.inf if gumbel else 0.0)
    weights = np.exp(score - score.max(axis=1, keepdims=True)) if gumbel else score
    row, token = np.indices(weights.shape).reshape(2, -1)
    return _law(row, token[:, None], weights.ravel(), count)


def _disturbs(module: t.Module, source: str, body: t.Reduce, at: Sequence[str]) -> bool:
    """Whether scores are something plus Gumbel noise, or something over exponential numbers,
    each of its own, and the noise stands nowhere else."""
    match _initial(module, source).name, body.body:
        case "gumbel", t.Add(terms=terms):
            noise = [e for sign, e in terms if sign == 1]
        case "exponential", t.Mul(factors=factors):
            noise = [e for operator, e in factors if operator == "/"]
        case _:
            return False
    everything = (body.body,) if body.where is None else (body.where, body.body)
    read = [e for part in everything for e in nodes(part) if isinstance(e, t.Element)]
    once = sum(e.tensor == source for e in read) == 1
    return once and any(_is(e, source, at) for e in noise)


def _is(e: t.Expr, source: str, at: Sequence[str]) -> bool:
    """Whether an expression is the element of a source at those indices."""
    if not isinstance(e, t.Element) or e.tensor != source:
        return False
    return [x.name if isinstance(x, t.IndexRef) else "" for x in e.subscripts] == list(at)


def _initial(module: t.Module, source: str) -> t.Initial:
    initial = module.randoms[source].initial
    assert initial is not None
    return initial
