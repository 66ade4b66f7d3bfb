"""Explains a failure: what the implementation computes instead, and the smallest case of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from .blame import blame
from .cases import Kept, save
from .exact import OracleError
from .observe import FINEST, Of, observe
from .plan import Options, all_cases
from .probe import probe
from .regimes import Case
from .report import Check, Failure
from .shrink import shrink
from .trial import Subject, shown
from .truth import Truths
from .variants import Family, variant


def explain(
    subject: Subject,
    truths: Truths,
    checks: Sequence[Check],
    tried: Sequence[Case],
    family: Family,
) -> list[str]:
    """Explain the first failure of values or gradients, where it stands, and keep a case of it.
    `tried` are the cases of the run; gives notes on what could not be done."""
    check = next((c for c in checks if c.name in get_args(Of) and c.failures), None)
    if check is None:
        return []
    failure, notes = check.failures[0], []
    of: Of = "values" if check.name == "values" else "gradients"
    kept = _simplest(subject, truths, tried, of, failure)
    if kept is not None:
        failure = replace(failure, smallest=_shown(*kept))
        try:
            file = kept[0].case.file or str(_saved(kept[0], subject.options))
        except OSError as error:
            notes.append(f"the case could not be kept: {error}")
        else:
            failure = replace(failure, replay=subject.options.at_file(file) if file else "")
    check.failures[0] = replace(
        failure, matches=_matches(subject, truths, tried, of, family, failure.dtype)
    )
    return notes


def _simplest(
    subject: Subject, truths: Truths, tried: Sequence[Case], of: Of, failure: Failure
) -> tuple[Kept, Failure] | None:
    """The simplest case found at which a failure happens, and what it is there."""

    def found(the_case: Case) -> Failure | None:
        """The same kind of failure at another case."""
        try:
            other = probe(subject, truths, the_case, failure.dtype, of)
        except OracleError:
            return None
        return other if other is not None and _kind(other) == _kind(failure) else None

    the_case = next((c for c in tried if _is_of(c, failure) and found(c) is not None), None)
    if the_case is None:
        return None
    if not the_case.file:
        the_case = shrink(subject.module, the_case, lambda c: found(c) is not None)
    kept = Kept(subject.module.qualified, of, failure.dtype, the_case)
    return kept, found(the_case) or failure


def _saved(kept: Kept, options: Options) -> Path | str:
    return save(options.cases, kept) if options.cases is not None else ""


def _matches(
    subject: Subject, truths: Truths, tried: Sequence[Case], of: Of, family: Family, dtype: str
) -> str:
    """What an implementation computes instead; '' where nothing known reproduces it."""
    options = subject.options
    if options.regime or options.case:
        options = replace(options, regime=None, case=None, dtypes=(FINEST,))
        tried = [*tried, *all_cases(subject.module, options)]
    seen = observe(subject, truths, tried, of)
    if dtype != FINEST and seen.agreeing and not seen.differing:
        return f"the equations in {FINEST}, in which it is right"
    name = variant(seen, family)
    if name is not None:
        return f"{name}, not {subject.module.qualified}"
    change = blame(seen)
    return f"the equation with {change}" if change is not None else ""


def _is_of(the_case: Case, failure: Failure) -> bool:
    """Whether a failure may be one of a case."""
    same = (the_case.regime, the_case.seed) == (failure.regime, failure.seed)
    return same and the_case.file in failure.command


def _kind(failure: Failure) -> list[str]:
    """What went wrong: a number, or a shape, a dtype, an exception of a kind."""
    return failure.why.split()[:3]


def _shown(kept: Kept, failure: Failure) -> str:
    """A case, and what comes of it."""
    text = shown(kept.case)
    if kept.check == "gradients":
        text += "".join(
            f" d{name}={array.tolist()}" for name, array in kept.case.cotangents.items()
        )
    at = f"{failure.tensor}{list(failure.index)}" if failure.index else failure.tensor
    what = failure.why or f"{at} is {failure.expected}, got {failure.got}"
    return f"{text}\n            {what}"
