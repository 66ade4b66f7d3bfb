"""Sizes and consts at which a module is checked: all that hold numbers before any tensor."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from typing import Any

from ..compiler import typed as t
from ..compiler.walk import children, nodes
from .index_conditions import IndexCondition, index_conditions, ranges_of, scalar_parts

Number = int | Fraction | float | bool
Const = Fraction | float
"""A const: exact, or infinite."""

CANDIDATES = tuple(
    Fraction(n, d) for n, d in ((1, 4), (1, 2), (7, 8), (1, 1), (3, 2), (2, 1), (3, 1), (5, 1))
)
"""Values tried for a const: dyadic, so that every format holds them exactly."""
LARGEST = 7
FAR = 4096
"""The largest size that is the domain of an integer input and no axis: positions up to here cost
nothing, and formats of 16 bits do not hold them."""
TRIES = 2000
TOLD = 12
"""Of how many settings it is asked whether conditions tell anything there."""
WORK = 60_000
"""The most terms of all equations together at which sizes are still chosen for being different:
a model in layers has some hundred thousand at sizes of 3 to 7."""
LONGEST = 100_000
"""Bits of a power beyond which it is a float."""


class NoSetting(Exception):
    """No sizes and consts were found that satisfy what the module requires."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Values of all sizes, derived ones too, and of all consts."""

    sizes: Mapping[str, int]
    consts: Mapping[str, Const]


def choose(
    module: t.Module,
    rng: random.Random,
    *,
    shortest: bool,
    defaults: bool,
    limit: int | None = None,
    bound: int = WORK,
) -> Setting:
    """A setting that satisfies every `require`: sizes as different from one another as can be
    found within a `bound` on the work, such that conditions on indices tell something, or the
    smallest where `shortest`; consts as `consts_at` chooses them. Raises NoSetting."""
    conditions = [] if shortest else index_conditions(module)
    cheapest: tuple[int, Setting] | None = None
    work_at = measure(module)
    for largest in range(LARGEST, 1, -1):
        fitting: list[tuple[int, Setting]] = []
        for sizes in _candidates(module, rng, shortest, largest):
            cost = work_at(sizes)
            if cost > bound and cheapest is not None and cost >= cheapest[0]:
                continue
            consts = consts_at(module, rng, sizes, defaults, limit)
            if consts is None:
                continue
            if cost > bound:
                cheapest = cost, Setting(sizes, consts)
                continue
            told = sum(tells(condition, sizes, consts) for condition in conditions)
            fitting.append((told, Setting(sizes, consts)))
            if told == len(conditions) or len(fitting) == TOLD:
                break
        if fitting:
            return max(fitting, key=lambda entry: entry[0])[1]
        if cheapest is None and largest == LARGEST:
            break
    if cheapest is None:
        raise NoSetting(f"{module.qualified}: no sizes and consts satisfy its requirements")
    return cheapest[1]


