"""Verification of one implementation of one module.

    module, candidate ──▶ cases ──▶ exact values, spreads ──▶ checks ──▶ Report

A case is evaluated once by the oracle and once by the Monte Carlo reference; every dtype that
its numbers fit is then held against them. Laws are tried on small cases of their own, scales
on large ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import chain

from ..compiler import typed as t
from .calls import called
from .candidate import Candidate
from .cases import kept_cases
from .check_class import Class
from .check_draws import draws_of
from .check_effects import Effects
from .check_equal import Equal
from .check_gradients import Gradients
from .check_layouts import Layouts
from .check_masked import Masked
from .check_partition import partition_of
from .check_repeats import Repeats
from .check_scales import Scales
from .check_steps import Steps
from .check_unchanged import Unchanged
from .check_values import Values
from .compare import FORMATS
from .exact import OracleError
from .explain import explain
from .flatten import flatten
from .law_cases import law_cases, law_cases_planned
from .laws import LawChecks
from .other import Other
from .pair_truths import PairTruths
from .plan import BITS, DTYPES, QUICK_DTYPES, SEEDS, Options, all_cases, cases_planned
from .regimes import REGIMES, Case
from .report import Check, Report
from .scale_cases import scale_cases_planned
from .trial import Calls, Holds, Subject, Trial, raised
from .truth import Truth, Truths
from .variants import Family

__all__ = [
    "BITS",
    "DTYPES",
    "QUICK_DTYPES",
    "REGIMES",
    "SEEDS",
    "Options",
    "planned",
    "verify_candidate",
    "verify_other",
]


def verify_candidate(
    module: t.Module,
    candidate: Candidate,
    options: Options,
    progress: Callable[[], None] = lambda: None,
    family: Family | None = None,
) -> Report:
    """Module and implementation -> Report. `progress` is called after each case; `family` are
    the modules of which the implementation may be another one."""
    start = time.perf_counter()
    module = flatten(module)
    draws = draws_of(module, candidate, options)
    drawn = draws.finish() if draws is not None else []
    if draws is not None:
        module, candidate = draws.rest, draws.candidate
        if not module.outputs:
            seconds = time.perf_counter() - start
            return Report(module.qualified, candidate.name, drawn, options.dtypes, seconds)
    run = Run(Subject(module, candidate, options))
    effects = Effects(module, draws.elsewhere if draws is not None else frozenset())
    laws = LawChecks(run.subject, run.truths)
    kept, notes = kept_cases(module, options)
    tried = []
    for the_case in chain(kept, [] if options.case else all_cases(module, options)):
        tried.append(the_case)
        try:
            run.try_case(the_case, run.truths.of)
            effects.look(run.truths.of(the_case))
        except OracleError as error:
            run.values.check.doubt(f"{the_case.regime} (seed {the_case.seed}): {error}")
        if options.case or not the_case.file:
            progress()
    if options.case:
        checks = [held.check for held in run.checks if held.check.cases]
        # without doubts, which one case alone leaves about all
    else:
        for the_case in law_cases(module, options):
            laws.hold(the_case)
            progress()
        scales = Scales(run.subject)
        for the_case in scales.cases():
            scales.hold(the_case)
            progress()
        checks = [*run.finish(), *drawn, effects.finish(), *scales.finish(), *laws.finish()]
    notes += explain(run.subject, run.truths, checks, tried, family or {})
    seconds = time.perf_counter() - start
    return Report(module.qualified, candidate.name, checks, options.dtypes, seconds, notes)


def verify_other(
    other: t.Module,
    candidate: Candidate,
    module: t.Module,
    options: Options,
    progress: Callable[[], None] = lambda: None,
) -> Report:
    """Hold a module, and the code generated from it, against another one that should be the
    same function: its exact values and derivatives, and then the code within the larger of both
    tolerances. Raises Mismatch where they do not take and return the same."""
    start = time.perf_counter()
    pair = Other(other, module)
    truths = PairTruths(pair, options.dtypes)
    run = Run(Subject(pair.module, pair.stand_in(candidate), options), truths)
    equal = Equal(pair, truths.own, options)
    for the_case in all_cases(pair.module, options):
        adapted = pair.adapted(the_case)
        if adapted is not None:
            equal.hold(run.truths.of(adapted))
            run.try_case(adapted, run.truths.of)
        progress()
    checks = equal.finish() + run.finish()
    seconds = time.perf_counter() - start
    return Report(other.qualified, run.subject.candidate.name, checks, options.dtypes, seconds)


def planned(module: t.Module, options: Options) -> int:
    """How many cases a run will try, beside those that were kept."""
    if options.case:
        return 1
    others = law_cases_planned(module, options) + scale_cases_planned(module, options)
    return cases_planned(module, options) + others


class Run:
    """The checks of a module as cases come in."""

    def __init__(self, subject: Subject, truths: Truths | None = None) -> None:
        self.subject = subject
        self.truths = truths or Truths(subject.module, subject.options.dtypes)
        self.values, self.gradients = Values(subject), Gradients(subject)
        self.checks: list[Holds] = [self.values]
        if self.truths.sources:
            self.checks.append(self.gradients)
        self.checks += [Unchanged(subject), Repeats(subject), Layouts(subject)]
        self.partition = partition_of(subject)
        if self.partition is not None:
            self.checks.append(self.partition)
        if subject.candidate.class_ is not None:
            self.checks.append(Class(subject))
            index = subject.module.incremental
            if index is not None:
                time = subject.module.indices[index].range
                assert isinstance(time, t.SizeRef)
                self.checks.append(Steps(subject, time.name))
        self.masked = Masked(subject)
        self.checks.append(self.masked)

    def finish(self) -> list[Check]:
        """The checks, with their doubts; `masked` where there was something to overwrite."""
        self.values.finish()
        self.gradients.finish()
        if self.partition is not None:
            self.partition.finish()
        absent = [] if self.masked.check.cases else [self.masked]
        return [held.check for held in self.checks if held not in absent]

    def try_case(self, the_case: Case, truth_of: Callable[[Case], Truth]) -> None:
        """Hold every dtype that shares the case against what it should give, which is looked
        for when the implementation has been called."""
        dtypes = [d for d in self.subject.options.dtypes if BITS[d] == the_case.bits]
        calls = {dtype: self.called(the_case, dtype) for dtype in dtypes}
        truth = truth_of(the_case)
        for dtype, made in calls.items():
            if not truth.fits(FORMATS[dtype]):
                self.values.leave_out(truth)
            elif isinstance(made, str):
                self.subject.broken(self.values.check, the_case, dtype, made)
            else:
                trial = Trial(truth, dtype, *self.truths.noise(the_case, dtype), made)
                with self.subject.default_dtype(dtype):
                    for held in self.checks:
                        held.hold(trial)

    def called(self, the_case: Case, dtype: str) -> Calls | str:
        """What the implementation gives for a case in a dtype; or what is said of it where it
        raises."""
        try:
            with self.subject.default_dtype(dtype):
                return called(self.subject, the_case, dtype)
        except Exception as error:
            return raised(error)
