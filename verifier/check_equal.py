"""Two modules are the same function: exact values and derivatives of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from flint import arb

from . import extended
from .extended import TINY
from .oracle import Exact
from .other import Other
from .plan import Options
from .regimes import Case
from .report import EXACT, Check, Failure
from .trial import shown
from .truth import Truth, Truths

PRECISION = 60


class Equal:
    """Holds the exact values and gradients of another module against a module's."""

    def __init__(self, other: Other, truths: Truths, options: Options) -> None:
        """`truths` are those of the other module."""
        self.other, self.truths, self.options = other, truths, options
        first, second = other.other.qualified, other.module.qualified
        self.values = Check("equal values", f"every output of {first} is that of {second}")
        self.gradients = Check("equal gradients", "and so is every derivative")

    def hold(self, truth: Truth) -> None:
        """Hold it against what a case of the module gives."""
        the_case, names = truth.case, self.other.outputs
        own = self.truths.of(self.other.case(the_case))
        values = {name: own.values[names[name]] for name in truth.values}
        self.compare(self.values, the_case, truth.values, values, "")
        if truth.gradients:
            prefix = f"d({', '.join(truth.values)}) / d "
            self.compare(self.gradients, the_case, truth.gradients, own.gradients, prefix)

    def finish(self) -> list[Check]:
        """The checks, with doubts about those that compared nothing."""
        checks = [self.values, *([self.gradients] if self.truths.sources else [])]
        for check in checks:
            if not check.cases:
                check.doubt("no sizes and consts were found that both take")
            elif not check.compared:
                check.doubt("no number could be compared")
        return checks

    def compare(
        self,
        check: Check,
        the_case: Case,
        wanted: Mapping[str, Exact],
        found: Mapping[str, Exact],
        prefix: str,
    ) -> None:
        """Hold tensors against those of the module; what is undefined there is left out."""
        check.cases += 1
        for name, exact in wanted.items():
            counts = ~exact.undefined
            check.compared += int(counts.sum())
            check.left_out += int(exact.undefined.sum())
            for at in np.ndindex(counts.shape):
                if counts[at] and not _equal(exact.values[at], found[name].values[at]):
                    self.fail(check, the_case, prefix + name, at, exact, found[name])
                    break

    def fail(
        self,
        check: Check,
        the_case: Case,
        tensor: str,
        index: tuple[int, ...],
        wanted: Exact,
        found: Exact,
    ) -> None:
        """A failure at one element."""
        output = next(iter(self.other.outputs.values()))
        span = self.other.other.definitions[output].span
        check.worst = float("inf")
        check.failures.append(
            Failure(
                check=check.name,
                dtype=EXACT,
                regime=the_case.regime,
                seed=the_case.seed,
                tensor=tensor,
                index=index,
                expected=wanted.digits(index),
                got=found.digits(index),
                ratio=float("inf"),
                equation=" ".join(span.text.split()),
                place=f"{span.source.path}:{span.line}",
                why=f"it is not what {self.other.module.qualified} gives",
                command=self.options.again(self.options.dtypes[0], the_case),
                details={"at": shown(the_case)},
            )
        )


def _equal(a: Any, b: Any) -> bool:
    """Whether two values are equal, to all the digits that are known; what the oracle cannot
    tell from 0 equals it."""
    if isinstance(a, arb) and isinstance(b, arb):
        with extended.working(PRECISION, True):
            difference = a - b
            return bool(difference.contains(0) or abs(difference) < TINY)
    return type(a) is type(b) and a == b
