"""Structures of elements as sympy expressions, their partial derivatives, and programs that
evaluate both in extended arithmetic.

    Node -> sympy expression -> Program

A Node is what one element of an equation computes once its indices, sizes, consts and
conditions are settled: the number of a leaf, or a tuple of an operation and its operands.
In a structure the leaves are numbered 0, 1, … in the order of their first occurrence, so
that many elements share one.

There are two readings of a structure. The *literal* one fixes its value: sums and products
are built with `evaluate=False`, a division is a Quotient, so that `x / x`, `x - x` and
`0 * x` keep their undefined and infinite cases. The *simplified* one fixes its derivatives:
sympy is free to cancel, since they are those of the denoted function (`x * log(x)` has the
derivative `log(x) + 1`, also at 0).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from math import inf
from typing import Any

from flint import arb, fmpq
from sympy import Add, Expr, Integer, Mul, Pow, Rational, S, Symbol

from . import extended
from .extended import ONE, UNDEFINED, Extended
from .functions import ARITHMETIC, FUNCTIONS, Power, Quotient

Node = int | tuple[Any, ...]
"""`("number", p, q)`, `("inf",)`, `("pi",)`, `("add", …)`, `("mul", …)`, `("div", a, b)`, or the
name of a function in FUNCTIONS with its arguments."""

INFINITY = Symbol("infinity")


def number(p: int, q: int = 1) -> Node:
    return ("number", p, q)


def build(node: Node, literal: bool) -> Expr:
    """Node -> sympy expression over the symbols x0, x1, …"""
    if isinstance(node, int):
        return Symbol(f"x{node}")
    operation, *operands = node
    match operation:
        case "number":
            return Rational(*operands)
        case "inf":
            return INFINITY
        case "pi":
            return S.Pi
    arguments = [build(operand, literal) for operand in operands]
    match operation:
        case "add":
            return Add(*arguments, evaluate=not literal)
        case "mul":
            return Mul(*arguments, evaluate=not literal)
        case "div" if literal:
            return Quotient(*arguments)
        case "div":
            return Mul(arguments[0], Pow(arguments[1], -1))
    return FUNCTIONS[operation][0](*arguments)


def differentiate(expression: Expr, symbols: Sequence[Symbol]) -> list[Expr]:
    """The partial derivatives, chained from the outside in: each subexpression hands what has
    reached it to its arguments."""
    reached: dict[Expr, list[Expr]] = {expression: [S.One]}
    for inner in reversed(_subexpressions(expression)):
        if inner not in reached or inner.is_Symbol:
            continue
        outer = Add(*reached[inner])
        for i, argument in enumerate(inner.args):
            partial = _partial(inner, i) if argument.free_symbols else S.Zero
            if partial != 0:
                reached.setdefault(argument, []).append(outer * partial)
    return [Add(*reached.get(symbol, [])) for symbol in symbols]


def _subexpressions(expression: Expr) -> list[Expr]:
    """All that depend on a symbol, each once and after its arguments."""
    found: dict[Expr, None] = {}

    def visit(e: Expr) -> None:
        if e not in found and e.free_symbols:
            for argument in e.args:
                visit(argument)
            found[e] = None

    visit(expression)
    return list(found)


def _partial(expression: Expr, i: int) -> Expr:
    """The derivative of an operation by its argument number i."""
    if isinstance(expression, Add):
        return S.One
    if isinstance(expression, Mul):
        return Mul(*expression.args[:i], *expression.args[i + 1 :])
    if isinstance(expression, Pow):
        return expression.exp * Pow(expression.base, expression.exp - 1)
    return expression.fdiff(i + 1)


Registers = list[Extended]
Step = Callable[[Registers], Extended]


class Program:
    """Expressions as straight-line code: each step reads registers and fills the next one.
    The first registers hold the leaves; equal subexpressions are computed once."""

    def __init__(self, expressions: Sequence[Expr], arity: int) -> None:
        self.steps: list[Step] = []
        self._registers: dict[Expr, int] = {Symbol(f"x{i}"): i for i in range(arity)}
        self._arity = arity
        self.outputs = [self._register(expression) for expression in expressions]

    def run(self, leaves: Registers) -> Registers:
        registers = leaves.copy()
        append = registers.append
        for step in self.steps:
            append(step(registers))
        return registers

    def _register(self, expression: Expr) -> int:
        """The register that will hold the value of an expression."""
        if expression not in self._registers:
            step = self._step(expression)
            self.steps.append(step)
            self._registers[expression] = self._arity + len(self.steps) - 1
        return self._registers[expression]

    def _step(self, expression: Expr) -> Step:
        if isinstance(expression, Rational):
            return _constant(expression)
        if expression == INFINITY:
            return lambda _: inf
        if expression is S.Pi:
            return lambda _: arb.pi()
        if expression is S.NaN or expression is S.ComplexInfinity:
            return lambda _: UNDEFINED
        if isinstance(expression, Pow) and expression.exp == -1:
            divisor = self._register(expression.base)
            return lambda r: extended.divide(ONE, r[divisor])
        if isinstance(expression, Pow | Power):
            base, exponent = expression.args
            if isinstance(exponent, Integer) and exponent > 0:
                return _integer_power(self._register(base), int(exponent))
        arguments = [self._register(argument) for argument in expression.args]
        if isinstance(expression, Add):
            return _sum(arguments)
        if isinstance(expression, Mul):
            return _product(arguments)
        if isinstance(expression, Pow):
            return _apply(extended.power, arguments)
        return _apply(ARITHMETIC[expression.func], arguments)


def _constant(value: Rational) -> Step:
    if isinstance(value, Integer):
        exact = arb(int(value))
        return lambda _: exact
    ratio = fmpq(int(value.p), int(value.q))
    return lambda _: arb(ratio)


def _sum(arguments: list[int]) -> Step:
    first, *rest = arguments

    def step(r: Registers) -> Extended:
        result = r[first]
        for i in rest:
            term = r[i]
            if type(result) is arb and type(term) is arb:
                result = result + term
            else:
                result = extended.add(result, term)
        return result

    return step


def _product(arguments: list[int]) -> Step:
    first, *rest = arguments

    def step(r: Registers) -> Extended:
        result = r[first]
        for i in rest:
            factor = r[i]
            if type(result) is arb and type(factor) is arb:
                result = result * factor
            else:
                result = extended.multiply(result, factor)
        return result

    return step


def _integer_power(base: int, exponent: int) -> Step:
    n = arb(exponent)

    def step(r: Registers) -> Extended:
        x = r[base]
        if type(x) is arb:
            y = x**n
            if y.is_finite():
                return y
        return extended.power(x, n)

    return step


def _apply(function: Callable[..., Extended], arguments: list[int]) -> Step:
    if len(arguments) == 1:
        (only,) = arguments
        return lambda r: function(r[only])
    return lambda r: function(*[r[i] for i in arguments])


class Structure:
    """A Node over the leaves 0 … arity-1, ready to be evaluated and differentiated."""

    def __init__(self, node: Node, arity: int) -> None:
        self._node = node
        self._arity = arity
        self._program = Program([build(node, literal=True)], arity)
        self._output = self._program.outputs[0]

    def value(self, leaves: Registers) -> Extended:
        return self._program.run(leaves)[self._output]

    def partials(self, leaves: Registers) -> list[tuple[int, Extended]]:
        """The derivative by each leaf, without those that are identically zero."""
        places, program = self._derivatives
        registers = program.run(leaves)
        return [(i, registers[j]) for i, j in zip(places, program.outputs, strict=True)]

    @cached_property
    def _derivatives(self) -> tuple[list[int], Program]:
        symbols = [Symbol(f"x{i}") for i in range(self._arity)]
        all_partials = differentiate(build(self._node, literal=False), symbols)
        places = [i for i, partial in enumerate(all_partials) if partial != 0]
        return places, Program([all_partials[i] for i in places], self._arity)


class Structures:
    """All structures met so far; one for many elements, values and sizes."""

    def __init__(self) -> None:
        self._known: dict[Node, Structure] = {}

    def of(self, node: Node) -> tuple[Structure, list[int]]:
        """The structure of a node over leaves of the store, and its leaves in order."""
        slots: dict[int, int] = {}
        key = _canonical(node, slots)
        structure = self._known.get(key)
        if structure is None:
            structure = self._known[key] = Structure(key, len(slots))
        return structure, list(slots)


def _canonical(node: Node, slots: dict[int, int]) -> Node:
    if isinstance(node, int):
        return slots.setdefault(node, len(slots))
    if node[0] == "number":
        return node
    return (node[0], *[_canonical(operand, slots) for operand in node[1:]])
