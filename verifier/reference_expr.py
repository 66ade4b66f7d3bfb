"""The meaning of typed expressions over wide numbers: one rule per node."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeGuard, assert_never

import numpy as np

from ..compiler import typed
from .reference_gather import align, gather, read_row
from .reference_noise import Arithmetic, exact_arithmetic
from .reference_ops import (
    STEPPED,
    absolute,
    add,
    as_integers,
    both,
    compare,
    compare_discrete,
    divide,
    multiply,
    negated,
    power,
    rounded,
    smooth,
    stepped,
)
from .reference_parts import Parts, take
from .reference_reduce import (
    arg_largest,
    extremum,
    rank,
    reduce_discrete,
    reduce_real,
    row_real,
)
from .reference_tape import (
    Discrete,
    Real,
    Value,
    either,
    marks,
    move,
    select,
    spread_out,
    within,
)
from .wide import Wide


class Unsupported(NotImplementedError):
    """A node that the reference does not evaluate."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What names stand for. `axes` gives each index in scope its axis, of length `lengths`;
    neither counts the sample axis. `held` gives the others a value. `arguments` are those of
    the `def` being applied."""

    arithmetic: Arithmetic
    sizes: Mapping[str, int]
    consts: Mapping[str, Wide]
    tensors: Mapping[str, Value | Parts]
    axes: Mapping[str, int]
    lengths: tuple[int, ...]
    arguments: Mapping[str, Value]
    held: Mapping[str, int] = field(default_factory=dict)

    def bind(self, bound: tuple[typed.Bound, ...]) -> Scope:
        """The scope inside an operator that binds indices: its axes come last."""
        new = {b.name: len(self.lengths) + i for i, b in enumerate(bound)}
        lengths = tuple(extent(b.range, self.sizes) for b in bound)
        return replace(self, axes={**self.axes, **new}, lengths=self.lengths + lengths)

    def constant(self, x: Wide) -> Real:
        """A scalar, or one for each sample, rounded to the format."""
        shape = (-1, *(1,) * len(self.lengths))
        return Real(self.arithmetic.round(x.shaped(lambda a: a.reshape(shape)), "constant"))


def extent(size: typed.Expr, sizes: Mapping[str, int]) -> int:
    """The value of an expression in sizes alone."""
    scope = Scope(exact_arithmetic(), sizes, {}, {}, {}, (), {})
    return int(discrete(size, scope).value.item())


def real(e: typed.Expr, s: Scope) -> Real:
    return as_real(value(e, s))


def as_real(x: Value) -> Real:
    if isinstance(x, Discrete):
        return Real(Wide.of(x.value.astype(np.float64)), x.jump)
    return x


def discrete(e: typed.Expr, s: Scope) -> Discrete:
    x = value(e, s)
    assert isinstance(x, Discrete), "the checker gives integers and booleans where they are due"
    return x


def value(e: typed.Expr, s: Scope) -> Value:
    """The expression at every value of the indices in scope."""
    match e:
        case typed.Number():
            if e.type == "int":
                return _scalar(int(e.value), s)
            return s.constant(Wide.rational(e.value))
        case typed.Truth():
            return _scalar(e.value, s)
        case typed.Constant():
            return s.constant(Wide.of(np.pi if e.name == "pi" else np.inf))
        case typed.IndexRef():
            if e.name not in s.axes:
                return _scalar(s.held[e.name], s)
            axis = s.axes[e.name]
            shape = [1] * (1 + len(s.lengths))
            shape[1 + axis] = s.lengths[axis]
            return Discrete(np.arange(s.lengths[axis], dtype=np.int64).reshape(shape))
        case typed.SizeRef():
            return _scalar(s.sizes[e.name], s)
        case typed.ConstRef():
            return s.constant(s.consts[e.name])
        case typed.ArgumentRef():
            return _deepened(s.arguments[e.name], 1 + len(s.lengths))
        case typed.Element():
            return _element(e, s)
        case typed.Add():
            if e.type == "real":
                return add(s.arithmetic, [(sign, real(term, s)) for sign, term in e.terms])
            return _integer_sum(e, s)
        case typed.Mul():
            return _product(e, s)
        case typed.IntDiv():
            return _integer_division(e, s)
        case typed.Power():
            return power(s.arithmetic, real(e.base, s), real(e.exponent, s))
        case typed.Compare():
            left, right = value(e.left, s), value(e.right, s)
            if isinstance(left, Discrete) and isinstance(right, Discrete):
                return compare_discrete(e.operator, left, right)
            return compare(s.arithmetic, e.operator, as_real(left), as_real(right))
        case typed.And():
            return functools.reduce(both, (discrete(operand, s) for operand in e.operands))
        case typed.Or():
            fails = (negated(discrete(operand, s)) for operand in e.operands)
            return negated(functools.reduce(both, fails))
        case typed.Not():
            return negated(discrete(e.operand, s))
        case typed.Iverson():
            condition = discrete(e.condition, s)
            return Discrete(condition.value.astype(np.int64), condition.jump)
        case typed.If():
            return _if(e, s)
        case typed.Function():
            return _function(e, s)
        case typed.Apply(name="sigmoid", prelude=True, arguments=(argument,)):
            return smooth(s.arithmetic, "sigmoid", real(argument, s))
        case typed.Apply():
            arguments = [value(argument, s) for argument in e.arguments]
            bound = dict(zip(e.parameters, arguments, strict=True))
            return value(e.body, replace(s, arguments=bound))
        case typed.Rounded():
            return rounded(s.arithmetic, e.format, real(e.argument, s))
        case typed.Reduce():
            return _reduce(e, s)
        case typed.Row():
            return _row(e, s)
        case typed.Derivative():
            raise Unsupported("the reference does not differentiate symbolically: laws only")
        case _:
            assert_never(e)


def _scalar(x: int, s: Scope) -> Discrete:
    """An integer or boolean, with an axis of length 1 for each index."""
    return Discrete(np.full((1,) * (1 + len(s.lengths)), x))


def _deepened(x: Value, ndim: int) -> Value:
    """A value of an outer scope inside operators that bind more indices."""
    missing = ndim - x.value.m.ndim if isinstance(x, Real) else ndim - x.value.ndim
    if missing == 0:
        return x
    return move(
        x,
        lambda a: a.reshape(a.shape + (1,) * missing),
        lambda a: a.reshape(a.shape[:-missing]),
    )


def _element(e: typed.Element, s: Scope) -> Value:
    tensor = s.tensors[e.tensor]
    dims = tensor.dims if isinstance(tensor, Parts) else tensor.value.shape[1:]
    subscripts = [sub if _is_axis(sub, s) else discrete(sub, s) for sub in e.subscripts]
    at = tuple(_number(sub, n) for sub, n in zip(subscripts, dims, strict=True))
    others = [sub for sub, number in zip(subscripts, at, strict=True) if number is None]
    if isinstance(tensor, Parts):
        tensor, at = tensor.find(at)
    if any(number is not None for number in at):
        tensor = take(tensor, at)
    axes = [s.axes[sub.name] for sub in others if isinstance(sub, typed.IndexRef)]
    plain = len(axes) == len(set(axes)) == len(others)
    if plain and tensor.value.shape[1:] == tuple(s.lengths[axis] for axis in axes):
        return align(tensor, axes, len(s.lengths))
    places = [sub if isinstance(sub, Discrete) else discrete(sub, s) for sub in others]
    return gather(s.arithmetic, tensor, places)


def _is_axis(subscript: typed.Expr, s: Scope) -> TypeGuard[typed.IndexRef]:
    return isinstance(subscript, typed.IndexRef) and subscript.name in s.axes


def _number(subscript: typed.IndexRef | Discrete, length: int) -> int | None:
    """The value of a subscript that has only one and is sure of it. One out of range is not
    looked at."""
    if isinstance(subscript, Discrete) and subscript.value.size == 1 and subscript.jump is None:
        return min(max(int(subscript.value.item()), 0), length - 1)
    return None


def _product(e: typed.Mul, s: Scope) -> Value:
    """From the left; the first factor carries `*`."""
    if e.type != "real":
        factors = [discrete(factor, s) for _, factor in e.factors]
        numbers = functools.reduce(np.multiply, (factor.value for factor in factors))
        return Discrete(numbers, either(*(factor.jump for factor in factors)))
    result = real(e.factors[0][1], s)
    for operator, factor in e.factors[1:]:
        operation = multiply if operator == "*" else divide
        result = operation(s.arithmetic, result, real(factor, s))
    return result


def _integer_sum(e: typed.Add, s: Scope) -> Discrete:
    terms = [(sign, discrete(term, s)) for sign, term in e.terms]
    numbers = functools.reduce(np.add, (sign * term.value for sign, term in terms))
    return Discrete(numbers, either(*(term.jump for _, term in terms)))


def _integer_division(e: typed.IntDiv, s: Scope) -> Discrete:
    left, right = discrete(e.left, s), discrete(e.right, s)
    operation = np.floor_divide if e.operator == "//" else np.remainder
    undefined = s.arithmetic.differs(right.value == 0)
    jump = either(left.jump, right.jump, marks(undefined))
    return Discrete(operation(left.value, right.value), jump)


def _if(e: typed.If, s: Scope) -> Value:
    condition = discrete(e.condition, s)
    if e.type == "real":
        return select(s.arithmetic, condition, real(e.then, s), real(e.otherwise, s))
    then, otherwise = discrete(e.then, s), discrete(e.otherwise, s)
    holds = condition.value.astype(np.bool_)
    jumps = within(then.jump, holds[:1]), within(otherwise.jump, ~holds[:1])
    return Discrete(np.where(holds, then.value, otherwise.value), either(condition.jump, *jumps))


def _function(e: typed.Function, s: Scope) -> Value:
    if e.type == "int" and all(argument.type == "int" for argument in e.arguments):
        return _integer_function(e.name, [discrete(argument, s) for argument in e.arguments])
    arguments = [real(argument, s) for argument in e.arguments]
    match e.name:
        case "min" | "max":
            return extremum(s.arithmetic, e.name, arguments)
        case "abs":
            return absolute(s.arithmetic, arguments[0])
        case "stop":
            return Real(arguments[0].value, arguments[0].jump)
        case "sign" | "floor" | "ceil":
            steps = stepped(s.arithmetic, STEPPED[e.name], arguments[0])
            return as_integers(s.arithmetic, steps) if e.type == "int" else steps
        case _:
            return smooth(s.arithmetic, e.name, arguments[0])


def _integer_function(name: str, arguments: list[Discrete]) -> Discrete:
    numbers = [argument.value for argument in arguments]
    jump = either(*(argument.jump for argument in arguments))
    match name:
        case "min":
            return Discrete(functools.reduce(np.minimum, numbers), jump)
        case "max":
            return Discrete(functools.reduce(np.maximum, numbers), jump)
        case "abs":
            return Discrete(np.abs(numbers[0]), jump)
        case "sign":
            return Discrete(np.sign(numbers[0]), jump)
        case "floor" | "ceil" | "stop":
            return Discrete(numbers[0], jump)
        case _:
            raise Unsupported(f"{name} of integers is no integer")


def _reduce(e: typed.Reduce, s: Scope) -> Value:
    inner = s.bind(e.bound)
    lengths = inner.lengths[len(s.lengths) :]
    body, mask = _flat(value(e.body, inner), lengths), _mask(e.where, inner, lengths)
    match e.operator:
        case "argmax":
            return arg_largest(s.arithmetic, as_real(body), mask)
        case "argmin":
            return arg_largest(s.arithmetic, add(s.arithmetic, [(-1, as_real(body))]), mask)
        case "mean" | "logsumexp":
            return reduce_real(s.arithmetic, e.operator, as_real(body), mask)
        case "sum" | "prod" | "max" | "min":
            if isinstance(body, Real):
                return reduce_real(s.arithmetic, e.operator, body, mask)
            return reduce_discrete(s.arithmetic, e.operator, body, mask)
        case "count" | "any" | "all":
            assert isinstance(body, Discrete)
            return reduce_discrete(s.arithmetic, e.operator, body, mask)
        case _:
            assert_never(e.operator)


def _row(e: typed.Row, s: Scope) -> Value:
    inner = s.bind((e.bound,))
    lengths = inner.lengths[-1:]
    body = _flat(as_real(value(e.body, inner)), lengths)
    assert isinstance(body, Real)
    mask = _mask(e.where, inner, lengths)
    if e.operator == "rank":
        row: Value = rank(s.arithmetic, body, mask)
    else:
        row = row_real(s.arithmetic, e.operator, body, mask)
    if e.at.name in s.axes:
        return read_row(row, s.axes[e.at.name])
    return take(row, (None,) * len(s.lengths) + (s.held[e.at.name],))


def _mask(where: typed.Expr | None, inner: Scope, lengths: tuple[int, ...]) -> Discrete:
    """Which values of the bound indices are admissible, along one last axis."""
    condition = discrete(where, inner) if where is not None else _scalar(True, inner)
    mask = _flat(condition, lengths)
    assert isinstance(mask, Discrete)
    return mask


def _flat(x: Value, lengths: tuple[int, ...]) -> Value:
    """The last axes, at their full lengths, as one axis."""
    outer = x.value.shape[1 : -len(lengths)]
    full = spread_out(x, outer + lengths) if x.value.shape[1:] != outer + lengths else x
    if len(lengths) == 1:
        return full
    return move(
        full,
        lambda a: a.reshape(*a.shape[: -len(lengths)], -1),
        lambda a: a.reshape(a.shape[:-1] + lengths),
    )
