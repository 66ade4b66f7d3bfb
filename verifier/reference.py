"""The reference: a flat module (`flatten`) at concrete sizes, fast, with unlimited exponents.

It evaluates every equation densely in wide numbers (`wide.py`), differentiates the outputs in
reverse mode, and finds by Monte Carlo arithmetic (`reference_noise.py`) how much a format's
roundings may move each output and each gradient. Formats with a unit roundoff below 2**-36 do
not stand out from float64, in which the mantissas are: they are evaluated at 2**-36 with 24 bits
taken as exact, and the deviations scaled down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from ..compiler import typed
from ..compiler.walk import nodes
from .reference_expr import Scope, Unsupported, as_real, extent, real, value
from .reference_noise import (
    FORMATS,
    Arithmetic,
    Block,
    Rounding,
    exact_arithmetic,
    flushed_below,
    flushing_arithmetic,
    noisy_arithmetic,
)
from .reference_ops import add, multiply
from .reference_parts import Parts
from .reference_tape import Adjoint, Discrete, Real, Value, backward, spread_out
from .schedule import Task, schedule
from .wide import ONE, ZERO, Bools, Floats, Wide

__all__ = [
    "FORMATS",
    "Rounding",
    "Spread",
    "Unsupported",
    "alike",
    "all_spreads",
    "evaluate",
    "spread",
]

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


Spreads = tuple[dict[str, Spread], dict[str, Spread]]
"""Of the outputs, and of the gradients."""


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


def differentiate(
    module: typed.Module,
    sizes: Mapping[str, int],
    consts: Mapping[str, Fraction | float],
    tensors: Mapping[str, Array],
    cotangents: Mapping[str, Array],
) -> dict[str, Array]:
    """By name of each real input, param and random source the gradient of sum(cotangent *
    output), without rounding."""
    with np.errstate(all="ignore"):
        arithmetic = exact_arithmetic()
        store = run(module, sizes, consts, tensors, arithmetic)
        adjoints = backward(arithmetic, list(seeds_of(store, cotangents)))
        given = {name: x for name in tensors if isinstance(x := store[name], Real)}
        return {
            name: _nominal(Real(adjoints[x].value))
            if x in adjoints
            else np.zeros(x.value.shape[1:])
            for name, x in given.items()
        }


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
) -> Spreads:
    """The outputs by name, and by name of each real input, param and random source the gradient
    of sum(cotangent * output) over the outputs that have a cotangent.

    `sizes` holds all sizes; `tensors` every input, param and random source, in the shape that
    the module declares; `cotangents` real outputs in their shapes. `factor` is how many standard
    deviations from a jump count as too close. `recomputes`: see `Block`."""
    block, scale = _block(rounding, recomputes)
    arithmetic = noisy_arithmetic([block], samples, factor, seed)
    (found,) = _spreads(module, sizes, consts, tensors, cotangents, arithmetic, [scale])
    return found


def flushed(
    module: typed.Module,
    sizes: Mapping[str, int],
    consts: Mapping[str, Fraction | float],
    tensors: Mapping[str, Array],
    cotangents: Mapping[str, Array],
    format: str,
) -> Spreads:
    """As `spread`, but what flushing small intermediate results to 0 does: `reach` is it."""
    arithmetic = flushing_arithmetic(format)
    (found,) = _spreads(module, sizes, consts, tensors, cotangents, arithmetic, [])
    return found


def all_spreads(
    module: typed.Module,
    sizes: Mapping[str, int],
    consts: Mapping[str, Fraction | float],
    tensors: Mapping[str, Array],
    cotangents: Mapping[str, Array],
    formats: Sequence[str],
    *,
    rough: float,
    samples: int = 32,
    factor: float = 32.0,
    seed: int = 0,
) -> dict[str, tuple[Spreads, Spreads, Spreads]]:
    """For each format what `spread` gives; what it gives with a roundoff `rough` times as large
    where softmaxes are recomputed, save that `jump` is the first one's; and what `flushed`
    gives. All in one pass, where the formats have mantissas of the same bits in it."""
    found: dict[str, tuple[Spreads, Spreads, Spreads]] = {}
    pending = list(formats)
    while pending:
        together = [format for format in pending if format in alike(pending[0])]
        pending = [format for format in pending if format not in together]
        roundings = [FORMATS[format] for format in together]
        coarse = [replace(r, roundoff=rough * r.roundoff) for r in roundings]
        scaled = [_block(r, False) for r in roundings] + [_block(r, True) for r in coarse]
        blocks, scales = zip(*scaled, strict=True)
        arithmetic = noisy_arithmetic(
            blocks,
            samples,
            factor,
            seed,
            deciding=len(together),
            flushes=[flushed_below(format) for format in together],
        )
        parts = _spreads(module, sizes, consts, tensors, cotangents, arithmetic, scales)
        for i, format in enumerate(together):
            found[format] = parts[i], parts[len(together) + i], parts[2 * len(together) + i]
    return found


def alike(format: str) -> list[str]:
    """The formats that can share a pass with one: mantissas have the same bits there."""
    bits = _block(FORMATS[format], False)[0].rounding.bits
    return [f for f, r in FORMATS.items() if _block(r, False)[0].rounding.bits == bits]


def _block(rounding: Rounding, recomputes: bool) -> tuple[Block, float]:
    """The samples of a rounding, and by what to scale their distances from the nominal one."""
    if rounding.roundoff >= FINEST:
        return Block(rounding, recomputes), 1.0
    scale = rounding.roundoff / FINEST
    return Block(Rounding(FINEST, rounding.tiny / scale, FINEST_BITS), recomputes), scale


def _spreads(
    module: typed.Module,
    sizes: Mapping[str, int],
    consts: Mapping[str, Fraction | float],
    tensors: Mapping[str, Array],
    cotangents: Mapping[str, Array],
    arithmetic: Arithmetic,
    scales: Sequence[float],
) -> list[Spreads]:
    """The spreads of every block of samples, and of every flushing sample."""
    with np.errstate(all="ignore"):
        store = run(module, sizes, consts, tensors, arithmetic)
        outputs = {name: _spread(arithmetic, store[name], scales) for name in module.outputs}
        adjoints = backward(arithmetic, list(seeds_of(store, cotangents)))
        gradients = {}
        for name in tensors:
            x = store[name]
            if isinstance(x, Real):
                adjoint = adjoints.get(x, Adjoint(ZERO.broadcast(x.value.shape), None))
                gradient = Real(adjoint.value, adjoint.jump)
                gradients[name] = _spread(arithmetic, gradient, scales)
    return [
        ({n: x[i] for n, x in outputs.items()}, {n: x[i] for n, x in gradients.items()})
        for i in range(len(arithmetic.blocks) + len(arithmetic.flushes))
    ]


def run(
    module: typed.Module,
    sizes: Mapping[str, int],
    consts: Mapping[str, Fraction | float],
    tensors: Mapping[str, Array],
    arithmetic: Arithmetic,
    scales: Mapping[str, Wide] | None = None,
) -> dict[str, Value]:
    """The given tensors and, in the order of evaluation, every definition of the module.

    `scales` gives tensors and consts a factor in each sample, by which whatever reads them
    finds them multiplied; definitions come out so, given tensors as they are."""
    scales = scales or {}
    variables = {**module.inputs, **module.params, **module.randoms}
    store = {name: _given(tensors[name], x.type) for name, x in variables.items()}
    wide_consts = {name: _const(x) * scales.get(name, ONE) for name, x in consts.items()}
    begun: dict[str, Value | Parts] = {
        name: scaled(x, scales.get(name), arithmetic) for name, x in store.items()
    }
    scope = Scope(arithmetic, sizes, wide_consts, begun, {}, (), {})
    wide_scope = replace(scope, arithmetic=arithmetic.wide)
    wide = wide_names(module)
    tasks = list(schedule(module, sizes))
    for task in tasks:
        if any(number is not None for number in task.place):
            definition = module.definitions[task.name]
            dims = tuple(extent(dim, sizes) for dim in definition.dims)
            begun[task.name] = Parts(dims, definition.type)
    for task in tasks:
        within = wide_scope if task.name in wide else scope
        x = define(task, module.definitions[task.name].type, within)
        x = scaled(x, scales.get(task.name), arithmetic)
        parts = begun.get(task.name)
        if isinstance(parts, Parts):
            parts.put(task.place, x)
        else:
            begun[task.name] = x
    done = {name: x.whole() if isinstance(x, Parts) else x for name, x in begun.items()}
    return done | store


def scaled(x: Value, scale: Wide | None, arithmetic: Arithmetic) -> Value:
    """x times a factor that each sample has of its own."""
    if scale is None or not isinstance(x, Real):
        return x
    factor = scale.shaped(lambda a: a.reshape(-1, *(1,) * (len(x.value.shape) - 1)))
    return multiply(arithmetic, x, Real(factor))


def wide_names(module: typed.Module) -> set[str]:
    """The real tensors that sizes, consts and integers alone make, such as rotary angles: code
    holds them in the format of computation, since positions would collide in one of 16 bits.
    Those that are outputs, feed a sequence or are passed to a module follow the inputs' format,
    and so do all within a called module."""
    inner = {m.name for group in module.groups for m in group.members}
    found: set[str] = set()
    passed: set[str] = set()
    for name, definition in module.definitions.items():
        if not isinstance(definition, typed.Equation):
            continue
        read = {n.tensor for n in nodes(definition.body) if _is_real(n)}
        if "." in name:
            passed |= read
        elif read <= found and definition.type == "real" and not definition.output:
            found |= {name} - inner
    return found - passed


def _is_real(node: typed.Expr) -> TypeGuard[typed.Element]:
    return isinstance(node, typed.Element) and node.type == "real"


def define(task: Task, type: typed.Type, scope: Scope) -> Value:
    """What a task gives of a tensor of that type, from what is there before it."""
    free = tuple(axis for axis in task.equation.axes if axis.name not in task.held)
    inner = replace(scope, held=task.held).bind(free)
    body = task.equation.body
    if isinstance(body, typed.Add) and type == "real" and _reads(body, task.name):
        terms = [(sign, real(term, inner)) for sign, term in body.terms]
        x: Value = add(inner.arithmetic, terms, accumulated=True)
    else:
        x = value(body, inner)
    if type == "real":
        x = as_real(x)
        if not isinstance(body, typed.Element):
            x = Real(scope.arithmetic.store(x.value), x.jump, x.edges, named=x.active)
    return spread_out(x, inner.lengths)


def _reads(e: typed.Expr, name: str) -> bool:
    return any(isinstance(node, typed.Element) and node.tensor == name for node in nodes(e))


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


def seeds_of(
    store: Mapping[str, Value], cotangents: Mapping[str, Array]
) -> Iterator[tuple[Real, Wide]]:
    for name, cotangent in cotangents.items():
        x = store[name]
        assert isinstance(x, Real), f"{name} is not real: it has no cotangent"
        yield x, Wide.of(np.asarray(cotangent)[None])


def _nominal(x: Value) -> Array:
    return np.asarray(x.value.floats()[0] if isinstance(x, Real) else x.value[0])


def _spread(arithmetic: Arithmetic, x: Value, scales: Sequence[float]) -> list[Spread]:
    """One for every block of samples, and for every flushing sample."""
    nominal = _nominal(x)
    count = len(arithmetic.blocks) + len(arithmetic.flushes)
    sigma = reach = np.zeros((1, *nominal.shape))
    if isinstance(x, Real):
        scale = Wide.of(
            np.reshape([*scales, *[1.0] * len(arithmetic.flushes)], (-1, *(1,) * nominal.ndim))
        )
        deviation, distance = arithmetic.spreads(x.value)
        undefined = arithmetic.any_in_each(x.value.isnan())
        sigma, reach = (
            np.where(np.isnan(y) | undefined, np.inf, y)
            for y in ((deviation * scale).floats(), (distance * scale).floats())
        )
    jump = np.zeros((1, *nominal.shape), np.bool_) if x.jump is None else x.jump
    sigma, reach = (np.broadcast_to(y, (count, *nominal.shape)) for y in (sigma, reach))
    jumps = [jump[i % len(jump)] for i in range(count)]
    return [
        Spread(nominal, sigma[i], reach[i], np.broadcast_to(jumps[i], nominal.shape))
        for i in range(count)
    ]
