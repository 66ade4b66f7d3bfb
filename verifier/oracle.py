"""The oracle: exact values and derivatives of a module at concrete small sizes.

    Oracle(module, sizes, consts) -> .evaluate(tensors) -> Evaluation -> .value, .gradient

Every element of every equation becomes a structure (walk), a sympy expression and a program
in extended ball arithmetic (symbolic, extended); definition by definition the programs fill a
store that holds one value per element of every tensor. Gradients run backwards through the
record of that, from symbolic partial derivatives of the structures.

Balls say how accurate a result is. Where a result has fewer than the digits asked for, or a
decision cannot be made, everything is repeated with more digits; a number that cannot be told
from 0 with some 6400 digits is 0.

The oracle knows nothing of how code is generated, and shares nothing with the float64
reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import isfinite, isinf, isnan, prod
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from flint import arb, fmpq

from ..compiler.typed import Expr, Module, Type
from . import extended
from .exact import OracleError, Place, Scope, UndefinedValue, Value
from .extended import TINY, UNDEFINED, ZERO, Extended, Undecided
from .schedule import Task, schedule
from .symbolic import Structure, Structures
from .walk import Walker, reals

Array = npt.NDArray[Any]
T = TypeVar("T")

DTYPES = {"real": np.float64, "int": np.int64, "bool": np.bool_}

Given = arb | fmpq | float | extended.Undefined | int
"""An element of an input, at every precision."""


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    """Exact values of one tensor.

    `values` holds for each element an arb, ±inf or UNDEFINED, or an int or bool. `high` is the
    nearest float64 (int64 or bool): ±inf where the value is infinite or beyond float64, 0
    where it is undefined. `low` is what remains: value - high, 0 where that is not finite.
    """

    values: Array
    high: Array
    low: Array
    undefined: npt.NDArray[np.bool_]
    finite: npt.NDArray[np.bool_]

    def digits(self, index: tuple[int, ...], n: int = 17) -> str:
        """One element in decimal, to n significant digits."""
        value = self.values[index]
        if isinstance(value, arb):
            if not value.is_zero() and value.rel_accuracy_bits() < 3.33 * n:
                raise ValueError(f"the value is not known to {n} digits")
            return value.str(n, radius=False)
        return str(value.value if isinstance(value, extended.Undefined) else value)


@dataclass(frozen=True, slots=True)
class Record:
    """That an element of the store has been computed, by what and from which others; `read` are
    all that were looked at, also to decide what counts."""

    element: int
    structure: Structure
    leaves: list[int]
    read: frozenset[int]


@dataclass(slots=True)
class Run:
    """The module evaluated at one precision: all values, and the records of the real ones in
    the order of evaluation; what integers and booleans were decided by. `partials` remembers the
    derivatives of the records seen so far."""

    store: list[Value]
    records: list[Record] = field(default_factory=list)
    decided: dict[int, frozenset[int]] = field(default_factory=dict)
    partials: dict[int, list[tuple[int, Extended]]] = field(default_factory=dict)


class Oracle:
    """A flat module (`flatten`) at concrete sizes (all of them, derived ones too) and consts:
    Fractions, or ±inf. `structures` are those met before, in other oracles."""

    def __init__(
        self,
        module: Module,
        sizes: Mapping[str, int],
        consts: Mapping[str, Fraction | float],
        digits: int = 30,
        structures: Structures | None = None,
    ) -> None:
        self.module = module
        self.digits = digits
        self.precisions = tuple(factor * (digits + 20) for factor in (1, 8, 128))
        self.places: dict[str, Place] = {}
        self._sizes = sizes
        self._consts = consts
        self._structures = structures or Structures()
        self._tasks = list(schedule(module, sizes))
        self._records: dict[int, list[Record]] = {}
        self._length = 0
        reader = self._walker([])
        self.variables = {**module.inputs, **module.params, **module.randoms}
        for name, tensor in (self.variables | dict(module.definitions)).items():
            shape = tuple(reader.exact(dim, Scope({})) for dim in tensor.dims)
            self.places[name] = Place(name, self._length, shape)
            self._length += prod(shape)

    def evaluate(self, tensors: Mapping[str, Array]) -> Evaluation:
        """Evaluate all definitions at exact inputs, params and random sources: arrays of
        floats, integers, bools, or objects that are Fractions. Defaults may be left out."""
        return Evaluation(self, self.given(tensors))

    def given(self, tensors: Mapping[str, Array]) -> dict[str, list[Given]]:
        """The elements of the tensors, as `run` takes them."""
        if unknown := tensors.keys() - self.variables.keys():
            raise OracleError(f"{self.module.name} takes no {', '.join(sorted(unknown))}")
        given: dict[str, list[Given]] = {}
        for name, variable in self.variables.items():
            shape = self.places[name].shape
            if name in tensors:
                array = np.asarray(tensors[name])
                if array.shape != shape:
                    raise OracleError(f"{name} has the shape {array.shape}, not {shape}")
                given[name] = [_given(x, variable.type) for x in array.reshape(-1).tolist()]
            elif variable.default is None:
                raise OracleError(f"{name} is not given")
        return given

    def run(self, given: Mapping[str, list[Given]]) -> Run:
        """Evaluate everything at the working precision."""
        store: list[Value] = []
        for name, variable in self.variables.items():
            if name in given:
                store += [arb(x) if isinstance(x, fmpq) else x for x in given[name]]
            elif variable.default is not None:
                store += [self._default(variable.default)] * prod(self.places[name].shape)
        store += [UNDEFINED] * (self._length - len(store))
        run = Run(store)
        for number, task in enumerate(self._tasks):
            self._define(number, task, run)
        return run

    def _define(self, number: int, task: Task, run: Run) -> None:
        """Fill the elements that a task gives."""
        if self.module.definitions[task.name].type != "real":
            self._define_exact(task, run)
            return
        records = self._records.get(number)
        if records is None:
            walker = self._walker(run.store)
            records = [
                self._record(walker, element, task.equation.body, scope)
                for element, scope in self._elements(task)
            ]
            if not walker.looked:
                self._records[number] = records
        for record in records:
            leaves = reals(run.store, record.leaves)
            run.store[record.element] = record.structure.value(leaves)
        run.records += records

    def _define_exact(self, task: Task, run: Run) -> None:
        walker = self._walker(run.store)
        for element, scope in self._elements(task):
            walker.seen.clear()
            try:
                run.store[element] = walker.exact(task.equation.body, scope)
            except UndefinedValue:
                run.store[element] = UNDEFINED
            run.decided[element] = frozenset(walker.seen)

    def _record(self, walker: Walker, element: int, body: Expr, scope: Scope) -> Record:
        walker.touched.clear()
        walker.seen.clear()
        try:
            node = walker.real(body, scope)
        except UndefinedValue:
            node = ("lost", *walker.touched)
        return Record(element, *self._structures.of(node), frozenset(walker.seen))

    def _elements(self, task: Task) -> Iterator[tuple[int, Scope]]:
        """The elements that a task gives in the store, with the values of its axes."""
        place = self.places[task.name]
        free = [axis.name for axis in task.equation.axes if axis.name not in task.held]
        for cell in product(
            *(
                range(length) if at is None else (at,)
                for at, length in zip(task.place, place.shape, strict=True)
            )
        ):
            values = (x for x, at in zip(cell, task.place, strict=True) if at is None)
            yield place.at(cell), Scope({**task.held, **dict(zip(free, values, strict=True))})

    def _walker(self, store: list[Value]) -> Walker:
        return Walker(
            self._sizes, self.places, store, consts=self._consts, structures=self._structures
        )

    def _default(self, expr: Expr) -> Value:
        walker = self._walker([])
        if expr.type == "real":
            return walker.value(walker.real(expr, Scope({})))
        return walker.exact(expr, Scope({}))


class Evaluation:
    """A module evaluated at given inputs."""

    def __init__(self, oracle: Oracle, given: Mapping[str, list[Given]]) -> None:
        self._oracle = oracle
        self._given = given
        self._level = 0
        self._run: Run | None = None
        self._values: dict[str, Exact] = {}
        self._gradients: dict[Any, dict[str, Exact]] = {}
        self._settle(lambda _: None)

    def value(self, name: str) -> Exact:
        """The values of a definition (or of an input, param or random source)."""
        if name not in self._values:
            self._values[name] = self._settle(lambda run: self._exact(name, run.store))
        return self._values[name]

    def gradient(self, cotangents: Mapping[str, Array]) -> dict[str, Exact]:
        """The derivatives of the sum of cotangent * output, by every real input, param and
        random source, and by every real definition."""
        real = [n for n in self._oracle.places if self._oracle.module.tensor(n).type == "real"]

        def compute(run: Run) -> dict[str, Exact]:
            by_element = adjoints(self._oracle, run, cotangents)
            return {name: self._exact(name, by_element) for name in real}

        key = tuple((name, np.asarray(x).tobytes()) for name, x in cotangents.items())
        if key not in self._gradients:
            self._gradients[key] = self._settle(compute)
        return self._gradients[key]

    def unread(self, names: Iterable[str]) -> dict[str, npt.NDArray[np.bool_]]:
        """Which elements of some tensors no output depends on: they were not looked at, nor was
        anything for which they were."""
        reached = self._settle(lambda run: reachable(self._oracle, run))
        found = {}
        for name in names:
            place = self._oracle.places[name]
            part = range(place.offset, place.offset + prod(place.shape))
            found[name] = np.array([i not in reached for i in part], bool).reshape(place.shape)
        return found

    def _settle(self, compute: Callable[[Run], T]) -> T:
        """Compute at the first precision, from the present one on, that suffices."""
        precisions = self._oracle.precisions
        while True:
            last = self._level == len(precisions) - 1
            try:
                with extended.working(precisions[self._level], last):
                    if self._run is None:
                        self._run = self._oracle.run(self._given)
                    return compute(self._run)
            except Undecided as undecided:
                if last:
                    name = self._oracle.module.name
                    raise OracleError(f"{name}: no accurate result") from undecided
            self._level += 1
            self._run = None

    def _exact(self, name: str, store: list[Value]) -> Exact:
        """A tensor's part of a store (of values, or of adjoints)."""
        place = self._oracle.places[name]
        part = store[place.offset : place.offset + prod(place.shape)]
        kind = self._oracle.module.tensor(name).type
        if kind == "real":
            part = [_accurate(x, self._oracle.digits) for x in part]
        return _publish(part, place.shape, kind)