def _candidates(
    module: t.Module, rng: random.Random, shortest: bool, largest: int
) -> Iterator[dict[str, int]]:
    """Sizes that satisfy what is required of them, the best first: different from one another,
    3 or more, and of a sum near `LARGEST`, as a single small size would make cases of few
    numbers; or the smallest."""
    best = math.inf
    far = _far(module)
    free = [name for name, size in module.sizes.items() if size.value is None]
    least, often = (1, []) if shortest else (2, far)
    drawn: dict[tuple[int, ...], tuple[float, dict[str, int]] | None] = {}
    for attempt in range(TRIES):
        bound = 1 + attempt * largest // TRIES if shortest else largest
        chosen = {name: rng.randint(least, max(least, bound)) for name in free}
        chosen |= {name: rng.randint(FAR // 2, FAR) for name in often if rng.random() < 0.9}
        key = tuple(chosen.values())
        if key not in drawn:
            try:
                sizes = with_derived(module, chosen)
                drawn[key] = _cost(sizes, far, shortest), sizes
            except NoSetting:
                drawn[key] = None
        entry = drawn[key]
        if entry is not None and min(best, entry[0]) < 1 / 4 and _fits(module, entry[1]):
            best = min(best, entry[0])
            if attempt > TRIES // 20:
                break
    costs = sorted((e for e in drawn.values() if e is not None), key=lambda entry: entry[0])
    yield from islice((sizes for _, sizes in costs if _fits(module, sizes)), TRIES // 20)


def _cost(sizes: Mapping[str, int], far: Sequence[str], shortest: bool) -> float:
    """How far sizes are from the best there could be."""
    if shortest:
        return float(sum(sizes.values()))
    equal = len(sizes) - len(set(sizes.values()))
    small = sum({1: 3, 2: 1}.get(size, 0) for size in sizes.values())
    near = [size for name, size in sizes.items() if name not in far or size <= LARGEST]
    missed = len(near) - len(sizes) + len(far)
    return equal / 2 + small + missed + abs(sum(near) - LARGEST) / 1000


def _fits(module: t.Module, sizes: Mapping[str, int]) -> bool:
    """Whether all sizes break no requirement on sizes."""
    for condition in module.requires:
        try:
            if not holds(condition, sizes, {}):
                return False
        except KeyError:
            continue
    return True


def _far(module: t.Module) -> list[str]:
    """The free sizes that are the domain of an integer input and the length of nothing."""
    inputs, variables = module.inputs.values(), (*module.inputs.values(), *module.params.values())
    lengths = [size.value for size in module.sizes.values() if size.value is not None]
    lengths += [dim for v in (*variables, *module.randoms.values()) for dim in v.dims]
    lengths += ranges_of(module).values()
    long = {n.name for length in lengths for n in nodes(length) if isinstance(n, t.SizeRef)}
    domains = [v.domain.name for v in inputs if isinstance(v.domain, t.SizeRef)]
    return [name for name in module.sizes if name in domains and name not in long]


def with_derived(module: t.Module, sizes: Mapping[str, int]) -> dict[str, int]:
    """The sizes with the derived ones. Raises NoSetting where one would be below 1, KeyError
    where one that is not derived is missing."""
    whole = dict(sizes)
    pending = [size for size in module.sizes.values() if size.value is not None]
    while pending:
        known = len(whole)
        for size in list(pending):
            assert size.value is not None
            try:
                value = evaluate(size.value, whole, {})
            except KeyError:
                continue
            except ZeroDivisionError as error:
                raise NoSetting(size.name) from error
            if value < 1:
                raise NoSetting(size.name)
            whole[size.name] = int(value)
            pending.remove(size)
        if len(whole) == known:
            break
    return {name: whole[name] for name in module.sizes}


def consts_at(
    module: t.Module,
    rng: random.Random,
    sizes: Mapping[str, int],
    defaults: bool,
    limit: int | None = None,
) -> dict[str, Const] | None:
    """Consts that satisfy the requires, together with the sizes; None if none were found. They
    are at their defaults where `defaults` and they have one, and those with limits at one of
    these where `limit` counts through them. Off them they are multiples of the candidates, or
    those themselves where they are compared with indices; where none will do, 0 is tried too,
    and at last the defaults."""

    def will_do(consts: Mapping[str, Const]) -> bool:
        return all(holds(condition, sizes, consts) for condition in module.requires)

    compared = [] if defaults else index_conditions(module)
    counted = {name for condition in compared for name in condition.consts}
    given = {const.name: default_of(const) for const in module.consts.values()}
    if limit is not None:
        given |= {name: values[limit % len(values)] for name, values in limits(module).items()}
    kept = {name: x for name, x in given.items() if defaults and x is not None}
    others = {name: x for name, x in given.items() if name not in kept}
    for stage in range(3):
        pools = {name: _pool(x, stage, name in counted) for name, x in others.items()}
        for _ in range(TRIES // 20):
            consts = kept | {name: rng.choice(pool) for name, pool in pools.items()}
            if will_do(consts):
                return consts
    return None


def limits(module: t.Module) -> dict[str, list[Const]]:
    """For each const the numbers that a flat module compares it with, from the lowest up: those
    that it may equal by `require`, which are the ends of its range or the values of a choice;
    and on both sides of those by which its equations branch. Consts are left out whose only one
    is their default. Raises NoSetting where a default is undefined."""
    found: dict[str, set[Const]] = {}
    for condition in module.requires:
        for const, operator, bound in _comparisons(condition):
            if operator in ("<=", ">=", "=="):
                found.setdefault(const, set()).add(bound)
    for part in scalar_parts(module):
        for const, _, bound in _comparisons(part.body):
            found.setdefault(const, set()).update({bound - 1, bound, bound + 1})
    only = {name: {default_of(module.consts[name])} for name in found}
    return {name: sorted(values) for name, values in found.items() if values - only[name]}


def _comparisons(e: t.Expr) -> Iterator[tuple[str, str, Fraction]]:
    """The consts that an expression compares with a number, how, and with which."""
    for node in nodes(e):
        if not isinstance(node, t.Compare):
            continue
        for const, bound in ((node.left, node.right), (node.right, node.left)):
            if isinstance(const, t.ConstRef):
                try:
                    yield const.name, node.operator, Fraction(evaluate(bound, {}, {}))
                except (KeyError, ArithmeticError, ValueError, TypeError):
                    continue  # it rests on more than numbers, or is undefined or infinite


def _pool(default: Const | None, stage: int, counted: bool) -> list[Const]:
    """What a const is chosen from: multiples of the candidates, or at first those themselves
    where it is `counted`; and more in later stages."""
    scale = Fraction(1)
    if default and (stage > 0 or not counted):
        scale = _dyadic(default)
    pool: list[Const] = [x * scale for x in CANDIDATES if x * scale != default]
    pool += [Fraction(0)] * (stage >= 1)
    pool += [default] if stage >= 2 and default is not None else []
    return pool


def tells(condition: IndexCondition, sizes: Mapping[str, int], consts: Mapping[str, Const]) -> bool:
    """Whether there are indices for which it holds, and others for which it does not."""
    seen = set()
    lengths = [int(evaluate(length, sizes, {})) for length in condition.ranges.values()]
    for values in product(*map(range, lengths)):
        indices = dict(zip(condition.ranges, values, strict=True))
        if all(holds(e, sizes, consts, indices) for e in condition.beside):
            seen.add(holds(condition.claim, sizes, consts, indices))
            if len(seen) == 2:
                return True
    return False


def holds(
    condition: t.Expr,
    sizes: Mapping[str, int],
    consts: Mapping[str, Const],
    indices: Mapping[str, int] | None = None,
) -> bool:
    """Whether a condition is true; one that is undefined is not. KeyError as in `evaluate`."""
    try:
        return bool(evaluate(condition, sizes, consts, indices))
    except (ArithmeticError, ValueError, TypeError):
        return False


def default_of(const: t.Const) -> Const | None:
    """The default of a const, exact where it is rational. Raises NoSetting where it is
    undefined."""
    if const.default is None:
        return None
    value = evaluate(const.default, {}, {})
    if isinstance(value, float) and math.isnan(value):
        raise NoSetting(f"{const.name} is undefined by default")
    return value if value in (math.inf, -math.inf) else Fraction(value)


def _dyadic(value: Fraction | float) -> Fraction:
    """A power of two near a finite value that is not 0, so that multiples stay exact in every
    format; for an infinite one 1, with its sign."""
    exponent: int = 0 if math.isinf(value) else round(math.log2(abs(float(value))))
    return (1 if value > 0 else -1) * Fraction(2) ** exponent


def evaluate(
    expr: t.Expr,
    sizes: Mapping[str, int],
    consts: Mapping[str, Const],
    arguments: Mapping[str, Number] | None = None,
) -> Number:
    """An expression of literals, sizes and consts, and of `arguments`: those of a `def` within
    it, indices elsewhere. KeyError where a name has no value; ArithmeticError, ValueError or
    TypeError where it is undefined."""

    def value(e: t.Expr) -> Number:
        return evaluate(e, sizes, consts, arguments)

    match expr:
        case t.SizeRef():
            return sizes[expr.name]
        case t.ArgumentRef() | t.IndexRef():
            return (arguments or {})[expr.name]
        case t.ConstRef():
            return consts[expr.name]
        case t.Number():
            return int(expr.value) if expr.type == "int" else expr.value
        case t.Truth():
            return expr.value
        case t.Constant():
            return math.pi if expr.name == "pi" else math.inf
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
                    infinite = math.inf in (abs(product), abs(right))
                    product = 0 if infinite and 0 in (product, right) else product * right
                else:
                    product = product / (Fraction(right) if isinstance(right, int) else right)
            return product
        case t.IntDiv():
            left, right = int(value(expr.left)), int(value(expr.right))
            return left // right if expr.operator == "//" else left % right
        case t.Power():
            base, exponent = value(expr.base), value(expr.exponent)
            if isinstance(exponent, int) and not isinstance(base, float):
                base = Fraction(base)
                if abs(exponent) * (base.numerator * base.denominator).bit_length() < LONGEST:
                    return base**exponent
            return math.pow(base, exponent)
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
        case t.Apply():
            given = dict(zip(expr.parameters, map(value, expr.arguments), strict=True))
            return evaluate(expr.body, sizes, consts, given)
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
    "log": lambda x: math.log(x) if x else -math.inf,
    "log1p": math.log1p,
    "expm1": math.expm1,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "erf": math.erf,
    "sign": lambda x: (x > 0) - (x < 0),
    "stop": lambda x: x,
}


def work(module: t.Module, sizes: Mapping[str, int]) -> int:
    """The number of terms of a flat module: for every element of every equation, those that
    its reducers and rows add up."""
    return measure(module)(sizes)


def measure(module: t.Module) -> Callable[[Mapping[str, int]], int]:
    """`work` of one module: its equations are walked once, whatever sizes are asked for."""
    parts = [(part.axes, _terms(part.body)) for part in scalar_parts(module)]

    def at(sizes: Mapping[str, int]) -> int:
        lengths: dict[int, int] = {}
        return sum(_count(axes, terms, sizes, lengths) for axes, terms in parts)

    return at


@dataclass(frozen=True, slots=True)
class _Terms:
    """Of an expression: how many of its nodes stand in no reducer and no row, and what those
    have inside that do, by what they run over."""

    plain: int
    loops: tuple[tuple[tuple[t.Bound, ...], _Terms], ...]


def _terms(e: t.Expr) -> _Terms:
    inside = [_terms(child) for child in children(e)]
    whole = _Terms(
        1 + sum(terms.plain for terms in inside),
        tuple(loop for terms in inside for loop in terms.loops),
    )
    match e:
        case t.Reduce():
            return _Terms(0, ((tuple(e.bound), whole),))
        case t.Row():
            return _Terms(0, (((e.bound,), whole),))
        case _:
            return whole


def _count(
    bounds: Sequence[t.Bound], terms: _Terms, sizes: Mapping[str, int], lengths: dict[int, int]
) -> int:
    """So many terms, once for each combination of values; `lengths` are those met so far."""
    number = terms.plain + sum(_count(*loop, sizes, lengths) for loop in terms.loops)
    for bound in bounds:
        if id(bound) not in lengths:
            lengths[id(bound)] = _length(bound, sizes)
        number *= lengths[id(bound)]
    return number


def _length(bound: t.Bound, sizes: Mapping[str, int]) -> int:
    return int(evaluate(bound.range, sizes, {}))
