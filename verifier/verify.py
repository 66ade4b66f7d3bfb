"""Verification of one implementation of one module.

    module, candidate ──▶ cases ──▶ exact values, spreads ──▶ checks ──▶ Report

A case is evaluated once by the oracle and once by the Monte Carlo reference; every dtype that
its numbers fit is then held against them. Laws are tried on small cases of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch

from ..compiler import typed as t
from .candidate import Candidate, outputs, tensors
from .check_class import Class
from .check_equal import Equal
from .check_gradients import Gradients
from .check_repeats import Repeats
from .check_steps import Steps
from .check_unchanged import Unchanged
from .check_values import Values
from .compare import FORMATS
from .exact import OracleError
from .flatten import flatten
from .law_cases import law_cases, law_cases_planned
from .laws import LawChecks
from .other import Other
from .pair_truths import PairTruths
from .plan import BITS, DTYPES, QUICK_DTYPES, SEEDS, Options, all_cases, cases_planned
from .regimes import REGIMES, Case
from .report import Check, Report
from .trial import Holds, Subject, Trial, identical, raised
from .truth import Truth, Truths

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
) -> Report:
    """Module and implementation -> Report. `progress` is called after each case."""
    start = time.perf_counter()
    module = flatten(module)
    run = Run(Subject(module, candidate, options))
    laws = LawChecks(run.subject, run.truths)
    for the_case in all_cases(module, options):
        try:
            run.try_case(the_case, run.truths.of(the_case))
        except OracleError as error:
            run.values.check.doubt(f"{the_case.regime} (seed {the_case.seed}): {error}")
        progress()
    for the_case in law_cases(module, options):
        laws.hold(the_case)
        progress()
    checks = run.finish() + laws.finish()
    seconds = time.perf_counter() - start
    return Report(module.qualified, candidate.name, checks, options.dtypes, seconds)


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
            truth = run.truths.of(adapted)
            equal.hold(truth)
            run.try_case(adapted, truth)
        progress()
    checks = equal.finish() + run.finish()
    seconds = time.perf_counter() - start
    return Report(other.qualified, run.subject.candidate.name, checks, options.dtypes, seconds)


def planned(module: t.Module, options: Options) -> int:
    """How many cases a run will try."""
    return cases_planned(module, options) + law_cases_planned(module, options)


class Run:
    """The checks of a module as cases come in."""

    def __init__(self, subject: Subject, truths: Truths | None = None) -> None:
        self.subject = subject
        self.truths = truths or Truths(subject.module, subject.options.dtypes)
        self.values, self.gradients = Values(subject), Gradients(subject)
        self.checks: list[Holds] = [self.values]
        if self.truths.sources:
            self.checks.append(self.gradients)
        self.checks += [Unchanged(subject), Repeats(subject)]
        if subject.candidate.class_ is not None:
            self.checks.append(Class(subject))
            index = subject.module.incremental
            if index is not None:
                time = subject.module.indices[index].range
                assert isinstance(time, t.SizeRef)
                self.checks.append(Steps(subject, time.name))

    def finish(self) -> list[Check]:
        """The checks, with their doubts."""
        self.values.finish()
        self.gradients.finish()
        return [held.check for held in self.checks]

    def try_case(self, the_case: Case, truth: Truth) -> None:
        """Hold every dtype that shares the case against what it should give."""
        for dtype in self.subject.options.dtypes:
            if BITS[dtype] != the_case.bits:
                continue
            if not truth.fits(FORMATS[dtype]):
                self.values.leave_out(truth)
                continue
            with self.subject.default_dtype(dtype):
                trial = self.trial(truth, dtype)
                if trial is not None:
                    for held in self.checks:
                        held.hold(trial)

    def trial(self, truth: Truth, dtype: str) -> Trial | None:
        """Call the function twice; None, and a failure of `values`, where it raises."""
        module, function = self.subject.module, self.subject.candidate.function
        call = self.subject.arguments(truth.case, dtype, gradients=False)
        given = tensors(call.keywords)
        before = {name: tensor.clone() for name, tensor in given.items()}
        try:
            first = outputs(module, function(**call.keywords))
            first = {name: value.detach().clone() for name, value in first.items()}
            changed = _changed(given, before)
            again = outputs(module, function(**call.keywords))
        except Exception as error:
            self.subject.broken(self.values.check, truth.case, dtype, raised(error))
            return None
        noise = self.truths.noise(truth.case, dtype)
        changed |= _changed(given, before)
        return Trial(truth, dtype, *noise, before, changed, first, again)


def _changed(now: Mapping[str, torch.Tensor], before: Mapping[str, torch.Tensor]) -> frozenset[str]:
    return frozenset(name for name, old in before.items() if not identical(now[name], old))
