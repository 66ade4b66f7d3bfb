"""No scale is off on average.

In 16-bit formats a tolerance for each element is wider than a scale that is 1 % off: attention
divided by a wrong root, a loss with a wrong beta. Errors of rounding have all signs; those of a
wrong scale lie along the derivative by it. So the errors of a tensor are projected on the
derivative by each scale (`reference_scales.py`), which tells by how much the code has that scale
wrong, and how surely: the samples of Monte Carlo arithmetic are projected too.

Allowed are `FACTOR` times the root mean square of those projections, twice what underflow and
rounding to the nearest number do, and one rounding of the scale itself: code may hold a const as
a tensor of the format.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .candidate import outputs
from .check_gradients import backward
from .compare import FACTOR as DECIDING
from .compare import FORMATS
from .reference_noise import FORMATS as ROUNDINGS
from .reference_noise import Rounding
from .reference_scales import SAMPLES, Samples, gradient_prefix, scaled
from .regimes import Case
from .report import Check
from .scale_cases import LOW, scale_cases
from .trial import Subject, as_array, raised

Array = npt.NDArray[Any]

FACTOR = 4.0
"""How many standard deviations of its noise a scale may be off; one for everything."""
SOUGHT = 0.01
"""How much a scale has to be off for the report to say that it would have been seen."""
ALIKE = 0.999
"""Scales that explain the errors as well as the best one, to this part, are named with it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """By what part a scale is off, how much is allowed, and how surely it is off."""

    scale: str
    off: float
    allowed: float
    evidence: float


@dataclass(frozen=True, slots=True)
class Errors:
    """The numbers that count of a tensor or of several, flat: exact values, errors of the code,
    derivatives by each scale, (scales, numbers), deviations of each Monte Carlo sample, (samples,
    numbers), what is `lost` to underflow, and the last rounding."""

    exact: Array
    error: Array
    slopes: Array
    noise: Array
    lost: Array
    floor: Array
    roundoff: float

    @staticmethod
    def of(got: Array, slopes: Samples, noise: Samples, rounding: Rounding) -> Errors:
        """What counts is finite and hangs on no comparison that rounding may decide; it says
        nothing of a scale that would take it out of its domain."""
        counts = ~noise.jump & np.isfinite(got) & np.isfinite(slopes.values[0])
        counts &= np.isfinite(noise.values).all(axis=0)
        exact = slopes.values[0][counts]
        deviations = np.broadcast_to(noise.values, (2 + SAMPLES, *got.shape))[1:, counts] - exact
        floor = np.maximum(rounding.roundoff * np.abs(exact), rounding.tiny / 2)
        error = got[counts] - exact
        along = np.nan_to_num(slopes.values[1:, counts], nan=0.0, posinf=0.0, neginf=0.0)
        samples, lost = deviations[:-1], deviations[-1]
        return Errors(exact, error, along, samples, lost, floor, rounding.roundoff)

    @staticmethod
    def together(parts: Sequence[Errors]) -> Errors:
        """Of several tensors as one."""
        return Errors(
            np.concatenate([part.exact for part in parts]),
            np.concatenate([part.error for part in parts]),
            np.concatenate([part.slopes for part in parts], axis=1),
            np.concatenate([part.noise for part in parts], axis=1),
            np.concatenate([part.lost for part in parts]),
            np.concatenate([part.floor for part in parts]),
            parts[0].roundoff,
        )

    def with_scale(self, slope: Array) -> Errors:
        """With one scale more."""
        return replace(self, slopes=np.concatenate([self.slopes, slope[None]]))

    def estimates(self, names: Sequence[str]) -> list[Estimate]:
        """By how much each scale is off, save those on which no number depends."""
        weight = 1 / ((self.noise**2).mean(axis=0) + self.floor**2)
        found = []
        for name, slope in zip(names, self.slopes, strict=True):
            weighted = weight * slope
            size = float(weighted @ slope)
            if size == 0 or not np.isfinite(size):
                continue
            along = float(weighted @ self.error)
            off = along / size
            spread = ((self.noise @ weighted) ** 2).mean() + ((self.floor * weighted) ** 2).sum()
            allowed = FACTOR * float(np.sqrt(spread)) + 2 * abs(float(self.lost @ weighted))
            allowed = allowed / size + self.roundoff
            found.append(Estimate(name, off, allowed, off * along))
        return found


