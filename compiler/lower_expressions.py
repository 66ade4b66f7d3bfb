"""Typed expressions -> nodes of a tensor program: total, naive and literal.

Every index in scope is an axis. What a condition excludes is not looked at: inside `if`
branches, filters and the right sides of `and` and `or`, computed subscripts are clamped, and
the argument of a function that is not finite everywhere is replaced by a harmless number
where the condition fails, so that neither the value nor the gradient of what is kept can be
spoilt by what is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import assert_never

from . import typed as t
from .program import (
    Const,
    Counter,
    Gather,
    Iota,
    Map,
    Node,
    Num,
    Product,
    Read,
    Reduce,
    Row,
    Size,
    Slice,
    Sum,
    Where,
    axes_of,
    is_number,
)
from .signs import may_be_infinite

HARMLESS = {"log": 1, "sqrt": 1, "log1p": 0, "exp": 0, "expm1": 0}
"""Functions that are not finite everywhere, with a point where value and derivative are."""
TOTAL = frozenset({"relu", "sigmoid", "log_sigmoid", "softplus", "silu", "gelu", "gelu_tanh"})
"""Functions of the prelude with value and derivative at every real."""


def lower_number(module: t.Module, expr: t.Expr) -> Node:
    """An expression of sizes, consts and literals -> Node."""
    return Lowering(module, {}, set(), {}, frozenset(), {}, ()).lower(expr)


def as_type(type: t.Type, node: Node) -> Node:
    """The node, turned into a real where a real is wanted and it is not one."""
    if type == "real" and node.type != "real":
        return replace(node, type="real") if isinstance(node, Num) else Map("real", (node,), "real")
    return node


def conjunction(conditions: tuple[Node, ...]) -> Node:
    """All of the conditions, at least one."""
    return conditions[0] if len(conditions) == 1 else Map("and", conditions, "bool")


@dataclass(frozen=True, slots=True)
class Lowering:
    """What is in scope: the axis of each index, the indices that are Counters, the arguments
    of a `def`, the guards; and which tensors may hold infinities. `local` are tensors of the
    loop around that are read at its own step alone, with the position of that step. `eager`:
    a guard is a number, and what it guards is evaluated all the same. `scalars` are names that are
    integer tensors without axes."""

    module: t.Module
    ranges: dict[str, Node]
    infinite: set[str]
    axes: Mapping[str, str]
    counters: frozenset[str]
    arguments: Mapping[str, Node]
    guards: tuple[Node, ...]
    local: Mapping[str, int] = field(default_factory=dict)
    eager: bool = False
    scalars: frozenset[str] = frozenset()

    def under(self, *conditions: Node) -> Lowering:
        return replace(self, guards=self.guards + conditions)

    def filtered(self, condition: Node) -> Lowering:
        """Under a condition that masks what it guards, where a number too."""
        return replace(self.under(condition), eager=self.eager or is_number(condition))

    def binding(self, bound: tuple[t.Bound, ...], axes: tuple[str, ...]) -> Lowering:
        """With these indices in scope; guards about an index that is hidden do not apply."""
        for index, axis in zip(bound, axes, strict=True):
            self.ranges[axis] = self.lower(index.range)
        guards = tuple(g for g in self.guards if not axes_of(g) & set(axes))
        names = {index.name: axis for index, axis in zip(bound, axes, strict=True)}
        counters = self.counters - names.keys()
        return replace(self, axes={**self.axes, **names}, counters=counters, guards=guards)

    def harmless(self, node: Node, value: int) -> Node:
        """The node where the guards hold, `value` elsewhere."""
        guards = self.guards
        if isinstance(node, Num) and node.value != 0:
            return node
        if is_number(node):
            guards = tuple(guard for guard in guards if self.eager and is_number(guard))
        if not guards:
            return node
        number = Num(Fraction(value), node.type)
        return Where(conjunction(guards), node, number, node.type)

    def real(self, expr: t.Expr) -> Node:
        return as_type("real", self.lower(expr))

    def lower(self, expr: t.Expr) -> Node:
        match expr:
            case t.Number():
                return Num(expr.value, expr.type)
            case t.Truth():
                return Num(Fraction(int(expr.value)), "bool")
            case t.Constant():
                return Num(expr.name, "real")
            case t.IndexRef() if expr.name in self.scalars:
                return Read(expr.name, (), "int")
            case t.IndexRef():
                counted = expr.name in self.counters
                return Counter(expr.name) if counted else Iota(self.axes[expr.name])
            case t.SizeRef():
                return Size(expr.name)
            case t.ConstRef():
                return Const(expr.name)
            case t.ArgumentRef():
                return self.arguments[expr.name]
            case t.Element():
                return self.element(expr)
            case t.Add():
                terms = tuple((sign, as_type(expr.type, self.lower(x))) for sign, x in expr.terms)
                return Sum(terms, expr.type)
            case t.Mul():
                return self.product(expr)
            case t.IntDiv():
                right = self.harmless(self.lower(expr.right), 1)
                return Map(expr.operator, (self.lower(expr.left), right), "int")
            case t.Power():
                return self.power(expr)
            case t.Compare():
                left, right = self.lower(expr.left), self.lower(expr.right)
                return Map(expr.operator, (left, right), "bool")
            case t.And():
                return self.logical("and", expr.operands)
            case t.Or():
                return self.logical("or", expr.operands)
            case t.Not():
                return Map("not", (self.lower(expr.operand),), "bool")
            case t.Iverson():
                return Map("int", (self.lower(expr.condition),), "int")
            case t.If():
                condition = self.lower(expr.condition)
                otherwise = Map("not", (condition,), "bool")
                then = self.under(condition).lower(expr.then)
                other = self.under(otherwise).lower(expr.otherwise)
                return Where(
                    condition, as_type(expr.type, then), as_type(expr.type, other), expr.type
                )
            case t.Function():
                operands = tuple(as_type(expr.type, self.lower(x)) for x in expr.arguments)
                if expr.name in ("floor", "ceil", "sign"):
                    operands = tuple(self.lower(x) for x in expr.arguments)
                if expr.name in HARMLESS:
                    operands = (self.harmless(operands[0], HARMLESS[expr.name]),)
                return Map(expr.name, operands, expr.type)
            case t.Apply():
                return self.apply(expr)
            case t.Rounded():
                return Map(f"rounded {expr.format}", (self.real(expr.argument),), "real")
            case t.Reduce():
                return self.reduce(expr)
            case t.Row():
                return self.row(expr)
            case t.Derivative():
                raise AssertionError("derivatives stand only in laws")
            case _:
                assert_never(expr)

    def apply(self, expr: t.Apply) -> Node:
        """The body of a `def` with its arguments. Where one of the prelude is finite everywhere,
        harmless arguments are enough, and its equation stays as it is written."""
        arguments = [self.lower(argument) for argument in expr.arguments]
        scope = self
        if expr.prelude and expr.name in TOTAL:
            arguments = [self.harmless(as_type("real", argument), 0) for argument in arguments]
            scope = replace(self, guards=())
        named = dict(zip(expr.parameters, arguments, strict=True))
        return replace(scope, arguments=named).lower(expr.body)

    def row(self, expr: t.Row) -> Node:
        """The row along the axis of the index; where that is a Counter, one entry of it."""
        counted = expr.at.name in self.counters
        axis = expr.bound.name if counted else self.axes[expr.at.name]
        inner = self.binding((expr.bound,), (axis,))
        where = None if expr.where is None else inner.lower(expr.where)
        if where is not None:
            inner = inner.filtered(where)
        wants: t.Type = expr.body.type if expr.operator == "rank" else "real"
        body = as_type(wants, inner.lower(expr.body))
        row = Row(expr.operator, axis, where, body, expr.type)
        if not counted:
            return row
        here = Map("==", (Iota(axis), Counter(expr.at.name)), "bool")
        return Reduce("sum", (axis,), here, row, expr.type)

    def logical(self, op: str, operands: tuple[t.Expr, ...]) -> Node:
        scope, lowered = self, list[Node]()
        for operand in operands:
            lowered.append(scope.lower(operand))
            last = lowered[-1]
            scope = scope.filtered(last if op == "and" else Map("not", (last,), "bool"))
        return Map(op, tuple(lowered), "bool")

    def product(self, expr: t.Mul) -> Node:
        factors: list[tuple[str, Node]] = []
        conditions = [
            self.lower(factor.condition)
            for op, factor in expr.factors
            if op == "*" and isinstance(factor, t.Iverson)
        ]
        scope = self.under(*conditions)
        for op, factor in expr.factors:
            if op == "*" and isinstance(factor, t.Iverson):
                continue
            node = as_type(expr.type, self.lower(factor))
            if op == "/":
                node = scope.harmless(node, 1)
            elif may_be_infinite(node, self.infinite, top=False):
                node = self.harmless(node, 1)
            factors.append((op, node))
        if not factors or factors[0][0] == "/":
            factors.insert(0, ("*", Num(Fraction(1), expr.type)))
        node = factors[0][1] if len(factors) == 1 else Product(tuple(factors), expr.type)
        if not conditions:
            return node
        return Where(conjunction(tuple(conditions)), node, Num(Fraction(0), node.type), node.type)

    def power(self, expr: t.Power) -> Node:
        base, exponent = self.real(expr.base), self.lower(expr.exponent)
        if exponent == Sum(((-1, Num(Fraction(1), "int")),), "int"):
            one = Num(Fraction(1), "real")
            return Product((("*", one), ("/", self.harmless(base, 1))), "real")
        squares = isinstance(exponent, Num) and isinstance(exponent.value, Fraction)
        if not (squares and exponent.type == "int"):
            base, exponent = self.harmless(base, 1), as_type("real", exponent)
        return Map("pow", (base, exponent), "real")

    def reduce(self, expr: t.Reduce) -> Node:
        axes = tuple(bound.name for bound in expr.bound)
        inner = self.binding(expr.bound, axes)
        where = None if expr.where is None else inner.lower(expr.where)
        if where is not None:
            inner = inner.filtered(where)
        body = inner.lower(expr.body)
        if expr.operator == "count" and where is None and is_number(body):
            counted = Product(tuple(("*", self.ranges[axis]) for axis in axes), "int")
            return Where(body, counted, Num(Fraction(0), "int"), "int")
        if expr.operator == "mean" and where is not None:
            true = Num(Fraction(1), "bool")
            number = Reduce("count", axes, where, true, "int")
            total = Reduce("sum", axes, where, as_type("real", body), "real")
            divisor = as_type("real", self.harmless(number, 1))
            return Product((("*", total), ("/", divisor)), "real")
        if expr.type == "real":
            body = as_type("real", body)
        return Reduce(expr.operator, axes, where, body, expr.type)

    def element(self, expr: t.Element) -> Node:
        """A tensor read whole where its subscripts are distinct indices, else gathered."""
        subscripts = [self.lower(sub) for sub in expr.subscripts]
        dims = [self.lower(dim) for dim in self.module.tensor(expr.tensor).dims]
        if expr.tensor in self.local:
            for part in (subscripts, dims):
                del part[self.local[expr.tensor]]
        return self.gather(expr.tensor, subscripts, tuple(dims), expr.type)

    def gather(
        self, tensor: str, subscripts: Sequence[Node], dims: tuple[Node, ...], type: t.Type
    ) -> Node:
        along = [
            sub.axis
            for sub, dim in zip(subscripts, dims, strict=True)
            if isinstance(sub, Iota) and self.ranges[sub.axis] == dim
        ]
        if len(along) == len(subscripts) == len(set(along)):
            return Read(tensor, tuple(along), type)
        clamp = self.eager or any(not is_number(guard) for guard in self.guards)
        places: list[Slice | Node] = []
        for i, sub in enumerate(subscripts):
            elsewhere = frozenset[str]().union(
                *(axes_of(other) for j, other in enumerate(subscripts) if j != i)
            )
            whole = isinstance(sub, Iota) and self.ranges[sub.axis] == dims[i]
            form = slice_of(sub) if whole or not clamp else None
            places.append(sub if form is None or form.axis in elsewhere else form)
        return Gather(tensor, tuple(places), dims, clamp, type)


def slice_of(node: Node) -> Slice | None:
    """start + step · index, where the node has that form with a positive step."""
    zero = Num(Fraction(0), "int")
    terms = node.terms if isinstance(node, Sum) else ((1, node),)
    along: tuple[str, int] | None = None
    start: list[tuple[int, Node]] = []
    for sign, term in terms:
        if is_number(term):
            start.append((sign, term))
            continue
        stride = _stride(term)
        if stride is None or sign < 0 or along is not None:
            return None
        along = stride
    if along is None:
        return None
    axis, step = along
    if not start:
        return Slice(axis, zero, step)
    whole = start[0][1] if len(start) == 1 and start[0][0] == 1 else Sum(tuple(start), "int")
    return Slice(axis, whole, step)


def _stride(node: Node) -> tuple[str, int] | None:
    """(axis, n) for the index times a positive literal n."""
    if isinstance(node, Iota):
        return node.axis, 1
    if isinstance(node, Product) and len(node.factors) == 2:
        (_, left), (_, right) = node.factors
        if isinstance(left, Iota):
            left, right = right, left
        if isinstance(left, Num) and isinstance(right, Iota) and left.value in range(1, 1 << 20):
            return right.axis, int(left.value)
    return None
