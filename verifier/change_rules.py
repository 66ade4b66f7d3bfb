"""The ways in which code is unlike its equation by a single term, the commonest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import combinations
from typing import Literal, TypeVar

from ..compiler import typed as t
from ..compiler.check import check
from ..compiler.diagnostics import Log
from ..compiler.library import prelude_world
from ..compiler.parse import parse
from ..compiler.show import show, show_dims
from ..compiler.source import Source, Span
from ..compiler.walk import rebuild
from .changes import Rule, Spot, equations
from .settings import NoSetting, default_of

Part = TypeVar("Part")


def dropped(spot: Spot) -> Iterator[t.Expr]:
    """A term, a factor, a filter, a condition or a function is left out."""
    e = spot.node
    match e:
        case t.Add(terms=((-1, only),)):
            yield only
        case t.Add():
            yield from (_sum(e, _without(e.terms, i)) for i in range(len(e.terms)))
            if len(e.terms) == 2 and e.terms[1][0] < 0:
                yield e.terms[1][1]
        case t.Mul() if len(e.factors) > 1:
            yield from (_product(e, _without(e.factors, i)) for i in range(len(e.factors)))
        case t.Reduce() | t.Row() if e.where is not None:
            yield replace(e, where=None)
        case t.And() | t.Or():
            for i in range(len(e.operands)):
                kept = _without(e.operands, i)
                yield kept[0] if len(kept) == 1 else replace(e, operands=kept)
        case t.Function(name="min" | "max"):
            yield from (argument for argument in e.arguments if _fits(argument, e))
        case t.Function() | t.Apply() if e.name != "stop":
            yield from (argument for argument in e.arguments[:1] if _fits(argument, e))
        case t.Power():
            yield e.base
        case t.Rounded():
            yield e.argument
        case t.Not():
            yield e.operand
        case t.If():
            yield from (branch for branch in (e.then, e.otherwise) if _fits(branch, e))
        case t.Iverson():
            yield _whole(e.span, 1)
        case t.IntDiv():
            yield e.left


def compared(spot: Spot) -> Iterator[t.Expr]:
    """A comparison is strict for not strict, turned round, or off by one."""
    e = spot.node
    if isinstance(e, t.Compare):
        order: Sequence[Literal["<", "<=", ">", ">=", "==", "!="]]
        order = {
            "<": ("<=", ">", ">="),
            "<=": ("<", ">=", ">"),
            ">": (">=", "<", "<="),
            ">=": (">", "<=", "<"),
            "==": ("!=",),
            "!=": ("==",),
        }[e.operator]  # type: ignore[assignment]
        yield from (replace(e, operator=operator) for operator in order)
        if e.left.type == e.right.type == "int":
            yield from (replace(e, right=_plus(e.right, sign)) for sign in (1, -1))


def flipped(spot: Spot) -> Iterator[t.Expr]:
    """A sign, a quotient, a choice or a condition is the other way round."""
    e = spot.node
    match e:
        case t.Add() if len(e.terms) > 1:
            for i, (sign, term) in enumerate(e.terms):
                yield replace(e, terms=(*e.terms[:i], (-sign, term), *e.terms[i + 1 :]))
            yield replace(e, terms=tuple((-sign, term) for sign, term in e.terms))
        case t.Mul() if e.type == "real":
            for i, (op, factor) in enumerate(e.factors):
                turned: Literal["*", "/"] = "/" if op == "*" else "*"
                changed = (*e.factors[:i], (turned, factor), *e.factors[i + 1 :])
                yield _product(e, changed)
        case t.Function(name="min" | "max"):
            yield replace(e, name="max" if e.name == "min" else "min")
        case t.Reduce() if e.operator in _OPPOSITE:
            yield replace(e, operator=_OPPOSITE[e.operator])
        case t.If():
            yield replace(e, then=e.otherwise, otherwise=e.then)
        case t.And():
            yield t.Or(e.span, e.operands)
        case t.Or():
            yield t.And(e.span, e.operands)
        case t.Element(type="bool"):
            yield t.Not(e.span, e)


_OPPOSITE: dict[str, t.Reducer] = {
    "max": "min",
    "min": "max",
    "argmax": "argmin",
    "argmin": "argmax",
    "any": "all",
    "all": "any",
}


def averaged(spot: Spot) -> Iterator[t.Expr]:
    """A mean for a sum, a sum for a mean, a mean over what a filter leaves out too."""
    e = spot.node
    match e:
        case t.Reduce(operator="mean"):
            total = replace(e, operator="sum")
            yield total
            if e.where is not None:
                lengths = tuple(("/", bound.range) for bound in e.bound)
                yield t.Mul(e.span, (("*", total), *lengths), "real")  # type: ignore[arg-type]
        case t.Reduce(operator="sum"):
            yield replace(e, operator="mean", type="real")
        case t.Reduce(operator="logsumexp"):
            yield replace(e, operator="max")
        case t.Row(operator="softmax" | "log_softmax"):
            yield replace(e, operator="softmax" if e.operator != "softmax" else "log_softmax")


def shifted(spot: Spot) -> Iterator[t.Expr]:
    """An index or a size is off by one; a subscript that leaves its axis comes in again."""
    e, around = spot.node, spot.around
    if isinstance(around, t.Element) and isinstance(e, t.IndexRef):
        place = next(i for i, subscript in enumerate(around.subscripts) if subscript is e)
        length = spot.module.tensor(around.tensor).dims[place]
        yield from (t.IntDiv(e.span, "%", _plus(e, sign), length) for sign in (-1, 1))
    elif isinstance(e, t.IndexRef | t.SizeRef):
        yield from (_plus(e, sign) for sign in (1, -1))


def exchanged(spot: Spot) -> Iterator[t.Expr]:
    """One index, axis, tensor, size or const stands for another."""
    e, module = spot.node, spot.module
    match e:
        case t.Element():
            yield from _other_subscripts(spot, e)
            dims = show_dims(module.tensor(e.tensor).dims)
            for name in spot.earlier:
                other = module.tensor(name)
                if name != e.tensor and other.type == e.type and show_dims(other.dims) == dims:
                    yield replace(e, tensor=name)
        case t.Row() if e.bound.name == e.at.name:
            for axis in spot.bound:
                if axis.name != e.at.name:
                    yield replace(e, at=t.IndexRef(e.span, axis.name), bound=axis)
        case t.SizeRef():
            yield from (replace(e, name=name) for name in module.sizes if name != e.name)
        case t.ConstRef():
            yield from (replace(e, name=name) for name in module.consts if name != e.name)
        case t.Function() | t.Apply() if len(e.arguments) == 2 and e.name not in ("min", "max"):
            yield replace(e, arguments=e.arguments[::-1])
        case t.Mul(factors=((_, first), ("/", second))):
            yield replace(e, factors=(("*", second), ("/", first)))


def _other_subscripts(spot: Spot, e: t.Element) -> Iterator[t.Expr]:
    """Another index in scope for one of an element, or two of them exchanged."""
    dims = spot.module.tensor(e.tensor).dims
    for i, subscript in enumerate(e.subscripts):
        for bound in spot.bound:
            known = isinstance(subscript, t.IndexRef) and subscript.name == bound.name
            if not known and show(bound.range) == show(dims[i]):
                index = t.IndexRef(subscript.span, bound.name)
                yield replace(e, subscripts=(*e.subscripts[:i], index, *e.subscripts[i + 1 :]))
    for i, j in combinations(range(len(e.subscripts)), 2):
        if show(dims[i]) == show(dims[j]):
            order = list(e.subscripts)
            order[i], order[j] = order[j], order[i]
            yield replace(e, subscripts=tuple(order))


def other_constants(spot: Spot) -> Iterator[t.Expr]:
    """A number has another usual value; a const is left at one."""
    e = spot.node
    if isinstance(e, t.Number):
        tried = [Fraction(0), Fraction(1), Fraction(2), Fraction(1, 2)]
        tried += [e.value * x for x in (2, Fraction(1, 2), 10, Fraction(1, 10), -1)]
        for value in dict.fromkeys(tried):
            if value != e.value and (e.type == "real" or value.denominator == 1):
                yield replace(e, value=value)
    elif isinstance(e, t.ConstRef):
        usual = [Fraction(1), Fraction(0), Fraction(1, 2)]
        yield from (t.Number(e.span, x, "real") for x in _defaults(spot.module, e.name) + usual)


def repeated(spot: Spot) -> Iterator[t.Expr]:
    """A factor is there twice, or under a root, or counted from 1; a power is the next."""
    e = spot.node
    match e:
        case t.Mul() if e.type == "real":
            for op, factor in e.factors:
                yield replace(e, factors=(*e.factors, (op, factor)))
            for i, (op, factor) in enumerate(e.factors):
                if isinstance(factor, t.SizeRef | t.ConstRef | t.Element):
                    root = t.Function(factor.span, "sqrt", (factor,), "real")
                    yield replace(e, factors=(*e.factors[:i], (op, root), *e.factors[i + 1 :]))
        case t.Power(exponent=t.Number() as exponent):
            one = replace(exponent, value=exponent.value + 1)
            yield replace(e, exponent=one)
        case t.Element() if e.tensor in spot.module.params and isinstance(spot.around, t.Mul):
            yield t.Add(e.span, ((1, _whole(e.span, 1)), (1, e)), "real")
        case t.Reduce(type="real") | t.Add(type="real"):
            if spot.around is None or isinstance(spot.around, t.Mul):
                yield t.Function(e.span, "sqrt", (e,), "real")


def other_functions(spot: Spot) -> Iterator[t.Expr]:
    """A function is one of its neighbours; a term stands outside of it."""
    e = spot.node
    if isinstance(e, t.Function | t.Apply) and len(e.arguments) == 1 and e.type == "real":
        name = e.name
        for other in _NEIGHBOURS.get(name, ()):
            yield t.Function(e.span, other, e.arguments, "real")
        if name in ACTIVATIONS:
            for found in _activations():
                if found.name != name:
                    yield replace(found, span=e.span, arguments=e.arguments)
        (argument,) = e.arguments
        if isinstance(argument, t.Add) and len(argument.terms) > 1:
            for i, (sign, term) in enumerate(argument.terms):
                inner = _sum(argument, _without(argument.terms, i))
                outer = (1, replace(e, arguments=(inner,))), (sign, term)
                yield t.Add(e.span, outer, "real")


_NEIGHBOURS = {
    "exp": ("expm1",),
    "expm1": ("exp",),
    "log": ("log1p",),
    "log1p": ("log",),
    "sin": ("cos",),
    "cos": ("sin",),
    "erf": ("tanh",),
}
ACTIVATIONS = ("relu", "silu", "gelu", "gelu_tanh", "tanh", "sigmoid", "log_sigmoid", "softplus")


@cache
def _activations() -> tuple[t.Function | t.Apply, ...]:
    """The usual functions of one number, each applied to some number."""
    lines = "".join(f"output {name}_ = {name}(x)\n" for name in ACTIVATIONS)
    source = Source("activations.eq", f"module Activations\ninput x\n{lines}")
    log = Log()
    checked = check(parse(source, log), "activations", prelude_world(), log).modules["Activations"]
    log.raise_errors()
    assert checked is not None
    bodies = [p.body for d in checked.module.definitions.values() for p in equations(d)]
    return tuple(body for body in bodies if isinstance(body, t.Function | t.Apply))


def centred(spot: Spot) -> Iterator[t.Expr]:
    """The mean is taken off before a square is averaged: a variance for a mean square."""
    e = spot.node
    match e:
        case t.Reduce(operator="mean" | "sum", where=None, body=t.Power(base=base) as power):
            names = {bound.name: f"{bound.name}_mean" for bound in e.bound}
            bound = tuple(replace(b, name=names[b.name]) for b in e.bound)
            mean = t.Reduce(e.span, "mean", bound, None, _renamed(base, names), "real")
            less = t.Add(e.span, ((1, base), (-1, mean)), "real")
            yield replace(e, body=t.Power(power.span, less, power.exponent))


def _renamed(e: t.Expr, names: dict[str, str]) -> t.Expr:
    """An expression over other indices."""
    if isinstance(e, t.IndexRef):
        return replace(e, name=names.get(e.name, e.name))
    return rebuild(e, lambda child: _renamed(child, names))


def stopped(spot: Spot) -> Iterator[t.Expr]:
    """A gradient is cut, or not: the values are the same."""
    e, around = spot.node, spot.around
    if isinstance(e, t.Function) and e.name == "stop":
        yield e.arguments[0]
    elif e.type == "real" and not (isinstance(around, t.Function) and around.name == "stop"):
        leaf = isinstance(e, t.Number | t.Constant | t.ConstRef | t.ArgumentRef)
        if not leaf:
            yield t.Function(e.span, "stop", (e,), "real")


RULES: tuple[Rule, ...] = (
    dropped,
    compared,
    flipped,
    averaged,
    shifted,
    exchanged,
    other_constants,
    repeated,
    other_functions,
    centred,
)
"""Changes of values."""
GRADIENT_RULES: tuple[Rule, ...] = (stopped,)
"""Changes of derivatives alone."""


def _without(parts: tuple[Part, ...], i: int) -> tuple[Part, ...]:
    return parts[:i] + parts[i + 1 :]


def _sum(e: t.Add, terms: tuple[tuple[int, t.Expr], ...]) -> t.Expr:
    """What is left of a sum."""
    return terms[0][1] if len(terms) == 1 and terms[0][0] > 0 else replace(e, terms=terms)


def _product(e: t.Mul, factors: tuple[tuple[Literal["*", "/"], t.Expr], ...]) -> t.Expr:
    """What is left of a product; its first factor carries `*`."""
    if factors[0][0] == "/":
        factors = (("*", _whole(e.span, 1)), *factors)
    return factors[0][1] if len(factors) == 1 else replace(e, factors=factors)


def _plus(e: t.Expr, sign: int) -> t.Expr:
    return t.Add(e.span, ((1, e), (sign, _whole(e.span, 1))), "int")


def _whole(span: Span, value: int) -> t.Number:
    return t.Number(span, Fraction(value), "int")


def _fits(part: t.Expr, e: t.Expr) -> bool:
    """Whether a part may stand for an expression: an integer may for a real."""
    return part.type == e.type or (part.type, e.type) == ("int", "real")


def _defaults(module: t.Module, const: str) -> list[Fraction]:
    """The default of a const, where it has one that is finite."""
    try:
        value = default_of(module.consts[const])
    except NoSetting:
        return []
    return [value] if isinstance(value, Fraction) else []