class Scales:
    """Holds errors against what a wrong scale would make them."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.check = Check("scales", "no scale is off on average", unit="scales")
        self.scaled = scaled(subject.module)
        self.seen: dict[str, set[str]] = {dtype: set() for dtype in LOW}

    def cases(self) -> Iterator[Case]:
        """The cases of the run."""
        return scale_cases(self.scaled.module, self.subject.options)

    def hold(self, the_case: Case) -> None:
        """Hold every 16-bit dtype of the run at a case."""
        setting = the_case.setting
        given = setting.sizes, setting.consts, the_case.tensors, the_case.cotangents
        exact = self.scaled.derivatives(*given)
        for dtype in self.subject.options.dtypes:
            if dtype not in LOW or exact.largest > FORMATS[dtype].largest:
                continue
            found = self._found(the_case, dtype)
            if found is None:
                continue
            self.check.cases += 1
            noise = self.scaled.noise(*given, dtype, factor=DECIDING, seed=the_case.seed)
            everything = []
            for (prefix, name), slopes in exact.tensors.items():
                got = found[prefix, name]
                if got.shape != slopes.jump.shape:
                    continue  # which `values` says
                errors = Errors.of(got, slopes, noise.tensors[prefix, name], ROUNDINGS[dtype])
                everything.append(errors)
                own = errors.with_scale(errors.exact).estimates([*self.scaled.names, prefix + name])
                self._judge(own, the_case, dtype, name, prefix)
            if everything:
                whole = Errors.together(everything).estimates(self.scaled.names)
                self._judge(whole, the_case, dtype, "", "")

    def _found(self, the_case: Case, dtype: str) -> dict[tuple[str, str], Array] | None:
        """The outputs and gradients that the implementation gives, as in `Answers`."""
        call = self.subject.arguments(the_case, dtype, gradients=True)
        with self.subject.default_dtype(dtype):
            try:
                got = outputs(self.subject.module, self.subject.candidate.function(**call.keywords))
                gradients = backward(got, the_case.cotangents, call.reals)
            except Exception as error:
                self.subject.broken(self.check, the_case, dtype, raised(error))
                return None
        prefix = gradient_prefix(self.subject.module)
        found = {("", name): as_array(x) for name, x in got.items()}
        return found | {(prefix, name): x for name, x in gradients.items()}

    def _judge(
        self,
        estimates: Sequence[Estimate],
        the_case: Case,
        dtype: str,
        name: str,
        prefix: str,
    ) -> None:
        """Fail where a scale is off, naming the one that explains the errors best."""
        for estimate in estimates:
            if estimate.allowed < SOUGHT:
                self.seen[dtype].add(estimate.scale)
            self.check.worst = max(self.check.worst, abs(estimate.off) / estimate.allowed)
        wrong = [e for e in estimates if abs(e.off) > e.allowed]
        if wrong:
            best = max(wrong, key=lambda e: e.evidence)
            alike = [e.scale for e in wrong if e.evidence > ALIKE * best.evidence]
            why = (
                f"its numbers come out as if all of {' or '.join(alike)} were "
                f"{1 + best.off:.5g} times as much, where ±{best.allowed:.2g} is allowed"
            )
            ratio = abs(best.off) / best.allowed
            self.subject.fail(self.check, the_case, dtype, name, (), "", "", ratio, prefix, why)

    def finish(self) -> list[Check]:
        """The check, which counts the scales of which an error of 1 % would have been seen; none
        where it does not apply: no dtype is low, or in none do the cases stay within it."""
        check, names = self.check, {*self.scaled.names}
        if not (check.cases or check.failures or check.doubts):
            return []
        for dtype in self.subject.options.dtypes:
            if dtype in LOW:
                seen = self.seen[dtype] & names
                check.compared += len(seen)
                check.left_out += len(names - seen)
        return [check]