def reachable(oracle: Oracle, run: Run) -> set[int]:
    """The elements of the store of a run that outputs depend on, outputs included."""
    read = run.decided | {record.element: record.read for record in run.records}
    places = [oracle.places[name] for name in oracle.module.outputs]
    pending = [i for place in places for i in range(place.offset, place.offset + prod(place.shape))]
    reached = set(pending)
    while pending:
        new = read.get(pending.pop(), frozenset()) - reached
        reached |= new
        pending += new
    return reached


def adjoints(oracle: Oracle, run: Run, cotangents: Mapping[str, Array]) -> list[Value]:
    """The derivative of the sum of cotangent * tensor by every element of the store of a run."""
    reached: list[Extended] = [ZERO] * len(run.store)
    for name, array in cotangents.items():
        place = oracle.places[name]
        if np.shape(array) != place.shape:
            raise OracleError(f"the cotangent of {name} has not the shape {place.shape}")
        for i, x in enumerate(np.asarray(array).reshape(-1).tolist(), place.offset):
            seed = _given(x, "real")
            reached[i] = arb(seed) if isinstance(seed, fmpq) else seed
    for i in reversed(range(len(run.records))):
        record = run.records[i]
        adjoint = reached[record.element]
        if isinstance(adjoint, arb) and adjoint.is_zero():
            continue
        leaves = reals(run.store, record.leaves)
        if run.store[record.element] is UNDEFINED:
            partials: list[tuple[int, Extended]] = [(j, UNDEFINED) for j in range(len(leaves))]
        else:
            if i not in run.partials:
                run.partials[i] = record.structure.partials(leaves)
            partials = run.partials[i]
        for slot, partial in partials:
            leaf = record.leaves[slot]
            if type(adjoint) is arb and type(partial) is arb:
                term: Extended = adjoint * partial
            else:
                term = _contribution(adjoint, partial, leaves)
            before = reached[leaf]
            if type(before) is arb and type(term) is arb:
                reached[leaf] = before + term
            else:
                reached[leaf] = extended.add(before, term)
    return list(reached)


