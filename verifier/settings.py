"""Sizes and consts at which a module is checked: all that hold numbers before any tensor."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..compiler import typed as t

Number = int | Fraction | float | bool

CANDIDATES = tuple(
    Fraction(n, d) for n, d in ((1, 4), (1, 2), (7, 8), (1, 1), (3, 2), (2, 1), (3, 1), (5, 1))
)
"""Values tried for a const: dyadic, so that every format holds them exactly."""
LARGEST = 7
TRIES = 2000


class NoSetting(Exception):
    """No sizes and consts were found that satisfy what the module requires."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Values of all sizes, derived ones too, and of all consts."""

    sizes: Mapping[str, int]
    consts: Mapping[str, Fraction]


def choose(module: t.Module, rng: random.Random, *, shortest: bool, defaults: bool) -> Setting:
    """A setting that satisfies every `require`: sizes as different from one another as can be
    found, or the smallest where `shortest`; consts at their defaults where `defaults` and they
    have one, else off them. Raises NoSetting."""
    best: tuple[float, dict[str, int]] | None = None
    for attempt in range(TRIES):
        bound = 1 + attempt * LARGEST // TRIES if shortest else LARGEST
        sizes = _sizes(module, rng, 1 if shortest else 2, bound)
        if sizes is None:
            continue
        cost = float(sum(sizes.values()))
        if not shortest:
            equal = len(sizes) - len(set(sizes.values()))
            small = sum(sizes[name] < 3 for name in sizes)
            cost = equal + small / 4 + cost / 1000
        if best is None or cost < best[0]:
            best = cost, sizes
        if best[0] < 1 / 4 and attempt > TRIES // 20:
            break
    if best is None:
        raise NoSetting(f"{module.qualified}: no sizes satisfy its requirements")
    return Setting(best[1], _consts(module, rng, best[1], defaults))


def _sizes(module: t.Module, rng: random.Random, least: int, most: int) -> dict[str, int] | None:
    """Random sizes, with the derived ones; None where they break a requirement on sizes."""
    free = [name for name, size in module.sizes.items() if size.value is None]
    try:
        sizes = with_derived(module, {name: rng.randint(least, max(least, most)) for name in free})
    except NoSetting:
        return None
    for condition in module.requires:
        try:
            if not evaluate(condition, sizes, {}):
                return None
        except KeyError:
            continue
    return sizes


def with_derived(module: t.Module, sizes: Mapping[str, int]) -> dict[str, int]:
    """The sizes with the derived ones. Raises NoSetting where one would be below 1."""
    whole = dict(sizes)
    pending = [size for size in module.sizes.values() if size.value is not None]
    while pending:
        for size in list(pending):
            assert size.value is not None
            try:
                value = evaluate(size.value, whole, {})
            except KeyError:
                continue
            if value < 1:
                raise NoSetting(size.name)
            whole[size.name] = int(value)
            pending.remove(size)
    return {name: whole[name] for name in module.sizes}


def _consts(
    module: t.Module, rng: random.Random, sizes: Mapping[str, int], defaults: bool
) -> dict[str, Fraction]:
    """Consts that satisfy the requires, together with the sizes. Raises NoSetting."""
    for _ in range(TRIES):
        consts: dict[str, Fraction] = {}
        for const in module.consts.values():
            value = default_of(const)
            if value is None or not defaults:
                scale = Fraction(1) if value is None or value == 0 else _dyadic(value)
                value = rng.choice(CANDIDATES) * scale
            consts[const.name] = value
        if all(evaluate(condition, sizes, consts) for condition in module.requires):
            return consts
    raise NoSetting(f"{module.qualified}: no consts satisfy its requirements")


def default_of(const: t.Const) -> Fraction | None:
    """The default of a const, exact where it is rational."""
    if const.default is None:
        return None
    value = evaluate(const.default, {}, {})
    return Fraction(value)


def _dyadic(value: Fraction) -> Fraction:
    """A power of two near a positive value, so that multiples stay exact in every format."""
    return Fraction(2) ** round(math.log2(abs(value))) * (1 if value > 0 else -1)


def evaluate(expr: t.Expr, sizes: Mapping[str, int], consts: Mapping[str, Fraction]) -> Number:
    """An expression of literals, sizes and consts. KeyError where a name has no value."""

    def value(e: t.Expr) -> Number:
        return evaluate(e, sizes, consts)

    match expr:
        case t.Number():
            return int(expr.value) if expr.type == "int" else expr.value
        case t.Truth():
            return expr.value
        case t.Constant():
            return math.pi if expr.name == "pi" else math.inf
        case t.SizeRef():
            return sizes[expr.name]
        case t.ConstRef():
            return consts[expr.name]
        case t.Add():
            total: Number = 0
            for sign, term in expr.terms:
                total += sign * value(term)
            return total
        case t.Mul():
            product: Number = 1
            for op, factor in expr.factors:
                right = value(factor)
                if op == "*":
                    product *= right
                else:
                    product = product / (Fraction(right) if isinstance(right, int) else right)
            return product
        case t.IntDiv():
            left, right = int(value(expr.left)), int(value(expr.right))
            return left // right if expr.operator == "//" else left % right
        case t.Power():
            base, exponent = value(expr.base), value(expr.exponent)
            exact = isinstance(exponent, int) and not isinstance(base, float)
            return Fraction(base) ** exponent if exact else float(base) ** float(exponent)
        case t.Compare():
            return _COMPARE[expr.operator](value(expr.left), value(expr.right))
        case t.And():
            return all(value(e) for e in expr.operands)
        case t.Or():
            return any(value(e) for e in expr.operands)
        case t.Not():
            return not value(expr.operand)
        case t.Iverson():
            return int(bool(value(expr.condition)))
        case t.If():
            return value(expr.then) if value(expr.condition) else value(expr.otherwise)
        case t.Function():
            result: Number = _FUNCTIONS[expr.name](*(value(e) for e in expr.arguments))
            return result
        case _:
            raise KeyError(type(expr).__name__)


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
}
