"""The reference: a flat module (`flatten`) at concrete sizes, fast, with unlimited exponents.

It evaluates every equation densely in wide numbers (`wide.py`), differentiates the outputs in
reverse mode, and finds by Monte Carlo arithmetic (`reference_noise.py`) how much a format's
roundings may move each output and each gradient. Formats with a unit roundoff below 2**-36 do
not stand out from float64, in which the mantissas are: they are evaluated at 2**-36 with 24 bits
taken as exact, and the deviations scaled down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from ..compiler import typed
from .reference_expr import Scope, Unsupported, as_real, extent, value
from .reference_noise import (
    FORMATS,
    Arithmetic,
    Rounding,
    exact_arithmetic,
    flushing_arithmetic,
    noisy_arithmetic,
)
from .reference_parts import Parts
from .reference_tape import Adjoint, Discrete, Real, Value, backward, spread_out
from .schedule import Task, schedule
from .wide import ZERO, Bools, Floats, Wide

__all__ = ["FORMATS", "Rounding", "Spread", "Unsupported", "evaluate", "spread"]

FINEST = 2.0**-36
FINEST_BITS = 24

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Spread:
    """What rounding does to a tensor. All arrays have the tensor's shape.

    `nominal` is the value without rounding: float64 (inf where it is too large, nan where it is
    undefined), int64 or bool. `sigma` is the root mean square of how far the noisy samples are
    from it, 0 for integers and booleans, inf where a sample or the value is undefined; `reach`
    is the largest such distance, which a rare event may make much larger than sigma. `jump`
    marks elements that hang on a comparison too close to call, where sigma means nothing, and
    undefined integers and booleans."""

    nominal: Array
    sigma: Floats
    reach: Floats
    jump: Bools


def evaluate(
    module: typed.Module,
    sizes: Mapping[str, int],
    consts: Mapping[str, Fraction | float],
    tensors: Mapping[str, Array],
) -> dict[str, Array]:
    """Every definition of the module by name, without rounding: float64, int64 or bool."""
    with np.errstate(all="ignore"):
        store = run(module, sizes, consts, tensors, exact_arithmetic())
        return {name: _nominal(store[name]) for name in module.definitions}


def spread(
    module: typed.Module,
    sizes: Mapping[str, int],
    consts: Mapping[str, Fraction | float],
    tensors: Mapping[str, Array],
    cotangents: Mapping[str, Array],
    rounding: Rounding,
    *,
    samples: int = 32,
    factor: float = 32.0,
    seed: int = 0,
    recomputes: bool = False,
) -> tuple[dict[str, Spread], dict[str, Spread]]:
    """The outputs by name, and by name of each real input, param and random source the gradient
    of sum(cotangent * output) over the outputs that have a cotangent.

    `sizes` holds all sizes; `tensors` every input, param and random source, in the shape that
    the module declares; `cotangents` real outputs in their shapes. `factor` is how many standard
    deviations from a jump count as too close. `recomputes`: see `Arithmetic`."""
    scale = 1.0
    if rounding.roundoff < FINEST:
        scale = rounding.roundoff / FINEST
        rounding = Rounding(FINEST, rounding.tiny / scale, FINEST_BITS)
    arithmetic = noisy_arithmetic(rounding, samples, factor, seed, recomputes)
    return _spreads(module, sizes, consts, tensors, cotangents, arithmetic, scale)


def flushed(
    module: typed.Module,
    sizes: Mapping[str, int],
    consts: Mapping[str, Fraction | float],
    tensors: Mapping[str, Array],
    cotangents: Mapping[str, Array],
    format: str,
) -> tuple[dict[str, Spread], dict[str, Spread]]:
    """As `spread`, but what flushing small intermediate results to 0 does: `reach` is it."""
    arithmetic = flushing_arithmetic(format)
    return _spreads(module, sizes, consts, tensors, cotangents, arithmetic, 1.0)


def _spreads(
    module: typed.Module,
    sizes: Mapping[str, int],
    consts: Mapping[str, Fraction | float],
    tensors: Mapping[str, Array],
    cotangents: Mapping[str, Array],
    arithmetic: Arithmetic,
    scale: float,
) -> tuple[dict[str, Spread], dict[str, Spread]]:
    with np.errstate(all="ignore"):
        store = run(module, sizes, consts, tensors, arithmetic)
        outputs = {name: _spread(arithmetic, store[name], scale) for name in module.outputs}
        adjoints = backward(arithmetic, list(_seeds(store, cotangents)))
        gradients = {}
        for name in tensors:
            x = store[name]
            if isinstance(x, Real):
                adjoint = adjoints.get(x, Adjoint(ZERO.broadcast(x.value.shape), None))
                gradient = Real(adjoint.value, adjoint.jump)
                gradients[name] = _spread(arithmetic, gradient, scale)
    return outputs, gradients


def run(
    module: typed.Module,
    sizes: Mapping[str, int],
    consts: Mapping[str, Fraction | float],
    tensors: Mapping[str, Array],
    arithmetic: Arithmetic,
) -> dict[str, Value]:
    """The given tensors and, in the order of evaluation, every definition of the module."""
    variables = {**module.inputs, **module.params, **module.randoms}
    store = {name: _given(tensors[name], x.type) for name, x in variables.items()}
    wide_consts = {name: _const(x) for name, x in consts.items()}
    begun: dict[str, Value | Parts] = dict(store)
    scope = Scope(arithmetic, sizes, wide_consts, begun, {}, (), {})
    tasks = list(schedule(module, sizes))
    for task in tasks:
        if any(number is not None for number in task.place):
            definition = module.definitions[task.name]
            dims = tuple(extent(dim, sizes) for dim in definition.dims)
            begun[task.name] = Parts(dims, definition.type)
    for task in tasks:
        x = define(task, module.definitions[task.name].type, scope)
        parts = begun.get(task.name)
        if isinstance(parts, Parts):
            parts.put(task.place, x)
        else:
            begun[task.name] = x
    return {name: x.whole() if isinstance(x, Parts) else x for name, x in begun.items()}


def define(task: Task, type: typed.Type, scope: Scope) -> Value:
    """What a task gives of a tensor of that type, from what is there before it."""
    free = tuple(axis for axis in task.equation.axes if axis.name not in task.held)
    inner = replace(scope, held=task.held).bind(free)
    x = value(task.equation.body, inner)
    if type == "real":
        x = as_real(x)
        if not isinstance(task.equation.body, typed.Element):
            x = Real(scope.arithmetic.store(x.value), x.jump, x.edges, named=x.active)
    return spread_out(x, inner.lengths)


def _given(tensor: Array, kind: typed.Type) -> Value:
    """An input, param or random source; all samples agree on it."""
    match kind:
        case "real":
            return Real(Wide.of(np.asarray(tensor)[None]), named=True)
        case "int":
            return Discrete(np.asarray(tensor)[None].astype(np.int64))
        case "bool":
            return Discrete(np.asarray(tensor)[None].astype(np.bool_))


def _const(x: Fraction | float) -> Wide:
    return Wide.rational(x) if isinstance(x, Fraction) else Wide.of(x)


def _seeds(
    store: Mapping[str, Value], cotangents: Mapping[str, Array]
) -> Iterator[tuple[Real, Wide]]:
    for name, cotangent in cotangents.items():
        x = store[name]
        assert isinstance(x, Real), f"{name} is not real: it has no cotangent"
        yield x, Wide.of(np.asarray(cotangent)[None])


def _nominal(x: Value) -> Array:
    return np.asarray(x.value.floats()[0] if isinstance(x, Real) else x.value[0])


def _spread(arithmetic: Arithmetic, x: Value, scale: float) -> Spread:
    nominal = _nominal(x)
    jump = np.zeros(nominal.shape, np.bool_) if x.jump is None else x.jump
    sigma = reach = np.zeros(nominal.shape)
    if isinstance(x, Real):
        undefined = x.value.isnan().any(axis=0)
        sigma, reach = (
            np.where(np.isnan(y) | undefined, np.inf, y)
            for y in (
                (distance * Wide.of(scale)).floats()
                for distance in (arithmetic.deviation(x.value), arithmetic.reach(x.value))
            )
        )
    return Spread(nominal, sigma, reach, np.broadcast_to(jump, nominal.shape))
