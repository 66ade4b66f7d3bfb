"""What something worthless would pass: a check that nothing of the kind fails shows nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .compare import Target, ratios
from .report import Check

Array = npt.NDArray[Any]


class Worthless:
    """The worthless candidates that have passed all cases of a check so far."""

    def __init__(self) -> None:
        self.passing = {"zeros", "the mean", "an untouched input"}

    def hold(self, aims: Sequence[Target], inputs: Sequence[Array]) -> None:
        """Hold them against the tensors of one case."""
        for aim in aims:
            self.passing &= _passing(aim, inputs)

    def doubt(self, check: Check) -> None:
        """Doubt a check that compared nothing, or that one of them would have passed."""
        if check.cases and not check.compared:
            check.doubt("no number could be compared")
        elif check.compared and self.passing and not check.failures:
            nothing = " and ".join(sorted(self.passing))
            check.doubt(f"{nothing} would pass all of its cases too")


def _passing(aim: Target, inputs: Sequence[Array]) -> set[str]:
    """Those that would pass for this tensor."""
    exact = aim.exact
    passing = set()
    shape = exact.high.shape
    if _passes(np.zeros(shape), aim):
        passing.add("zeros")
    if exact.high.dtype.kind == "f" and exact.high.size > 1:
        usable = exact.high[exact.finite & ~exact.undefined]
        mean = float(usable.mean()) if usable.size else 0.0
        if _passes(np.full(shape, mean), aim):
            passing.add("the mean")
    if any(array.shape == shape and _passes(array, aim) for array in inputs):
        passing.add("an untouched input")
    return passing


def _passes(got: Array, aim: Target) -> bool:
    return float(ratios(got, aim).max(initial=0.0)) <= 1
