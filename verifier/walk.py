"""Real expressions at concrete index values.

    (Expr, Scope) -> Node

Sizes, consts, indices and all else that is exact become numbers. Conditions are decided by
the values of tensors that are already in the store, so that a Node holds only the branches
taken, the admitted terms, and the selected argument of a max, min or abs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import inf
from typing import assert_never

from flint import arb, fmpq

from ..compiler.typed import (
    Add,
    And,
    Apply,
    ArgumentRef,
    Compare,
    Constant,
    ConstRef,
    Derivative,
    Element,
    Expr,
    Function,
    If,
    IndexRef,
    IntDiv,
    Iverson,
    Mul,
    Not,
    Number,
    Or,
    Power,
    Reduce,
    Rounded,
    Row,
    SizeRef,
    Truth,
)
from . import extended
from .exact import OracleError, Reader, Scope, UndefinedValue, Value, applied
from .extended import Extended, Undefined
from .symbolic import Node, Structures, number

INF: Node = ("inf",)
MINUS_INF: Node = ("mul", number(-1), INF)
BITS = {"bfloat16": 8, "float16": 11, "float32": 24, "float64": 53}


@dataclass(slots=True)
class Walker(Reader):
    """Reads all expressions against a store. Where it has not `looked`, its nodes are good
    for any values."""

    consts: Mapping[str, Fraction | float] = field(kw_only=True)
    structures: Structures = field(kw_only=True)

    def real(self, expr: Expr, scope: Scope) -> Node:
        if expr.type == "int":
            return number(self.exact(expr, scope))
        match expr:
            case Element():
                leaf = self.locate(expr, scope)
                self.touched.append(leaf)
                return leaf
            case Number():
                return number(expr.value.numerator, expr.value.denominator)
            case Constant():
                return INF if expr.name == "inf" else ("pi",)
            case ConstRef():
                const = self.consts[expr.name]
                if isinstance(const, Fraction):
                    return number(const.numerator, const.denominator)
                return INF if const > 0 else MINUS_INF
            case ArgumentRef():
                argument = scope.arguments[expr.name]
                if argument.node is None:
                    argument.node = self.real(argument.expr, argument.scope)
                return argument.node
            case Add():
                terms = [
                    self.real(term, scope)
                    if sign > 0
                    else ("mul", number(-1), self.real(term, scope))
                    for sign, term in expr.terms
                ]
                return _all("add", terms)
            case Mul():
                return self._product(expr, scope)
            case Power():
                return ("power", self.real(expr.base, scope), self.real(expr.exponent, scope))
            case If():
                taken = expr.then if self.exact(expr.condition, scope) else expr.otherwise
                return self.real(taken, scope)
            case Function():
                return self._function(expr.name, [self.real(a, scope) for a in expr.arguments])
            case Apply():
                return self.real(expr.body, applied(expr, scope))
            case Rounded():
                return ("rounded", self.real(expr.argument, scope), number(BITS[expr.format]))
            case Reduce():
                return self._reduce(expr, scope)
            case Row():
                return self._row(expr, scope)
            case Derivative():
                raise OracleError("grad stands only in laws")
            case (
                Truth() | IndexRef() | SizeRef() | IntDiv() | Compare()
                | And() | Or() | Not() | Iverson()
            ):  # fmt: skip
                raise OracleError(f"{type(expr).__name__} is not a real")
            case _:
                assert_never(expr)

    def value(self, node: Node) -> arb | float:
        """What a node computes from the values in the store. Raises UndefinedValue."""
        if isinstance(node, tuple) and node[0] == "number":
            return arb(fmpq(*node[1:]))
        self.looked = True
        structure, leaves = self.structures.of(node)
        value = structure.value(reals(self.store, leaves))
        if isinstance(value, Undefined):
            raise UndefinedValue
        return value

    def _product(self, expr: Mul, scope: Scope) -> Node:
        """Factors from the left: a * b / c * d is ((a * b) / c) * d."""
        done: list[Node] = []
        for operator, factor in expr.factors:
            node = self.real(factor, scope)
            if operator == "*":
                done.append(node)
            else:
                done = [("div", _all("mul", done), node)]
        return _all("mul", done)

    def _function(self, name: str, arguments: list[Node]) -> Node:
        match name:
            case "max" | "min":
                return self._select(name, arguments)
            case "abs":
                (x,) = arguments
                return self._select("max", [x, ("mul", number(-1), x)])
            case "sign":
                return number(extended.sign(self.value(arguments[0])))
            case "floor":
                return self._integral(arguments[0], 1)
            case "ceil":
                return self._integral(arguments[0], -1)
        return (name, *arguments)

    def _integral(self, x: Node, sign: int) -> Node:
        """The floor, or with sign -1 the ceiling."""
        whole = sign * extended.floor(sign * self.value(x))
        if isinstance(whole, int):
            return number(whole)
        return INF if whole > 0 else MINUS_INF

    def _select(self, name: str, nodes: list[Node]) -> Node:
        """The largest or smallest of several; with others that equal it, a tie."""
        direction = 1 if name == "max" else -1
        if not nodes:
            return MINUS_INF if name == "max" else INF
        tied: list[Node] = []
        best: arb | float = -direction * inf
        for node in nodes:
            value = self.value(node)
            order = direction * extended.compare(value, best) if tied else 1
            if order > 0:
                tied, best = [node], value
            elif order == 0 and node not in tied:
                tied.append(node)
        return tied[0] if len(tied) == 1 else ("tie", *tied)

    def _reduce(self, expr: Reduce, scope: Scope) -> Node:
        nodes = [self.real(expr.body, cell) for cell in self.cells(expr.bound, expr.where, scope)]
        match expr.operator:
            case "sum":
                return _all("add", nodes)
            case "prod":
                return _all("mul", nodes)
            case "mean":
                if not nodes:
                    raise UndefinedValue
                return ("div", _all("add", nodes), number(len(nodes)))
            case "max" | "min":
                return self._select(expr.operator, nodes)
            case "logsumexp":
                return ("logsumexp", *nodes) if nodes else MINUS_INF
        raise OracleError(f"{expr.operator} is not a real")

    def _row(self, expr: Row, scope: Scope) -> Node:
        """A softmax or log_softmax, as the structure of its own entry and the others."""
        own: Node | None = None
        others: list[Node] = []
        for cell in self.cells((expr.bound,), expr.where, scope):
            node = self.real(expr.body, cell)
            if cell.indices[expr.bound.name] == scope.indices[expr.at.name]:
                own = node
            else:
                others.append(node)
        if own is None:
            return number(0) if expr.operator == "softmax" else MINUS_INF
        return (expr.operator, own, *others)


def _all(operation: str, nodes: list[Node]) -> Node:
    """A sum or product of any number of nodes."""
    match nodes:
        case []:
            return number(0 if operation == "add" else 1)
        case [node]:
            return node
        case _:
            return (operation, *nodes)


def reals(store: list[Value], leaves: list[int]) -> list[Extended]:
    """The values of real elements."""
    return [store[leaf] for leaf in leaves]
