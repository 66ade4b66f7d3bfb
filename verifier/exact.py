"""Integers and booleans of typed expressions at concrete index values, and all decisions.

    (Expr, Scope) -> int | bool

Comparisons, subscripts, filters and ranks read the values of tensors that are already in the
store. What a real expression is worth there, the Walker tells (`value` and `real`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import assert_never

from flint import arb

from ..compiler.typed import (
    Add,
    And,
    Apply,
    ArgumentRef,
    Bound,
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
from .extended import Undefined
from .symbolic import Node

Value = arb | float | Undefined | int
"""What the store holds: an extended real, an integer, or a bool."""


class OracleError(Exception):
    """The oracle cannot evaluate this: a fault of the caller or of the oracle, not of a spec."""


class UndefinedValue(Exception):
    """A number, condition or selection that the equation needs here is undefined."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor lies in the store, in row-major order."""

    name: str
    offset: int
    shape: tuple[int, ...]

    def at(self, subscripts: tuple[int, ...]) -> int:
        position = 0
        for subscript, length in zip(subscripts, self.shape, strict=True):
            if not 0 <= subscript < length:
                raise OracleError(f"{self.name}{list(subscripts)} is outside {self.shape}")
            position = position * length + subscript
        return self.offset + position


@dataclass(frozen=True, slots=True)
class Scope:
    """The values of the index variables, and the arguments of the `def` applied, if any."""

    indices: dict[str, int]
    arguments: Mapping[str, Argument] = field(default_factory=dict)


@dataclass(slots=True)
class Argument:
    """An argument of a `def`: looked at only where the body does, and then once."""

    expr: Expr
    scope: Scope
    node: Node | None = None


def applied(expr: Apply, scope: Scope) -> Scope:
    """The scope of the body of a `def`."""
    outside = Scope(dict(scope.indices), scope.arguments)
    arguments = (Argument(argument, outside) for argument in expr.arguments)
    return Scope(outside.indices, dict(zip(expr.parameters, arguments, strict=True)))


