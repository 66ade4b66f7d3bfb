"""What an implementation computes instead of its equations: the same with one term changed.

    module, what the implementation gave -> the change that reproduces it

Every change that the rules know is evaluated without rounding on a few cases in float64, only as
far as it matters; one that gives what the implementation gave everywhere is then verified like a
spec of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..compiler import typed as t
from .candidate import outputs
from .change_rules import GRADIENT_RULES, RULES
from .changes import Change, changes, resting_on, rests_on
from .check_gradients import backward
from .plan import BITS
from .probe import probe
from .reference import differentiate, evaluate
from .regimes import REGIMES, Case, case
from .settings import NoSetting
from .trial import Subject, as_array
from .truth import Truths

Array = npt.NDArray[Any]
Of = Literal["values", "gradients"]

SECONDS = 2.0
"""How long changes are tried."""
DIFFERING, AGREEING = 3, 2
"""Cases that are looked at, at most, where the implementation differs and where it does not."""
OTHERS = 2
MORE = 1000
"""How many cases of other sizes are looked at, and where their seeds begin."""
HUGE = ("large", "extreme")
"""Regimes in which numbers without rounding are not so accurate."""
CLOSE = 1e-9
SMALL = 1e-12
"""How far numbers without rounding may be from float64 ones, relative to them and the largest in
the tensor, and at all, before a change is ruled out."""
FINEST = "float64"


@dataclass(frozen=True, slots=True)
class Seen:
    """A case, and the outputs or gradients that the implementation gives in float64; `store`
    holds what the equations give: every definition."""

    case: Case
    found: Mapping[str, Array]
    store: Mapping[str, Array]


@dataclass(slots=True)
class Observed:
    """Cases on which an implementation is not the equation, and some on which it is; `others`
    have sizes of their own, so that no size is taken for another."""

    subject: Subject
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

    @property
    def others(self) -> list[Seen]:
        if self._others is None:
            self._others = []
            for the_case in _other_cases(self.subject):
                seen = see(self.subject, the_case, self.of)
                self._others += [] if seen is None else [seen]
        return self._others


def observe(subject: Subject, cases: Sequence[Case], of: Of) -> Observed:
    """Look at an implementation on as many cases as it takes, those of huge numbers last."""
    seen = Observed(subject, of)
    for the_case in sorted(cases, key=lambda case: case.regime in HUGE):
        one = see(subject, the_case, of)
        if one is not None:
            wanted = one.store if of == "values" else _gradients(subject.module, the_case)
            (seen.agreeing if alike(one.found, wanted) else seen.differing).append(one)
        if len(seen.differing) == DIFFERING:
            break
    return seen


def see(subject: Subject, the_case: Case, of: Of) -> Seen | None:
    """What an implementation does in a case; None where it cannot be called."""
    setting, tensors = the_case.setting, the_case.tensors
    try:
        found = _found(subject, the_case, of)
    except Exception:  # whatever it is, it is no change of a term
        return None
    return Seen(the_case, found, evaluate(subject.module, setting.sizes, setting.consts, tensors))


def _other_cases(subject: Subject) -> Iterator[Case]:
    """Plain cases of sizes that no case of the run may have had."""
    for seed in range(subject.options.seed, subject.options.seed + OTHERS):
        try:
            yield case(subject.module, REGIMES[0], MORE + seed, BITS[FINEST])
        except NoSetting:
            continue


def blame(seen: Observed) -> Change | None:
    """The first change that reproduces an implementation, if any is found in time."""
    if not seen.enough:
        return None
    end = time.perf_counter() + SECONDS
    for change in changes(seen.subject.module, RULES if seen.of == "values" else GRADIENT_RULES):
        if time.perf_counter() > end:
            break
        if not _reproduces(change, seen.cases, seen.of):
            continue
        if _reproduces(change, seen.others, seen.of) and _confirmed(change, seen):
            return change
    return None


def _reproduces(change: Change, cases: Sequence[Seen], of: Of) -> bool:
    """Whether a changed module gives what the implementation gave, in all cases."""
    module = change.applied()
    try:
        for one in cases:
            gradients = of == "gradients"
            wanted = _gradients(module, one.case) if gradients else _outputs(module, change, one)
            if not alike(one.found, wanted):
                return False
    except Exception:  # a change may break what the checker sees to, as the ranges of subscripts
        return False
    return True


def _confirmed(change: Change, seen: Observed) -> bool:
    """Whether verification in float64 passes the implementation as the changed module."""
    changed = replace(seen.subject, module=change.applied())
    truths = Truths(changed.module)
    cases = [one.case for one in seen.cases[:2]]
    try:
        return all(probe(changed, truths, case, FINEST, seen.of) is None for case in cases)
    except Exception:  # as above
        return False


def alike(found: Mapping[str, Array], wanted: Mapping[str, Array]) -> bool:
    """Whether tensors are equal but for rounding."""
    return all(_close(array, wanted[name]) for name, array in found.items())


def _close(found: Array, wanted: Array) -> bool:
    if found.shape != wanted.shape:
        return False
    if wanted.dtype.kind in "bi":
        return bool(np.array_equal(found, wanted))
    finite = np.isfinite(wanted)
    size = np.abs(np.where(finite, wanted, 0.0))
    with np.errstate(invalid="ignore"):
        near = np.abs(found - wanted) <= CLOSE * (size + size.max(initial=0.0)) + SMALL
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    return bool(np.all(np.where(finite, near, same)))


def _found(subject: Subject, the_case: Case, of: Of) -> dict[str, Array]:
    """What the implementation gives in float64."""
    with subject.default_dtype(FINEST):
        call = subject.arguments(the_case, FINEST, gradients=of == "gradients")
        found = outputs(subject.module, subject.candidate.function(**call.keywords))
        if of == "gradients":
            return backward(found, the_case.cotangents, call.reals)
        return {name: as_array(tensor) for name, tensor in found.items()}


def _outputs(module: t.Module, change: Change, seen: Seen) -> dict[str, Array]:
    """The outputs of a changed module; what the change does not reach is known."""
    name, setting = change.spot.tensor, seen.case.setting
    reached = resting_on(module, name) & rests_on(module)
    rest = replace(
        module,
        definitions={n: d for n, d in module.definitions.items() if n in reached},
        groups=tuple(g for g in module.groups if g.members[0].name in reached),
        randoms={**module.randoms, **dict(_known(module, reached))},
    )
    tensors = {**seen.case.tensors, **seen.store}
    store = evaluate(rest, setting.sizes, setting.consts, tensors)
    return {n: store.get(n, seen.store[n]) for n in module.outputs}


def _known(module: t.Module, reached: set[str]) -> Iterator[tuple[str, t.Variable]]:
    """Definitions that need not be evaluated again, as random sources."""
    for name, d in module.definitions.items():
        if name not in reached:
            yield name, t.Variable(d.span, name, "random", d.dims, d.type)


def _gradients(module: t.Module, the_case: Case) -> dict[str, Array]:
    setting = the_case.setting
    given = setting.sizes, setting.consts, the_case.tensors, the_case.cotangents
    return differentiate(module, *given)