def _contribution(adjoint: Extended, partial: Extended, leaves: list[Extended]) -> Extended:
    """adjoint * partial, where the language has it: nothing comes through a partial that is 0
    at an infinite argument, as in exp(-inf), nor through an adjoint of 0."""
    if isinstance(partial, arb):
        if partial.is_zero() and any(isinstance(x, float) for x in leaves):
            return ZERO
    elif isinstance(adjoint, arb) and extended.sign(adjoint) == 0:
        return ZERO
    return extended.multiply(adjoint, partial)


def _given(x: Any, kind: Type) -> Given:
    """An element of an array, as the store wants it."""
    if kind == "bool":
        return bool(x)
    if kind == "int":
        return int(x)
    if isinstance(x, Fraction):
        return fmpq(x.numerator, x.denominator)
    if isinstance(x, float) and isnan(x):
        return UNDEFINED
    return x if isinstance(x, float) and isinf(x) else arb(x)


def _accurate(x: Value, digits: int) -> Value:
    """`x` itself if it is known to so many digits, 0 if it is too small to be told from 0
    outside; or Undecided."""
    if not isinstance(x, arb) or x.is_zero() or x.rel_accuracy_bits() > 3.33 * digits:
        return x
    if abs(x) < TINY:
        return ZERO
    raise Undecided


def _publish(part: list[Value], shape: tuple[int, ...], kind: Type) -> Exact:
    values: Array = np.empty(len(part), dtype=object)
    high: list[Any] = [0] * len(part)
    low = [0.0] * len(part)
    for i, x in enumerate(part):
        values[i] = x
        if type(x) is arb:
            if not x.is_zero():
                nearest = high[i] = extended.to_float(x)
                low[i] = extended.to_float(x - arb(nearest)) if isfinite(nearest) else 0.0
        elif not isinstance(x, extended.Undefined):
            high[i] = x
    undefined = np.array([x is UNDEFINED for x in part], dtype=np.bool_)
    finite = np.array([isinstance(x, arb | int) for x in part], dtype=np.bool_)
    return Exact(
        values.reshape(shape),
        np.array(high, dtype=DTYPES[kind]).reshape(shape),
        np.array(low).reshape(shape),
        undefined.reshape(shape),
        finite.reshape(shape),
    )
