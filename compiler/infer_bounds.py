"""Infers the range of an integer tensor from its equations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from . import typed as t
from .ranges import Bounds, Given, Prover
from .show import show
from .substitute import is_plain, substitute
from .walk import nodes

MAX_CANDIDATES = 6
Ends = tuple[list[t.Expr], list[t.Expr]]
"""Candidates for a lower and an upper bound."""


def bounds_of(prover: Prover, equations: Sequence[t.Equation], name: str = "") -> Bounds:
    """Bounds that hold for every element that the equations define. For a sequence `name`
    they may rest on themselves at earlier steps: what is assumed of it is what is shown."""
    axes = tuple(a.name for a in equations[0].axes)
    low: list[t.Expr] = []
    high: list[t.Expr] = []
    for equation in equations:
        more = _candidates(prover, equation, name)
        low += more[0]
        high += more[1]
    if name:
        axes = tuple(f"#{i}" for i in range(len(equations[-1].axes)))
        low = [e for e in low if not _has_index(e)]
        high = [e for e in high if not _has_index(e)]
    low, high = _distinct(low), _distinct(high)
    while True:
        if name:
            prover.bounds[name] = Bounds(axes, tuple(low), tuple(high))
        good = [
            [c for c in low if all(_holds(prover, e, c, e.body) for e in equations)],
            [c for c in high if all(_holds(prover, e, e.body, c) for e in equations)],
        ]
        if not name or [low, high] == good:
            return Bounds(axes, tuple(good[0]), tuple(good[1]))
        low, high = good


def _holds(prover: Prover, e: t.Equation, low: t.Expr, high: t.Expr) -> bool:
    given = Given({}).binding(*e.axes)
    return prover.at_most(low, high, given)


def _has_index(e: t.Expr) -> bool:
    return any(isinstance(n, t.IndexRef) for n in nodes(e))


def _distinct(candidates: list[t.Expr]) -> list[t.Expr]:
    unique: dict[str, t.Expr] = {}
    for candidate in candidates:
        unique.setdefault(_key(candidate), candidate)
    return list(unique.values())[:MAX_CANDIDATES]


def _key(e: t.Expr) -> str:
    return show(e)


def _number(e: t.Expr, value: int) -> t.Expr:
    return t.Number(e.span, Fraction(value), "int")


def _less(e: t.Expr, by: int = 1) -> t.Expr:
    return t.Add(e.span, ((1, e), (-1, _number(e, by))), "int")


def _leaves(e: t.Expr) -> Iterator[t.Expr]:
    """The branches of an integer expression."""
    match e:
        case t.If():
            yield from _leaves(e.then)
            yield from _leaves(e.otherwise)
        case t.Function(name="min" | "max" | "stop" | "floor" | "ceil"):
            for argument in e.arguments:
                yield from _leaves(argument)
        case t.Apply():
            for argument in e.arguments:
                yield from _leaves(argument)
        case t.Reduce(operator="min" | "max"):
            yield from _leaves(e.body)
        case _:
            yield e


def _candidates(prover: Prover, equation: t.Equation, itself: str) -> Ends:
    low: list[t.Expr] = []
    high: list[t.Expr] = []
    ranges = {a.name: a.range for a in equation.axes}
    for node in nodes(equation.body):
        if isinstance(node, t.Reduce):
            ranges |= {b.name: b.range for b in node.bound}
    axes = {a.name for a in equation.axes}
    for leaf in _leaves(equation.body):
        if is_plain(leaf) and all(n.name in axes for n in nodes(leaf) if isinstance(n, t.IndexRef)):
            low.append(leaf)
            high.append(leaf)
        ends = _ends(_Facts(prover, ranges, itself), leaf)
        low += ends[0]
        high += ends[1]
    return low, high


@dataclass(frozen=True, slots=True)
class _Facts:
    prover: Prover
    ranges: dict[str, t.Expr]
    itself: str


def _ends(facts: _Facts, e: t.Expr) -> Ends:
    """Guesses, in sizes alone, at the least and the greatest value of an expression."""
    match e:
        case t.Number() | t.SizeRef():
            return [e], [e]
        case t.IndexRef():
            return [_number(e, 0)], [_less(facts.ranges[e.name])] if e.name in facts.ranges else []
        case t.Iverson():
            return [_number(e, 0)], [_number(e, 1)]
        case t.Element() if e.tensor == facts.itself:
            return [], []
        case t.Element() if e.tensor in facts.prover.bounds:
            known = facts.prover.bounds[e.tensor]
            at = dict(zip(known.axes, e.subscripts, strict=True))
            sides = [
                [substitute(b, at) for b in side if is_plain(b)] for side in (known.low, known.high)
            ]
            plain = [[b for b in side if is_plain(b) and not _has_index(b)] for side in sides]
            return plain[0], plain[1]
        case t.Reduce(operator="argmax" | "argmin"):
            return [_number(e, 0)], [_less(e.bound[0].range)]
        case t.Reduce(operator="count"):
            factors = tuple(("*", b.range) for b in e.bound)
            most = e.bound[0].range if len(factors) == 1 else t.Mul(e.span, factors, "int")  # type: ignore[arg-type]
            return [_number(e, 0)], [most]
        case t.Row():
            return [_number(e, 0)], [_less(e.bound.range) if e.where is None else e.bound.range]
        case t.Add():
            low: t.Expr | None = None
            high: t.Expr | None = None
            lows: list[tuple[int, t.Expr]] = []
            highs: list[tuple[int, t.Expr]] = []
            for sign, term in e.terms:
                below, above = _ends(facts, term)
                if not below or not above:
                    return [_number(e, 0)], []
                lows.append((sign, (below if sign > 0 else above)[0]))
                highs.append((sign, (above if sign > 0 else below)[0]))
            low, high = (t.Add(e.span, tuple(x), "int") for x in (lows, highs))
            return [_number(e, 0), low], [high]
        case t.Mul():
            parts = [_ends(facts, factor) for _, factor in e.factors]
            if not all(above for _, above in parts):
                return [_number(e, 0)], []
            product = tuple(("*", above[0]) for _, above in parts)
            return [_number(e, 0)], [t.Mul(e.span, product, "int")]  # type: ignore[arg-type]
        case t.IntDiv(operator="%"):
            return [_number(e, 0)], [_less(e.right)] if is_plain(e.right) else []
        case t.IntDiv():
            below, above = _ends(facts, e.left)
            if not is_plain(e.right):
                return [_number(e, 0)], []
            return [_number(e, 0)], [t.IntDiv(e.span, "//", x, e.right) for x in above]
        case _:
            return [_number(e, 0)], []
