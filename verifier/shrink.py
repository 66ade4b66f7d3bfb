"""The smallest case at which a check still fails.

Sizes go down first, then consts go to their defaults, then tensors to simple values: 0, 1, -1, ½
and numbers of few digits. Whatever still fails is kept, until nothing simpler does or time is up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ..compiler import typed as t
from .regimes import Case, shape_of
from .settings import Const, NoSetting, Setting, default_of, evaluate, holds, with_derived

Array = npt.NDArray[Any]
Change = Callable[[Array], Array]
Attempt = Callable[[Case], Case | None]
"""Something simpler than a case; None where there is no such case."""

SECONDS = 2.0
TRIES = 200
"""How long it is tried, in processor time, and how often: an implementation may run elsewhere."""
FEW = 16
"""The largest tensor whose elements are looked at one by one."""


def shrink(module: t.Module, the_case: Case, fails: Callable[[Case], bool]) -> Case:
    """The simplest case found at which `fails` holds; it does at the one given."""
    end = time.process_time() + SECONDS
    before, tries = None, 0
    while the_case is not before:
        before = the_case
        for stage in STAGES:
            for attempt in stage(module, the_case):
                simpler = attempt(the_case)
                if simpler is None or cost(module, simpler) >= cost(module, the_case):
                    continue
                tries += 1
                if time.process_time() > end or tries > TRIES:
                    return the_case
                if fails(simpler):
                    the_case = simpler
    return the_case


def cost(module: t.Module, the_case: Case) -> tuple[int, int, int]:
    """How far a case is from simple: its sizes, its consts, its numbers."""
    setting = the_case.setting
    unusual = sum(setting.consts[name] != _usual(const) for name, const in module.consts.items())
    arrays = (*the_case.tensors.values(), *the_case.cotangents.values())
    return sum(setting.sizes.values()), unusual, sum(map(_cost, arrays))


def _cost(array: Array) -> int:
    """0 for each 0 and true, 1 for each 1 and false, more for a number of more digits."""
    if array.dtype == np.bool_:
        return int((~array).sum())
    return sum(_digits(x) for x in array.ravel().tolist())


def _digits(x: float) -> int:
    if x in (0, 1):
        return int(x)
    top, bottom = abs(x).as_integer_ratio()
    return 1 + top.bit_length() + bottom.bit_length() + (x < 0)


def _smaller(module: t.Module, the_case: Case) -> Iterator[Attempt]:
    free = [name for name, size in module.sizes.items() if size.value is None]
    for length in (1, 2):
        yield partial(resized, module, dict.fromkeys(free, length))
    for name in free:
        for length in range(1, the_case.setting.sizes[name]):
            yield partial(resized, module, {name: length})


def _usual_consts(module: t.Module, the_case: Case) -> Iterator[Attempt]:
    for const in module.consts.values():
        yield partial(_with_const, module, const)


def _simple_tensors(module: t.Module, the_case: Case) -> Iterator[Attempt]:
    for change in _CHANGES:
        for name in the_case.tensors:
            yield partial(_with_tensor, module, name, change)
        for name in the_case.cotangents:
            yield partial(_with_cotangent, name, change)


def _simple_elements(module: t.Module, the_case: Case) -> Iterator[Attempt]:
    for name, array in (*the_case.tensors.items(), *the_case.cotangents.items()):
        for i in range(array.size if array.size <= FEW else 0):
            for change in _CHANGES:
                only = partial(_at, i, change)
                if name in the_case.tensors:
                    yield partial(_with_tensor, module, name, only)
                else:
                    yield partial(_with_cotangent, name, only)


STAGES = (_smaller, _usual_consts, _simple_tensors, _simple_elements)


def resized(module: t.Module, lengths: Mapping[str, int], the_case: Case) -> Case | None:
    """The leading part of a case, where sizes are at most so long; None where that breaks what
    is required."""
    old = the_case.setting
    free = {name: n for name, n in old.sizes.items() if module.sizes[name].value is None}
    try:
        sizes = with_derived(module, {s: min(n, lengths.get(s, n)) for s, n in free.items()})
    except NoSetting:
        return None
    setting = Setting(sizes, old.consts)
    if not _allowed(module, setting):
        return None
    tensors, cotangents = {}, {}
    for name, array in the_case.tensors.items():
        variable = module.variable(name)
        assert variable is not None
        part = _leading(array, shape_of(variable.dims, setting))
        if variable.domain is not None:
            part = np.minimum(part, int(evaluate(variable.domain, sizes, {})) - 1)
        tensors[name] = part
    for name, array in the_case.cotangents.items():
        cotangents[name] = _leading(array, shape_of(module.definitions[name].dims, setting))
    return replace(the_case, setting=setting, tensors=tensors, cotangents=cotangents)


def _leading(array: Array, shape: tuple[int, ...]) -> Array:
    """A tensor of that shape from one; a derived size that has grown begins over."""
    for axis, length in enumerate(shape):
        array = array.take(np.arange(length) % array.shape[axis], axis)
    return array


def _allowed(module: t.Module, setting: Setting) -> bool:
    return all(holds(condition, setting.sizes, setting.consts) for condition in module.requires)


def _usual(const: t.Const) -> Const:
    """The default of a const, or else 1."""
    default = default_of(const)
    return Fraction(1) if default is None else default


def _with_const(module: t.Module, const: t.Const, the_case: Case) -> Case | None:
    consts = {**the_case.setting.consts, const.name: _usual(const)}
    setting = replace(the_case.setting, consts=consts)
    return replace(the_case, setting=setting) if _allowed(module, setting) else None


def _with_tensor(module: t.Module, name: str, change: Change, the_case: Case) -> Case | None:
    variable = module.variable(name)
    assert variable is not None
    array = change(the_case.tensors[name])
    if not possible(variable, array, the_case.setting):
        return None
    return replace(the_case, tensors={**the_case.tensors, name: array})


def _with_cotangent(name: str, change: Change, the_case: Case) -> Case:
    array = change(the_case.cotangents[name])
    return replace(the_case, cotangents={**the_case.cotangents, name: array})


def possible(variable: t.Variable, array: Array, setting: Setting) -> bool:
    """Whether an integer lies in its domain, and a draw in the range of its law."""
    if variable.domain is not None:
        top = int(evaluate(variable.domain, setting.sizes, {}))
        return bool(np.all((array >= 0) & (array < top)))
    law = variable.initial if variable.kind == "random" else None
    if law is not None and law.name == "uniform":
        low, high = (
            float(evaluate(law.arguments[end], setting.sizes, setting.consts))
            for end in ("low", "high")
        )
        return bool(np.all((low <= array) & (array < high)))
    return law is None or law.name != "exponential" or bool(np.all(array > 0))


def _at(i: int, change: Change, array: Array) -> Array:
    """A tensor with one element changed."""
    changed = array.copy()
    changed.flat[i] = change(array.ravel()[i : i + 1])[0]
    return changed


def _leading_bits(bits: int, array: Array) -> Array:
    """Numbers of so many significant bits."""
    mantissa, exponent = np.frexp(array.astype(np.float64))
    whole: Array = np.ldexp(np.trunc(np.ldexp(mantissa, bits)), exponent - bits)
    return whole.astype(array.dtype)


def _nearer_to_one(array: Array) -> Array:
    """Powers of two of half the exponent."""
    exponent = np.frexp(array.astype(np.float64))[1] - 1
    powers: Array = np.sign(array.astype(np.float64)) * np.ldexp(1.0, exponent // 2)
    return powers.astype(array.dtype)


def _signs(array: Array) -> Array:
    return np.sign(array.astype(np.float64)).astype(array.dtype)


_CHANGES: tuple[Change, ...] = (
    np.zeros_like,
    np.ones_like,
    _signs,
    _nearer_to_one,
    partial(_leading_bits, 1),
    partial(_leading_bits, 3),
    partial(_leading_bits, 6),
)
"""From the simplest on."""
