"""Each draw gives the equation's token, from one end of the range of draws to the other.

What is drawn is a step function of a uniform draw. Its steps are found exactly, by bisection on
exact values, and the implementation is held against all of it: on both sides of every step, ever
nearer, down to the next number of the format, and on a grid in between. Where rounding decides,
it must still give what lies on either side of the step. A wrong step that lies between two
points of the grid and leaves both as they are is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..compiler import typed as t
from .candidate import outputs
from .compare import FACTOR
from .draws import Rows, rows_of, steps
from .plan import BITS
from .reference import FORMATS, spread
from .regimes import Case, rounded
from .report import Check
from .settings import evaluate
from .trial import Subject, Trial, as_array, raised

Array = npt.NDArray[Any]

REGIMES = ("typical", "consts")
"""Those whose cases are swept."""
GRID = 257
"""Points of the grid, each at a random place in its part of the range."""
FINE = 40
"""How often a part of the grid is halved, at least, to find its steps."""
ROWS = 3
"""Rows of a case that are swept, at most."""
SAMPLES = 8
"""Of Monte Carlo arithmetic, which tell where rounding decides."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """The points at which a source is tried, row after row and rising in each, and what should
    come: for each point all numbers drawn, and whether rounding decides. `steps` are the row,
    the place and the numbers above of each step, those too that lie between two numbers of the
    format."""

    case: Case
    source: str
    rows: Array
    draws: Array
    exact: Array
    unsure: npt.NDArray[np.bool_]
    steps: tuple[Array, Array, Array]

    def admitted(self) -> Iterator[tuple[int, int, set[Any]]]:
        """Where rounding decides: the point, the number, and what lies around: the exact ones
        from the nearest point where it does not below to that above."""
        for at, number in np.argwhere(self.unsure).tolist():
            mine = self.rows == self.rows[at]
            sure = np.flatnonzero(mine & ~self.unsure[:, number])
            below, above = sure[sure < at], sure[sure > at]
            first = below[-1] if below.size else np.flatnonzero(mine)[0]
            last = above[0] if above.size else np.flatnonzero(mine)[-1]
            rows, places, above_them = self.steps
            inside = (rows == self.rows[at]) & (self.draws[first] <= places)
            inside &= places <= self.draws[last]
            passed = above_them[inside, number].tolist() if inside.any() else []
            yield at, number, {*self.exact[first : last + 1, number].tolist(), *passed}


class Partition:
    """Holds what is drawn, as a function of each uniform source, against exact values."""

    def __init__(self, subject: Subject, rows: Rows) -> None:
        self.subject, self.rows = subject, rows
        self.check = Check("partition", "each draw gives the equation's token", unit="draws")

    def hold(self, trial: Trial) -> None:
        if trial.case.regime in REGIMES:
            self.hold_case(trial.case, trial.dtype)

    def hold_case(self, the_case: Case, dtype: str) -> None:
        """Sweep each uniform source in the rows of a case."""
        self.check.cases += 1
        for source in uniform_sources(self.subject.module):
            self._hold(self.sweep(the_case, source, dtype), the_case, dtype)

    def finish(self) -> None:
        """Doubt the check where rounding decides everywhere."""
        if self.check.cases and not self.check.compared:
            self.check.doubt("no draw could be compared")

    def sweep(self, base: Case, source: str, dtype: str) -> Sweep:
        """The points, and what should come at each."""
        bits = BITS[dtype]
        low, high = source_range(self.subject.module, source, base)
        rng = np.random.default_rng([base.seed, bits, *source.encode()])
        count = min(ROWS, base.setting.sizes[self.rows.batch])
        grid = (np.arange(GRID) + rng.random((count, GRID))) / GRID
        grid[:, 0], grid[:, -1] = 0.0, 1.0
        rows = np.repeat(np.arange(count), GRID)
        draws = _within(low + (high - low) * grid.ravel(), low, high, bits)

        def exact_at(at: Array, draws: Array) -> Array:
            return self.rows.exact(self.rows.case(base, at, {source: draws}))

        at, places = steps(exact_at, rows, draws, max(bits, FINE))
        above = exact_at(at, places) if len(at) else np.zeros((0, 0))
        distances = (high - low) * 0.5 ** np.arange(4, bits + 1)
        near = np.concatenate([-distances, distances, [0.0]])
        rows = np.concatenate([rows, np.repeat(at, near.size)])
        more = _within((places[:, None] + near).ravel(), low, high, bits)
        rows, draws = _sorted(rows, np.concatenate([draws, more]))
        case = self.rows.case(base, rows, {source: draws})
        setting, tensors = case.setting, case.tensors
        found, _ = spread(
            self.subject.module,
            setting.sizes,
            setting.consts,
            tensors,
            {},
            FORMATS[dtype],
            samples=SAMPLES,
            factor=FACTOR,
            seed=base.seed,
        )
        exact = self.rows.flat({name: found[name].nominal for name in self.rows.outputs})
        unsure = self.rows.flat({name: found[name].jump for name in self.rows.outputs})
        return Sweep(case, source, rows, draws, exact, unsure, (at, places, above))

    def _hold(self, sweep: Sweep, the_case: Case, dtype: str) -> None:
        subject, check = self.subject, self.check
        call = subject.arguments(sweep.case, dtype, gradients=False)
        try:
            given = outputs(subject.module, subject.candidate.function(**call.keywords))
            got = self.rows.flat({name: as_array(given[name]) for name in self.rows.outputs})
            got = got.reshape(sweep.exact.shape)
        except Exception as error:
            subject.broken(check, the_case, dtype, raised(error), self.rows.outputs[0])
            return
        wrong = ~sweep.unsure & (got != sweep.exact)
        admitted = {(at, number): values for at, number, values in sweep.admitted()}
        for (at, number), values in admitted.items():
            wrong[at, number] = got[at, number] not in values
        check.compared += int(np.sum(~sweep.unsure))
        check.left_out += int(np.sum(sweep.unsure))
        if wrong.any():
            at, number = (int(i) for i in np.argwhere(wrong)[0])
            wanted = admitted.get((at, number), {sweep.exact[at, number]})
            why = (
                f"where {sweep.source} is {sweep.draws[at]!r} in row {int(sweep.rows[at])}, "
                f"{int(wrong.sum())} of {wrong.size} numbers drawn are wrong, this the first"
            )
            subject.fail(
                check,
                the_case,
                dtype,
                self.rows.outputs[0],
                (),
                " or ".join(map(str, sorted(wanted))),
                str(got[at, number]),
                float("inf"),
                why=why,
            )
            check.worst = float("inf")


def partition_of(subject: Subject) -> Partition | None:
    """The check, where a module draws for rows by uniform sources in one of its regimes."""
    rows = rows_of(subject.module)
    if rows is None or not uniform_sources(subject.module):
        return None
    return Partition(subject, rows) if subject.options.regime in (None, *REGIMES) else None


def uniform_sources(module: t.Module) -> list[str]:
    """The random sources that are uniform."""
    return [
        name
        for name, source in module.randoms.items()
        if source.initial is not None and source.initial.name == "uniform"
    ]


def source_range(module: t.Module, source: str, base: Case) -> tuple[float, float]:
    initial = module.randoms[source].initial
    assert initial is not None
    sizes, consts = base.setting.sizes, base.setting.consts
    low, high = (float(evaluate(initial.arguments[n], sizes, consts)) for n in ("low", "high"))
    return low, high


def _within(draws: Array, low: float, high: float, bits: int) -> Array:
    """The nearest draws that the format holds, in the range without its upper end."""
    most = float(rounded(np.asarray(high - (high - low) * 2.0**-bits), bits, np.floor))
    return np.clip(rounded(draws, bits), low, most)


def _sorted(rows: Array, draws: Array) -> tuple[Array, Array]:
    """Row after row, rising in each, without duplicates."""
    pairs = np.unique(np.stack([rows.astype(np.float64), draws]), axis=1)
    return pairs[0].astype(np.int64), pairs[1]