@dataclass(slots=True)
class Reader(ABC):
    """Reads integer and boolean expressions against a store.

    `touched` collects the real elements met, `seen` all that were looked at; `looked` is set
    once something depended on the values in the store.
    """

    sizes: Mapping[str, int]
    places: Mapping[str, Place]
    store: list[Value]
    touched: list[int] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    looked: bool = False

    @abstractmethod
    def real(self, expr: Expr, scope: Scope) -> Node:
        """What a real expression computes. Raises UndefinedValue."""

    @abstractmethod
    def value(self, node: Node) -> arb | float:
        """What a node is worth in the store. Raises UndefinedValue."""

    def exact(self, expr: Expr, scope: Scope) -> int:
        """The value of an integer or boolean expression. Raises UndefinedValue."""
        match expr:
            case IndexRef():
                return scope.indices[expr.name]
            case Number():
                return int(expr.value)
            case SizeRef():
                return self.sizes[expr.name]
            case Compare():
                return self._compare(expr, scope)
            case Add():
                return sum(sign * self.exact(term, scope) for sign, term in expr.terms)
            case Mul():
                return prod(self.exact(factor, scope) for _, factor in expr.factors)
            case IntDiv():
                left, right = self.exact(expr.left, scope), self.exact(expr.right, scope)
                if right == 0:
                    raise UndefinedValue
                return left // right if expr.operator == "//" else left % right
            case Element():
                self.looked = True
                value = self.store[self.locate(expr, scope)]
                if not isinstance(value, int):
                    raise UndefinedValue
                return value
            case And():
                return all(self.exact(operand, scope) for operand in expr.operands)
            case Or():
                return any(self.exact(operand, scope) for operand in expr.operands)
            case Not():
                return not self.exact(expr.operand, scope)
            case Iverson():
                return int(self.exact(expr.condition, scope))
            case Truth():
                return expr.value
            case If():
                taken = expr.then if self.exact(expr.condition, scope) else expr.otherwise
                return self.exact(taken, scope)
            case ArgumentRef():
                argument = scope.arguments[expr.name]
                return self.exact(argument.expr, argument.scope)
            case Apply():
                return self.exact(expr.body, applied(expr, scope))
            case Function():
                return self._exact_function(expr, scope)
            case Reduce():
                return self._exact_reduce(expr, scope)
            case Row():
                return self._rank(expr, scope)
            case Constant() | ConstRef() | Power() | Rounded() | Derivative():
                raise OracleError(f"{type(expr).__name__} is not an integer")
            case _:
                assert_never(expr)

    def cells(self, bound: tuple[Bound, ...], where: Expr | None, scope: Scope) -> Iterator[Scope]:
        """The scopes with all admitted values of the bound indices: one scope, that changes."""
        inner = Scope(dict(scope.indices), scope.arguments)
        names = [b.name for b in bound]
        for values in product(*(range(self.exact(b.range, scope)) for b in bound)):
            inner.indices.update(zip(names, values, strict=True))
            if where is None or self.exact(where, inner):
                yield inner

    def locate(self, expr: Element, scope: Scope) -> int:
        if expr.primed:
            raise OracleError(f"{expr.tensor}' stands only in laws")
        place = self.places[expr.tensor].at(self.subscripts(expr, scope))
        self.seen.append(place)
        return place

    def subscripts(self, expr: Element, scope: Scope) -> tuple[int, ...]:
        indices = scope.indices
        return tuple(
            [
                indices[s.name] if type(s) is IndexRef else self.exact(s, scope)
                for s in expr.subscripts
            ]
        )

    def scalar(self, expr: Expr, scope: Scope) -> arb | float:
        """The value of an integer or real."""
        if expr.type == "real":
            return self.value(self.real(expr, scope))
        return arb(self.exact(expr, scope))

    def _compare(self, expr: Compare, scope: Scope) -> bool:
        if expr.left.type == "real" or expr.right.type == "real":
            order = extended.compare(self.scalar(expr.left, scope), self.scalar(expr.right, scope))
        else:
            order = self.exact(expr.left, scope) - self.exact(expr.right, scope)
        match expr.operator:
            case "<":
                return order < 0
            case "<=":
                return order <= 0
            case ">":
                return order > 0
            case ">=":
                return order >= 0
            case "==":
                return order == 0
            case "!=":
                return order != 0

    def _rank(self, expr: Row, scope: Scope) -> int:
        """How many entries come before this one, from the largest down."""
        row = {
            cell.indices[expr.bound.name]: self.scalar(expr.body, cell)
            for cell in self.cells((expr.bound,), expr.where, scope)
        }
        at = scope.indices[expr.at.name]
        if at not in row:
            return len(row)
        own = row.pop(at)
        orders = ((i, extended.compare(x, own)) for i, x in row.items())
        return sum(order > 0 or (order == 0 and i < at) for i, order in orders)

    def _exact_function(self, expr: Function, scope: Scope) -> int:
        match expr.name:
            case "sign":
                return extended.sign(self.scalar(expr.arguments[0], scope))
            case "floor" | "ceil":
                sign = 1 if expr.name == "floor" else -1
                whole = extended.floor(sign * self.scalar(expr.arguments[0], scope))
                if not isinstance(whole, int):
                    raise UndefinedValue
                return sign * whole
        arguments = [self.exact(argument, scope) for argument in expr.arguments]
        match expr.name:
            case "max":
                return max(arguments)
            case "min":
                return min(arguments)
            case "abs":
                return abs(arguments[0])
            case "stop":
                return arguments[0]
        raise OracleError(f"{expr.name} is not an integer")

    def _exact_reduce(self, expr: Reduce, scope: Scope) -> int:
        cells = self.cells(expr.bound, expr.where, scope)
        if expr.operator in ("argmax", "argmin"):
            return self._best_index(expr, cells)
        values = [self.exact(expr.body, cell) for cell in cells]
        match expr.operator:
            case "sum" | "count":
                return sum(values)
            case "prod":
                return prod(values)
            case "any":
                return any(values)
            case "all":
                return all(values)
            case "max" | "min":
                if not values:
                    raise UndefinedValue
                return max(values) if expr.operator == "max" else min(values)
        raise OracleError(f"{expr.operator} is not an integer")

    def _best_index(self, expr: Reduce, cells: Iterator[Scope]) -> int:
        (bound,) = expr.bound
        direction = 1 if expr.operator == "argmax" else -1
        found: tuple[int, arb | float] | None = None
        for cell in cells:
            value = self.scalar(expr.body, cell)
            if found is None or direction * extended.compare(value, found[1]) > 0:
                found = cell.indices[bound.name], value
        if found is None:
            raise UndefinedValue
        return found[0]
