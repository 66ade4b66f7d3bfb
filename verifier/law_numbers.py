"""The numbers of a law on the code: exact ones, those that the code gives, and tolerances.

They lie in stores of the same layout (law_reader): block 0 an evaluation, block 1 the primed
one, further blocks derivatives, each from a backward pass of the code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from flint import arb, fmpq

from ..compiler import typed as t
from .candidate import outputs
from .check_gradients import backward
from .check_values import bound
from .compare import FORMATS, Target, target
from .exact import Value
from .extended import UNDEFINED, to_float
from .law_reader import LeftOut, Untried
from .law_world import World
from .oracle import DTYPES, Evaluation, Given
from .regimes import Case
from .trial import Subject, as_array
from .truth import Truth, Truths, fits

Array = npt.NDArray[Any]

BACKWARD = {"quick": 2, "full": 3}
"""Of how many elements of outputs derivatives are enough, at one case in one dtype."""
LARGEST = 64
"""Of how many an instance may take them."""


@dataclass(frozen=True, slots=True)
class Called:
    """One evaluation: a case whose numbers the dtype holds, what should come, what came."""

    case: Case
    evaluation: Evaluation
    truth: Truth
    found: Mapping[str, torch.Tensor]
    reals: Mapping[str, torch.Tensor]


class Numbers:
    """What a law is held on in one world and dtype. Raises LeftOut where the numbers do not fit
    the dtype, or the code returns what has the wrong form."""

    def __init__(self, subject: Subject, truths: Truths, world: World, dtype: str) -> None:
        self.subject, self.truths, self.world, self.dtype = subject, truths, world, dtype
        self.exact: list[Value] = []
        self.code: list[Value] = []
        self.moved: list[Value] = []
        self.tolerances: dict[int, float] = {}
        self.uncounted: set[int] = set()
        self.blocks: dict[int, int] = {}
        self.most = 0
        self.calls = [self._call(primed) for primed in range(1 + world.primed)]
        for call in self.calls:
            self._add_values(call)
        if not world.primed:
            self._add_block()

    def begin(self) -> None:
        """Begin an instance: it may take all derivatives that it needs, unless those taken so
        far are enough."""
        taken = len(self.blocks)
        enough = taken >= BACKWARD[self.subject.options.level]
        self.most = taken if enough else taken + LARGEST

    def derive(self, derivative: t.Derivative, of: int) -> int:
        """The block with the derivatives of an element, by all that gradients are taken by."""
        if of not in self.blocks:
            if derivative.of.tensor not in self.subject.module.outputs:
                raise LeftOut
            if len(self.blocks) == self.most:
                raise Untried
            block = len(self.exact) // self.world.layout.length
            self._add_derivatives(derivative.of.tensor, of)
            self.blocks[of] = block
        return self.blocks[of]

    def counted(self, read: Set[int]) -> list[int]:
        """The places among those read that have a tolerance. LeftOut where no claim is made of
        one."""
        if read & self.uncounted:
            raise LeftOut
        return sorted(place for place in read if place in self.tolerances)

    @contextmanager
    def moving(self, signs: Mapping[int, float]) -> Iterator[None]:
        """Some numbers moved by their tolerances, up or down."""
        before = {place: self.moved[place] for place in signs}
        for place, sign in signs.items():
            self.moved[place] = before[place] + arb(sign * self.tolerances[place])  # type: ignore
        try:
            yield
        finally:
            for place, value in before.items():
                self.moved[place] = value

    def _call(self, primed: int) -> Called:
        """The implementation at an evaluation's variables, rounded to the dtype."""
        world, module = self.world, self.subject.module
        tensors = {
            name: self._array(name, world.given[primed][name]) for name in world.case.tensors
        }
        case = replace(world.case, setting=world.settings[primed], tensors=tensors, cotangents={})
        evaluation = self.truths.evaluate(case)
        truth = self.truths.of(case)
        if not truth.fits(FORMATS[self.dtype]):
            raise LeftOut
        call = self.subject.arguments(case, self.dtype, gradients=True)
        found = outputs(module, self.subject.candidate.function(**call.keywords))
        if any(tuple(found[n].shape) != exact.high.shape for n, exact in truth.values.items()):
            raise LeftOut
        return Called(case, evaluation, truth, found, call.reals)

    def _array(self, name: str, elements: list[Given]) -> Array:
        variable = self.truths.module.variable(name)
        assert variable is not None
        shape = self.world.layout.places[name].shape
        if variable.type != "real":
            return np.array(elements, DTYPES[variable.type]).reshape(shape)
        floats = [to_float(x) if isinstance(x, arb) else _float(x) for x in elements]
        wide = torch.tensor(floats, dtype=torch.float64).reshape(shape)
        array = as_array(wide.to(getattr(torch, self.dtype)))
        if not np.isfinite(array).all():
            raise LeftOut
        return array

    def _add_values(self, call: Called) -> None:
        """A block of variables and outputs."""
        noise, _ = self.truths.noise(call.case, self.dtype)
        start = self._add_block()
        for name, array in call.case.tensors.items():
            for i, x in enumerate(array.reshape(-1).tolist(), start + self._offset(name)):
                self._put(i, arb(x) if isinstance(x, float) else x)
        for name, exact in call.truth.values.items():
            limit = bound(self.subject.module, name, call.case)
            aim = target(exact, noise[name], FORMATS[self.dtype], limit)
            self._put_target(start + self._offset(name), aim, as_array(call.found[name]))

    def _add_derivatives(self, name: str, of: int) -> None:
        """A block of the derivatives of one element of an output."""
        length = self.world.layout.length
        call = self.calls[of // length]
        cotangent = np.zeros(self.world.layout.places[name].shape)
        cotangent.reshape(-1)[of % length - self._offset(name)] = 1.0
        cotangents = {name: cotangent}
        exact = call.evaluation.gradient(cotangents)
        if not all(
            fits(exact[n], FORMATS[self.dtype])
            for n in self.truths.module.definitions
            if n in exact
        ):
            raise LeftOut
        _, noise = self.truths.noise(replace(call.case, cotangents=cotangents), self.dtype)
        found = backward(call.found, cotangents, call.reals)
        start = self._add_block()
        for by, array in found.items():
            aim = target(exact[by], noise[by], FORMATS[self.dtype])
            if call.truth.undefined:
                aim = replace(aim, counts=aim.counts & (exact[by].high != 0))
            self._put_target(start + self._offset(by), aim, array)

    def _offset(self, name: str) -> int:
        return self.world.layout.places[name].offset

    def _add_block(self) -> int:
        """The place where a new block starts, with nothing in it yet."""
        start = len(self.exact)
        for store in (self.exact, self.code, self.moved):
            store += [UNDEFINED] * self.world.layout.length
        return start

    def _put(self, place: int, value: Value) -> None:
        self.exact[place] = self.code[place] = self.moved[place] = value

    def _put_target(self, start: int, aim: Target, got: Array) -> None:
        flat = (aim.exact.values, aim.tolerance, aim.counts, got)
        rows = zip(*(array.reshape(-1).tolist() for array in flat), strict=True)
        for place, (value, tolerance, counts, number) in enumerate(rows, start):
            self._put(place, value)
            self.code[place] = _value(number)
            if not counts:
                self.uncounted.add(place)
            elif isinstance(value, arb):
                self.tolerances[place] = tolerance


def _float(x: Given) -> float:
    if isinstance(x, fmpq):
        return float(x.p) / float(x.q)
    return x if isinstance(x, float) else float("nan")


def _value(number: Any) -> Value:
    """A number that the code gave, as the store has it."""
    if not isinstance(number, float):
        return int(number)
    if np.isfinite(number):
        return arb(number)
    return UNDEFINED if np.isnan(number) else number
