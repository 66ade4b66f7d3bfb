"""What an implementation gives on a few cases, beside what its equations give.

Integers and booleans that rest on a comparison too close to call say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..compiler import typed as t
from .candidate import outputs
from .check_gradients import backward
from .plan import BITS
from .reference import differentiate, evaluate
from .regimes import REGIMES, Case, case
from .settings import NoSetting
from .trial import Subject, as_array
from .truth import Truths

Array = npt.NDArray[Any]
Of = Literal["values", "gradients"]

DIFFERING, AGREEING = 3, 2
"""Cases that are looked at, at most, where the implementation differs and where it does not."""
OTHERS = ("consts", "typical", "consts")
MORE = 1000
"""Of which regimes cases of other sizes are looked at, and where their seeds begin."""
HUGE = ("large", "extreme", "confident", "log_probs", "heavy")
"""Regimes in which numbers without rounding are not so accurate."""
CLOSE = 1e-9
SMALL = 1e-12
"""How far numbers without rounding may be from float64 ones, relative to them and the largest in
the tensor, and at all, before they count as others."""
FINEST = "float64"


@dataclass(frozen=True, slots=True)
class Seen:
    """A case, and the outputs or gradients that the implementation gives in float64; `store`
    holds what the equations give: every definition. `differs` marks where they are not what
    the implementation gives. Of tensors in `counts` only what is marked there counts."""

    case: Case
    found: Mapping[str, Array]
    store: Mapping[str, Array]
    differs: Mapping[str, Array]
    counts: Mapping[str, Array]

    def like(self, wanted: Mapping[str, Array]) -> bool:
        """Whether what the implementation gives is that, but for rounding, wherever that is
        defined."""
        return all(
            array.shape == wanted[name].shape
            and not np.any(_apart(array, wanted[name], self.counts.get(name)))
            for name, array in self.found.items()
        )

    def telling(self, wanted: Mapping[str, Array]) -> bool:
        """Whether that is mostly defined, and somewhere where the equations give another."""
        defined = {name: wanted[name] == wanted[name] for name in self.found}
        elements = np.concatenate([array.ravel() for array in defined.values()])
        differs = any(bool(np.any(defined[name] & self.differs[name])) for name in defined)
        return differs and 2 * int(elements.sum()) >= elements.size


def _apart(found: Array, wanted: Array, counts: Array | None) -> Array:
    """Where numbers are not the same but for rounding."""
    if found.shape != wanted.shape:
        return np.ones(found.shape, np.bool_)
    finite = np.isfinite(wanted)
    size = np.abs(np.where(finite, wanted, 0.0))
    with np.errstate(invalid="ignore"):
        near = (
            np.abs(found.astype(np.float64) - wanted)
            <= CLOSE * (size + size.max(initial=0.0)) + SMALL
        )
    exact = wanted.dtype.kind in "bi"
    same = (found == wanted) | (wanted != wanted)
    apart: Array = ~(same if exact else np.where(finite, near, same))
    return apart if counts is None else apart & counts


@dataclass(slots=True)
class Observed:
    """Cases on which an implementation is not the equation, and some on which it is; `others`
    have sizes of their own, so that no size is taken for another."""

    subject: Subject
    truths: Truths
    of: Of
    differing: list[Seen] = field(default_factory=list)
    agreeing: list[Seen] = field(default_factory=list)
    _others: list[Seen] | None = None

    @property
    def cases(self) -> list[Seen]:
        return [*self.differing, *self.agreeing[:AGREEING]]

    @property
    def enough(self) -> bool:
        """Whether the cases tell one function from another."""
        return bool(self.differing) and len(self.cases) > 1

    def everything(self) -> Iterator[Seen]:
        """All cases; the others are looked at when it comes to them."""
        yield from self.cases
        yield from self.others

    @property
    def others(self) -> list[Seen]:
        if self._others is None:
            cases = _other_cases(self.subject)
            self._others = [one for the_case in cases if (one := self.see(the_case)) is not None]
        return self._others

    def see(self, the_case: Case) -> Seen | None:
        """What an implementation does in a case; None where it cannot be called."""
        module, setting = self.subject.module, the_case.setting
        try:
            found = _found(self.subject, the_case, self.of)
        except Exception:  # whatever it is, it is no change of a term
            return None
        counts = {}
        if self.of == "values" and any(module.definitions[n].type != "real" for n in found):
            values, _ = self.truths.noise(the_case, FINEST)
            counts = {name: ~noise.fine.jump for name, noise in values.items()}
        store = evaluate(module, setting.sizes, setting.consts, the_case.tensors)
        own = store if self.of == "values" else gradients(module, the_case)
        differs = {name: _apart(x, own[name], counts.get(name)) for name, x in found.items()}
        return Seen(the_case, found, store, differs, counts)


def observe(subject: Subject, truths: Truths, cases: Sequence[Case], of: Of) -> Observed:
    """Look at an implementation on as many cases as it takes, those of huge numbers last."""
    seen = Observed(subject, truths, of)
    for the_case in sorted(cases, key=lambda case: case.regime in HUGE):
        one = seen.see(the_case)
        if one is not None:
            differs = any(bool(array.any()) for array in one.differs.values())
            (seen.differing if differs else seen.agreeing).append(one)
        if len(seen.differing) == DIFFERING:
            break
    return seen


def reproduced(seen: Observed, give: Callable[[Seen], Mapping[str, Array] | None]) -> bool:
    """Whether a function gives in all cases what the implementation gave, and in one of them
    tells it from the equations; None is nothing that it could be."""
    telling = False
    for one in seen.everything():
        wanted = give(one)
        if wanted is None or not one.like(wanted):
            return False
        telling = telling or one.telling(wanted)
    return telling


def gradients(module: t.Module, the_case: Case) -> dict[str, Array]:
    """The derivatives of a module, without rounding."""
    setting = the_case.setting
    given = setting.sizes, setting.consts, the_case.tensors, the_case.cotangents
    return differentiate(module, *given)


def _other_cases(subject: Subject) -> Iterator[Case]:
    """Cases of sizes and consts that no case of the run may have had."""
    regimes = {regime.name: regime for regime in REGIMES}
    for seed, name in enumerate(OTHERS, start=MORE + subject.options.seed):
        try:
            yield case(subject.module, regimes[name], seed, BITS[FINEST])
        except NoSetting:
            continue


def _found(subject: Subject, the_case: Case, of: Of) -> dict[str, Array]:
    """What the implementation gives in float64."""
    with subject.default_dtype(FINEST):
        call = subject.arguments(the_case, FINEST, gradients=of == "gradients")
        found = outputs(subject.module, subject.candidate.function(**call.keywords))
        if of == "gradients":
            return backward(found, the_case.cotangents, call.reals)
        return {name: as_array(tensor) for name, tensor in found.items()}
