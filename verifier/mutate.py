"""Whether verification catches the faults of `mutants.py` in a module's generated code.

Exact values and tolerances of all cases are computed once and shared by all mutants. A mutant
that no check catches is run beside the original on many more cases. It counts as equivalent
where every output and every derivative is the same: to the bit in every dtype, or else in
float64 to a few units in the last place, where it is the same equation evaluated in another
way. Else it survives.
"""

from __future__ import annotations

import ast
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from ..compiler import typed as t
from .candidate import Candidate, outputs
from .compare import Noise
from .flatten import flatten
from .law_cases import law_cases
from .laws import LawChecks
from .mutants import Mutant, mutants
from .plan import DTYPES, Options, all_cases
from .regimes import Case
from .trial import Subject, identical
from .truth import Truth, Truths
from .verify import Run

MORE_SEEDS = range(100, 106)
"""The seeds of the cases that decide whether a mutant is equivalent."""
CLOSE = 2.0**-50
"""How far apart two results in float64 may be, over the larger, that are the same equation's."""


@dataclass(slots=True)
class Mutation:
    """What became of the mutants of one module: how many each check caught, those that are
    equivalent, in float64 alone or in every dtype, and those that survived."""

    module: str
    path: str
    killed: Counter[str] = field(default_factory=Counter)
    equivalent: list[Mutant] = field(default_factory=list)
    in_float64: list[Mutant] = field(default_factory=list)
    survivors: list[Mutant] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Mutants that are not equivalent."""
        return self.killed.total() + len(self.survivors)

    @property
    def score(self) -> float:
        """The share of them that was caught; 1 where there are none."""
        return self.killed.total() / self.total if self.total else 1.0


def mutate(
    module: t.Module,
    candidate: Candidate,
    sample: int | None = None,
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> Mutation:
    """Plant faults in the function of a module, `sample` of them or all, and verify each."""
    function = candidate.function
    loaded = sys.modules[function.__module__]
    path = Path(str(loaded.__file__))
    found = mutants(path.read_text(encoding="utf-8"), function.__name__)
    if sample is not None and sample < len(found):
        chosen = random.Random(seed).sample(range(len(found)), sample)
        found = [found[i] for i in sorted(chosen)]
    trials = _Trials(flatten(module), Options(dtypes=DTYPES, seed=seed))
    result = Mutation(module.qualified, path.name)
    for mutant in found:
        planted = replace(candidate, function=_planted(mutant, loaded, function.__name__))
        planted = replace(planted, class_=None)
        check = trials.caught(planted)
        if check is not None:
            result.killed[check] += 1
        elif trials.same(candidate.function, planted.function, DTYPES, identical):
            result.equivalent.append(mutant)
        elif trials.same(candidate.function, planted.function, ("float64",), _close):
            result.in_float64.append(mutant)
        else:
            result.survivors.append(mutant)
        progress()
    return result


def _planted(mutant: Mutant, loaded: ModuleType, name: str) -> Callable[..., Any]:
    """The function with its fault, among all else of its file."""
    namespace = dict(vars(loaded))
    code = ast.Module([mutant.function], [])
    exec(compile(code, str(loaded.__file__), "exec"), namespace)
    function: Callable[..., Any] = namespace[name]
    return function


class _SharedTruths(Truths):
    """Truths that are computed once for every case and dtype."""

    def __init__(self, module: t.Module) -> None:
        super().__init__(module, DTYPES)
        self.known: dict[int, Truth] = {}
        self.noises: dict[tuple[int, str], tuple[dict[str, Noise], dict[str, Noise]]] = {}

    def of(self, the_case: Case) -> Truth:
        if id(the_case) not in self.known:
            self.known[id(the_case)] = super().of(the_case)
        return self.known[id(the_case)]

    def noise(self, the_case: Case, dtype: str) -> tuple[dict[str, Noise], dict[str, Noise]]:
        key = (id(the_case), dtype)
        if key not in self.noises:
            self.noises[key] = super().noise(the_case, dtype)
        return self.noises[key]


Function = Callable[..., Any]
Alike = Callable[[torch.Tensor, torch.Tensor], bool]


class _Trials:
    """The cases of one module, with what they should give."""

    def __init__(self, module: t.Module, options: Options) -> None:
        self.module, self.options = module, options
        self.truths = _SharedTruths(module)
        self.cases = list(all_cases(module, options))
        self.law_cases = list(law_cases(module, options))

    def caught(self, candidate: Candidate) -> str | None:
        """The first check that fails; None where all pass."""
        subject = Subject(self.module, candidate, self.options)
        run = Run(subject, self.truths)
        for the_case in self.cases:
            run.try_case(the_case, self.truths.of)
            for held in run.checks:
                if held.check.failures:
                    return held.check.name
        laws = LawChecks(subject, self.truths)
        for the_case in self.law_cases:
            laws.hold(the_case)
            if any(law.check.failures for law in laws.laws):
                return "laws"
        return None

    def same(
        self, original: Function, mutant: Function, dtypes: Sequence[str], alike: Alike
    ) -> bool:
        """Whether both give the same in these dtypes, gradients included, on many more cases."""
        return all(
            self._same_here(the_case, dtype, original, mutant, alike)
            for the_case in self.more_cases
            for dtype in dtypes
        )

    @cached_property
    def more_cases(self) -> list[Case]:
        """Cases that no check has seen."""
        options = replace(self.options, level="full")
        return [
            the_case
            for seed in MORE_SEEDS
            for the_case in all_cases(self.module, replace(options, seed=seed))
        ]

    def _same_here(
        self, the_case: Case, dtype: str, original: Function, mutant: Function, alike: Alike
    ) -> bool:
        found = []
        for function in (original, mutant):
            subject = Subject(self.module, Candidate("", function), self.options)
            call = subject.arguments(the_case, dtype, gradients=True)
            try:
                values = outputs(self.module, function(**call.keywords))
                found.append([*values.values(), *_gradients(the_case, values, call.reals)])
            except Exception as error:
                found.append([torch.tensor(list(repr(error).encode()))])
        return len(found[0]) == len(found[1]) and all(
            (a is None and b is None) or (a is not None and b is not None and alike(a, b))
            for a, b in zip(*found, strict=True)
        )


def _close(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal but for the last few bits of float64."""
    if a.shape != b.shape or a.dtype != b.dtype or not a.is_floating_point():
        return identical(a, b)
    return torch.allclose(a, b, rtol=CLOSE, atol=0.0, equal_nan=True)


def _gradients(
    the_case: Case, values: Mapping[str, torch.Tensor], reals: Mapping[str, torch.Tensor]
) -> Iterator[torch.Tensor | None]:
    """The derivatives of all outputs, weighted by the cotangents of the case."""
    pairs = [
        (value, torch.from_numpy(the_case.cotangents[name]).to(value.dtype))
        for name, value in values.items()
        if value.requires_grad
    ]
    if not pairs:
        return
    tensors, weights = zip(*pairs, strict=True)
    yield from torch.autograd.grad(tensors, list(reals.values()), weights, allow_unused=True)
