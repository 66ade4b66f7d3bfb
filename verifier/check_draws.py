"""What is drawn follows the law, where the implementation draws by itself.

An implementation whose signature has no place for a random source cannot be given the draw for
which the equations say what comes. What rests on such a source is left out of all other checks;
here rows of a case are repeated, and what is drawn for them is held against the exact law by two
tests (`goodness_of_fit.py`). Draws from a wrong law, which the tests must reject, go along each
time; what so many draws cannot show is said in a note.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..compiler import typed as t
from .candidate import Candidate, CandidateError, outputs
from .drawn_laws import exact_law
from .draws import Rows, rows_of
from .goodness_of_fit import TILT, Law, rarest_seen
from .plan import BITS, Options
from .regimes import REGIMES, Case, case, shape_of
from .report import Check
from .settings import NoSetting
from .trial import Subject, as_array, raised
from .undrawn import drawn_by, returning, unaccepted, unread, without

Array = npt.NDArray[Any]

TRIED = ("typical", "consts")
"""The regimes of which a case is held."""
ATTEMPTS = 60
"""At how many cases of a regime a law that can be tested is looked for."""
UNKNOWN = 8
"""At how many cases whose law cannot be had nothing more is tried."""
FACTORS = (3, 1)
"""How many times as large its sizes are, beside the batch: in a law of few outcomes, all of them
common, little can be wrong."""
ROWS = 3
"""Rows of a case that are held, at most."""
LEAST = 2**14
"""Draws of each row, where fewer would tell the stated alternative: for rare outcomes."""
MOST = 2**18
"""How many draws of all rows together are made, at most."""


class Draws:
    """Holds what an implementation draws by itself, from `sources`, against the exact law.
    `rest` is the module without that, `candidate` the implementation of it, and on `elsewhere`
    only what is drawn depends."""

    def __init__(self, subject: Subject, sources: Sequence[str]) -> None:
        module = subject.module
        self.subject, self.sources = subject, sources
        self.check = Check("draws", "what is drawn follows the law", unit="draws")
        drawn = drawn_by(module, sources)
        self.rest = without(module, drawn)
        self.candidate = returning(subject.candidate, module, self.rest.outputs)
        self.elsewhere = unread(self.rest)
        rows = rows_of(module)
        own = tuple(name for name in rows.outputs if name in drawn) if rows else ()
        self.rows = replace(rows, outputs=own) if rows and own else None
        for name in module.outputs:
            if name in drawn and name not in own:
                self.check.doubt(f"nothing is shown of {name}, which is no row of drawn integers")

    def finish(self) -> list[Check]:
        """The check, at the cases of the run; none where that is narrowed to others."""
        options, rows, check = self.subject.options, self.rows, self.check
        regimes = [name for name in TRIED if options.regime in (None, name)]
        if options.case or not regimes:
            return []
        dtypes = [dtype for dtype in options.dtypes if BITS[dtype] == 24]
        if not dtypes:
            check.doubt("it is held in float64 and float32 alone")
        elif len(dtypes) < len(options.dtypes):
            check.notes.append("not held in 16-bit formats, whose rounding bends the law")
        for name in regimes if rows is not None and dtypes else ():
            assert rows is not None
            found = self.found(rows, name)
            if found is None:
                check.doubt(f"no case of {name} has a law that is had exactly and can be tested")
                continue
            for dtype in dtypes:
                self.hold(rows, *found, dtype)
        return [check]

    def found(self, rows: Rows, name: str) -> tuple[Case, Law, int] | None:
        """A case of a regime, the law of its rows and how many draws of each it takes."""
        regime = next(regime for regime in REGIMES if regime.name == name)
        module, seed, unknown = rows.module, self.subject.options.seed, 0
        for repeat, factor in product(range(ATTEMPTS), FACTORS):
            try:
                setting = case(module, regime, seed, 24, repeat).setting
                setting = rows.enlarged(setting, factor)
            except NoSetting:
                continue
            the_case = case(module, regime, seed, 24, repeat, setting)
            many = min(ROWS, setting.sizes[rows.batch])
            law = exact_law(rows, the_case, self.sources, many)
            unknown += law is None
            if law is not None and many * law.needed() <= MOST:
                return the_case, law, max(LEAST, int(law.needed()))
            if unknown == UNKNOWN:
                break
        return None

    def hold(self, rows: Rows, base: Case, law: Law, count: int, dtype: str) -> None:
        """Hold so many draws of each row, by two calls."""
        check, many, half = self.check, len(law.outcomes), -(-count // 2)
        check.cases += 1
        if max(law.evidence(law.control(2 * half, base.seed)).values()) <= 1:
            check.doubt("draws from a wrong law were not rejected: the tests show nothing")
        try:
            first, again = self.draw(rows, base, many, half, dtype)
        except Exception as error:
            self.subject.broken(check, base, dtype, raised(error), rows.outputs[0])
            return
        check.compared += 2 * half * many
        check.worst = max(check.worst, self.judge(rows, base, law, first, again, dtype))
        note = (
            f"{2 * half} draws a row in {base.regime}: {TILT:.0%} of the law spread evenly would "
            f"be seen, and an outcome that never comes where its probability is "
            f"{rarest_seen(2 * half):.1g} or more; nothing is shown of rarer ones"
        )
        if note not in check.notes:
            check.notes.append(note)

    def draw(
        self, rows: Rows, base: Case, many: int, count: int, dtype: str
    ) -> tuple[Array, Array]:
        """What each of two calls draws, (rows, draws, numbers). Rows take turns in the batch."""
        module, candidate, options = rows.module, self.subject.candidate, self.subject.options
        the_case = rows.case(base, np.tile(np.arange(many), count), {})
        kept = {name: x for name, x in module.randoms.items() if name not in self.sources}
        caller = Subject(replace(module, randoms=kept), candidate, options)

        def one() -> Array:
            call = caller.arguments(the_case, dtype, gradients=False)
            found = outputs(module, candidate.function(**call.keywords))
            flat = rows.flat(_integers(module, rows.outputs, found, the_case))
            return flat.reshape(count, many, -1).swapaxes(0, 1)

        devices: list[int] | None = [] if options.device == "cpu" else None
        with torch.random.fork_rng(devices), torch.no_grad(), caller.default_dtype(dtype):
            candidate.seed(options.seed)
            return one(), one()

    def judge(
        self, rows: Rows, base: Case, law: Law, first: Array, again: Array, dtype: str
    ) -> float:
        """The evidence against the law, over that at which it is rejected."""

        def fail(why: str, expected: str = "", got: str = "", ratio: float = np.inf) -> float:
            name = rows.outputs[0]
            self.subject.fail(self.check, base, dtype, name, (), expected, got, ratio, why=why)
            return ratio

        if np.array_equal(first, again):
            return fail("each call draws the same")
        drawn = np.concatenate([first, again], axis=1)
        counts, strays = law.counts(drawn)
        for row, stray in strays.items():
            return fail(f"in row {row} it draws {_words(stray)}, whose probability is 0")
        evidence = law.evidence(counts)
        test, ratio = max(evidence.items(), key=lambda item: item[1])
        if ratio > 1:
            shares = [seen / seen.sum() for seen in counts]
            apart = [np.abs(s - p) for s, p in zip(shares, law.probabilities, strict=True)]
            row = int(np.argmax([x.max() for x in apart]))
            worst = int(apart[row].argmax())
            outcome = _words(law.outcomes[row][worst])
            expected = f"{outcome} with probability {law.probabilities[row][worst]:.6g}"
            got = f"{outcome} {counts[row][worst]} times of {drawn.shape[1]}"
            return fail(f"{test} rejects the law, in row {row} most plainly", expected, got, ratio)
        return ratio


def draws_of(module: t.Module, candidate: Candidate, options: Options) -> Draws | None:
    """The check, where an implementation of a flat module has no place for a random source."""
    sources = unaccepted(module, candidate)
    return Draws(Subject(module, candidate, options), sources) if sources else None


def _integers(
    module: t.Module, names: Sequence[str], found: Mapping[str, torch.Tensor], the_case: Case
) -> dict[str, Array]:
    """Outputs, in the shape that they should have. Raises CandidateError."""
    for name in names:
        wanted = shape_of(module.definitions[name].dims, the_case.setting)
        if tuple(found[name].shape) != wanted:
            raise CandidateError(f"its shape is {tuple(found[name].shape)}, not {wanted}")
        if found[name].is_floating_point():
            raise CandidateError(f"its dtype is {found[name].dtype}, not torch.int64")
    return {name: as_array(found[name]) for name in names}


def _words(outcome: Array) -> str:
    """What is drawn at once: a number or several."""
    return ", ".join(map(str, outcome.tolist()))
