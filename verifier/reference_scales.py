"""How outputs and gradients answer to scales, and what rounding does to all of them at once.

A scale is a factor on one const, decimal literal or real tensor, 1 where everything is as the
equations say. One pass of the reference has a sample for each scale, a little above 1, and gives
the derivatives by all of them; another has the samples of Monte Carlo arithmetic, which show what
errors come together: the roundings of a row's normaliser move the whole row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from ..compiler import typed as t
from ..compiler.walk import nodes, rebuild
from .reference import run, seeds_of
from .reference_noise import FORMATS, Arithmetic, Block, exact_arithmetic, noisy_arithmetic
from .reference_tape import Adjoint, Jump, Real, backward
from .wide import ZERO, Wide

Array = npt.NDArray[Any]

STEP = 2.0**-10
"""How far above 1 a scale is in a difference quotient, whose own error is about as large."""
SAMPLES = 32


@dataclass(frozen=True, slots=True)
class Samples:
    """A tensor in every sample, (samples, …), as float64, and where it hangs on a comparison
    that rounding may decide."""

    values: Array
    jump: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Answers:
    """Real outputs by ("", name), gradients by (`gradient_prefix`, name); and the size of the
    largest number that a named tensor or a derivative by one has."""

    tensors: dict[tuple[str, str], Samples]
    largest: float


@dataclass(frozen=True, slots=True)
class Scaled:
    """A flat module whose decimal literals are consts, and everything in it that has a scale."""

    module: t.Module
    literals: Mapping[str, Fraction]
    names: tuple[str, ...]
    """Of consts, literals, and real inputs, params, random sources and equations."""

    def derivatives(
        self,
        sizes: Mapping[str, int],
        consts: Mapping[str, Fraction | float],
        tensors: Mapping[str, Array],
        cotangents: Mapping[str, Array],
    ) -> Answers:
        """The derivatives by the logarithm of each scale, in the order of the names; before them
        the exact values."""
        factors = 1.0 + STEP * np.eye(1 + len(self.names))[1:]
        scales = {name: Wide.of(row) for name, row in zip(self.names, factors, strict=True)}
        found = self._run(sizes, consts, tensors, cotangents, exact_arithmetic(), scales)
        slopes = {key: _slopes(x, 1 + len(self.names)) for key, x in found.tensors.items()}
        return Answers(slopes, found.largest)

    def noise(
        self,
        sizes: Mapping[str, int],
        consts: Mapping[str, Fraction | float],
        tensors: Mapping[str, Array],
        cotangents: Mapping[str, Array],
        format: str,
        *,
        factor: float,
        seed: int,
    ) -> Answers:
        """What rounding in a format makes of the values, in each sample of Monte Carlo
        arithmetic, save that single numbers of consts and sizes stay exact. In the last sample
        named tensors are rounded to the nearest number, and what the format rounds to 0 is 0:
        underflow has one direction alone."""
        rounding = FORMATS[format]
        lost = math.frexp(rounding.tiny)[1] - 2
        arithmetic = noisy_arithmetic([Block(rounding)], SAMPLES, factor, seed, flushes=[lost])
        arithmetic = replace(arithmetic, exact_scalars=True)
        return self._run(sizes, consts, tensors, cotangents, arithmetic, {})

    def _run(
        self,
        sizes: Mapping[str, int],
        consts: Mapping[str, Fraction | float],
        tensors: Mapping[str, Array],
        cotangents: Mapping[str, Array],
        arithmetic: Arithmetic,
        scales: Mapping[str, Wide],
    ) -> Answers:
        module = self.module
        given = {**consts, **self.literals}
        with np.errstate(all="ignore"):
            store = run(module, sizes, given, tensors, arithmetic, scales)
            adjoints = backward(arithmetic, list(seeds_of(store, cotangents)))
            reals = {name: x for name, x in store.items() if isinstance(x, Real)}
            answers = {
                ("", name): _samples(reals[name]) for name in module.outputs if name in reals
            }
            for name in (*module.inputs, *module.params):
                if name in reals:
                    shape = reals[name].value.shape
                    adjoint = adjoints.get(reals[name], Adjoint(ZERO.broadcast(shape), None))
                    gradient = Real(adjoint.value, adjoint.jump)
                    answers[gradient_prefix(module), name] = _samples(gradient)
            named = (*(x.value for x in reals.values()), *(x.value for x in adjoints.values()))
            return Answers(answers, max(_largest(x) for x in named))


def gradient_prefix(module: t.Module) -> str:
    """What stands before the name of a tensor where a derivative by it is meant."""
    return f"d({', '.join(module.outputs)}) / d "


def _largest(x: Wide) -> float:
    """The size of the largest finite number of the nominal sample."""
    size = np.abs(x[:1].floats())
    return float(size[np.isfinite(size)].max(initial=0.0))


def scaled(module: t.Module) -> Scaled:
    """Everything in a flat module that has a scale."""
    literals: dict[str, Fraction] = {}

    def change(e: t.Expr) -> t.Expr:
        if isinstance(e, t.Number) and e.value.denominator != 1:
            name = str(float(e.value))
            literals[name] = e.value
            return t.ConstRef(e.span, name)
        e = rebuild(e, change)
        return replace(e, body=change(e.body)) if isinstance(e, t.Apply) else e

    definitions = {name: _changed(module.definitions[name], change) for name in needed(module)}
    groups = tuple(
        replace(group, members=tuple(definitions[member.name] for member in group.members))
        for group in module.groups
        if group.members[0].name in definitions
    )
    variables = {**module.inputs, **module.params, **module.randoms, **definitions}
    reals = [name for name, variable in variables.items() if variable.type == "real"]
    names = (*module.consts, *literals, *reals)
    return Scaled(replace(module, definitions=definitions, groups=groups), literals, names)


def needed(module: t.Module) -> list[str]:
    """The definitions of a flat module that outputs depend on, in its order; laws have more.
    Of those that are evaluated step by step together all, or none."""
    found: set[str] = set()
    pending = list(module.outputs)
    while pending:
        name = pending.pop()
        if name in found or name not in module.definitions:
            continue
        found.add(name)
        together = [g.members for g in module.groups if name in {m.name for m in g.members}]
        pending += [member.name for members in together for member in members]
        for equation in _equations(module.definitions[name]):
            pending += [e.tensor for e in nodes(equation.body) if isinstance(e, t.Element)]
    return [name for name in module.definitions if name in found]


def _equations(definition: t.Definition) -> tuple[t.Equation, ...]:
    match definition:
        case t.Equation():
            return (definition,)
        case t.Recurrence(base=t.Equation() as base, step=t.Equation() as step):
            return base, step
        case _:
            raise AssertionError("a flat module has equations alone")


def _changed(definition: t.Definition, change: Callable[[t.Expr], t.Expr]) -> t.Definition:
    parts = [replace(part, body=change(part.body)) for part in _equations(definition)]
    if isinstance(definition, t.Recurrence):
        return replace(definition, base=parts[0], step=parts[1])
    return parts[0]


def _samples(x: Real) -> Samples:
    values = x.value.floats()
    return Samples(values, _anywhere(x.jump, values.shape[1:]))


def _anywhere(jump: Jump, shape: Sequence[int]) -> npt.NDArray[np.bool_]:
    found = np.zeros(shape, np.bool_) if jump is None else jump.any(axis=0)
    return np.broadcast_to(found, shape)


def _slopes(x: Samples, samples: int) -> Samples:
    """Difference quotients after the exact values; infinite where they overflow."""
    values = np.array(np.broadcast_to(x.values, (samples, *x.values.shape[1:])))
    with np.errstate(over="ignore", invalid="ignore"):
        values[1:] = (values[1:] - values[:1]) / STEP
    return Samples(values, x.jump)
