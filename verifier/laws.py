"""Laws: what must follow from the equations, and what an implementation must keep.

Law ──▶ instances ──▶ on the equations, exactly ──▶ on the code, in each dtype ──▶ Check
"""

from __future__ import annotations

from ..compiler import typed as t
from .exact import OracleError
from .law_code import try_code, unreturned
from .law_equations import try_equations
from .law_instances import Batch, Tally, batches
from .law_reader import Broken, LawError, words
from .regimes import Case
from .report import EXACT, Check, Failure
from .symbolic import Structures
from .trial import Subject, raised, shown
from .truth import Truths

CODE_BATCHES = 2
"""How many choices of the indices that `with` mentions the code is run at."""


class LawChecks:
    """The laws of a module, each a check of its own, as cases come in."""

    def __init__(self, subject: Subject, truths: Truths) -> None:
        self.laws = [_Law(law, subject, truths) for law in subject.module.laws]

    def hold(self, the_case: Case) -> None:
        """Try all laws at one case."""
        for law in self.laws:
            law.hold(the_case)

    def finish(self) -> list[Check]:
        """The checks, with what they tried and their doubts."""
        return [law.finish() for law in self.laws]


class _Law:
    def __init__(self, law: t.Law, subject: Subject, truths: Truths) -> None:
        self.law, self.subject, self.truths = law, subject, truths
        claim = words(law).partition(":")[2].strip()
        self.check = Check(f"law {law.name}", claim, unit="instances")
        self.inside = unreturned(subject.module, law)
        self.on_equations = self.on_code = 0
        self.structures = Structures()

    def hold(self, the_case: Case) -> None:
        if self.check.failures or self.check.doubts:
            return
        self.check.cases += 1
        try:
            found = batches(self.law, the_case)
            for batch in found:
                self.hold_equations(the_case, batch)
            if not self.inside:
                for dtype in self.subject.options.dtypes:
                    for batch in found[:CODE_BATCHES]:
                        self.hold_code(the_case, batch, dtype)
        except (LawError, OracleError) as error:
            self.check.doubt(str(error))

    def hold_equations(self, the_case: Case, batch: Batch) -> None:
        if self.check.failures:
            return
        tally = try_equations(self.truths, self.law, the_case, batch, self.structures)
        self.on_equations += self.count(tally)
        if tally.broken is not None:
            self.fail(the_case, EXACT, tally.broken)

    def hold_code(self, the_case: Case, batch: Batch, dtype: str) -> None:
        if self.check.failures:
            return
        given = (self.subject, self.truths, self.law, the_case, dtype, batch, self.structures)
        try:
            with self.subject.default_dtype(dtype):
                tally = try_code(*given)
        except (LawError, OracleError):
            raise
        except Exception as error:
            self.subject.broken(self.check, the_case, dtype, raised(error))
            return
        self.on_code += self.count(tally)
        self.check.worst = max(self.check.worst, tally.worst)
        if tally.broken is not None:
            self.fail(the_case, dtype, tally.broken)

    def count(self, tally: Tally) -> int:
        """How many instances the law said something of."""
        tried = tally.held + (tally.broken is not None)
        self.check.compared += tried
        self.check.left_out += tally.left_out
        return tried

    def finish(self) -> Check:
        on_code = "none on the code" if self.inside else f"{self.on_code} on the code"
        self.check.notes.append(f"{self.on_equations} instances on the equations, {on_code}")
        if self.inside:
            names = ", ".join(self.inside)
            self.check.notes.append(f"on the equations alone: no implementation returns {names}")
        if self.check.cases and not self.check.failures and not self.check.doubts:
            if not self.on_equations:
                self.check.doubt("nothing was tried of which the law says anything")
            elif not self.on_code and not self.inside:
                self.check.doubt("nothing could be held against the code")
        return self.check

    def fail(self, the_case: Case, dtype: str, broken: Broken) -> None:
        span = self.law.span
        exact = dtype == EXACT
        again = self.subject.options.dtypes[0] if exact else dtype
        self.check.worst = max(self.check.worst, broken.ratio)
        self.check.failures.append(
            Failure(
                check=self.check.name,
                dtype=dtype,
                regime=the_case.regime,
                seed=the_case.seed,
                tensor=", ".join(f"{name}={i}" for name, i in broken.indices.items())
                or "everywhere",
                index=(),
                expected="",
                got="",
                ratio=broken.ratio,
                equation=words(self.law),
                place=f"{span.source.path}:{span.line}",
                why="the equations break the law" if exact else "the code breaks the law",
                command=self.subject.options.again(again, the_case),
                details={
                    "claim": broken.part,
                    "left": broken.left,
                    "right": broken.right,
                    "at": shown(the_case),
                },
            )
        )
