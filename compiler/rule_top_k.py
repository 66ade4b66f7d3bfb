"""What is zero beyond the k largest entries of a row, on those k alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

from .patterns import is_zero, option
from .program import (
    Argument,
    Const,
    Fused,
    Iota,
    Map,
    Node,
    Num,
    Product,
    Program,
    Read,
    Reduce,
    Row,
    Size,
    Step,
    Sum,
    Where,
    axes_of,
    bottom_up,
    rebuild,
    rename,
    walk,
)
from .required import at_least
from .typed import Module


def top_k(program: Program) -> Program:
    """f(softmax[v if rank[v] z[v] < k] s[v])[v] = f(softmax[j] s[top[j]])[j] at v = top[j], 0
    elsewhere, for the k indices top[j] of largest z, in order, where f(0) = 0: what stands in
    such a row, and sums over it, is computed for k entries, not V. The rank itself is seldom
    needed then, nor is a sort of the row.
    """
    for step in program.steps:
        for limit in _limits(step, program):
            program = _Rows(program, step, limit).rewritten()
            break
    return program


def _limits(ranked: Step, program: Program) -> list[Node]:
    """The numbers k for which some step has softmax[v if place[v] < k], `place` being a rank."""
    match ranked.body:
        case Row(op="rank", where=None) if ranked.loop is None and ranked.at is None:
            pass
        case _:
            return []
    found: list[Node] = []
    for step in program.steps:
        for node in walk(step.body):
            match node:
                case Row(op="softmax", where=Map(op="<", operands=(Read() as place, k))):
                    if place.name == ranked.name and place.axes == step.axes == ranked.axes:
                        found += [k] if _at_least_one(k, program.module) else []
    return found


def _at_least_one(k: Node, module: Module) -> bool:
    """Whether a number is certainly 1 or more."""
    return isinstance(k, Size) or (isinstance(k, Const) and at_least(k.name, 1, module))


class _Whole(Exception):
    """What stands here is needed along the whole row."""


@dataclass(slots=True)
class _Rows:
    """The rows that a rank orders, of which `k` entries count; `top` is the tensor of their
    places. `short` names what tensors are on those entries alone, None where an equation needs
    the whole row; `vanishing` are those that are 0 or false at all others."""

    program: Program
    ranked: Step
    k: Node
    top: str = "top"
    short: dict[str, str | None] = field(default_factory=dict)
    vanishing: set[str] = field(default_factory=set)
    steps: list[Step] = field(default_factory=list)
    ranges: dict[str, Node] = field(default_factory=dict)

    def rewritten(self) -> Program:
        """The program with what can be done on k entries done there."""
        self.ranges = dict(self.program.ranges)
        self.top = self.fresh("top")
        for step in self.program.steps:
            if self.in_row(step.name, step.axes, self.v) and self.vanishes(step.body, self.v):
                name = self.shortened(step.name)
                if name is not None:
                    self.vanishing.add(step.name)
                    self.steps.append(replace(step, body=self.spread(name, step), spans=()))
                    continue
            self.steps.append(replace(step, body=bottom_up(step.body, self.outside)))
            if step is self.ranked:
                self.steps.append(self.chosen())
        return replace(self.program, steps=tuple(self.steps), ranges=self.ranges)

    # names, axes, places

    @property
    def v(self) -> str:
        """The axis along which the rank is taken."""
        assert isinstance(self.ranked.body, Row)
        return self.ranked.body.axis

    def fresh(self, stem: str) -> str:
        """A name that nothing has yet."""
        module = self.program.module
        taken = {*module.sizes, *module.indices, *module.inputs, *module.params, *module.randoms}
        taken |= {*module.consts, *self.ranges, *(s.name for s in self.program.steps)}
        taken |= {step.name for step in self.steps}
        while stem in taken:
            stem += "_"
        return stem

    def axes(self, axis: str) -> tuple[str, ...]:
        """The axes of the rows, that of the row being `axis`."""
        return tuple(axis if a == self.v else a for a in self.ranked.axes)

    def short_axis(self, axis: str) -> str:
        """The axis of the k entries in place of one of the row."""
        name = f"{self.top}_{axis}"
        least = Map("min", (self.k, self.program.ranges[self.v]), self.k.type)
        self.ranges[name] = least if least.type == "int" else Map("ceil", (least,), "int")
        return name

    def short_axes(self, axis: str) -> tuple[str, ...]:
        return self.axes(self.short_axis(axis))

    def dim(self) -> tuple[str, Node]:
        """The place of the row's axis, as an option."""
        return option("dim", self.ranked.axes.index(self.v) - len(self.ranked.axes))

    def places(self, axis: str) -> Read:
        """Where the k largest stand, along the short form of an axis."""
        return Read(self.top, self.short_axes(axis), "int")

    def chosen(self) -> Step:
        """The step that finds where the k largest stand."""
        assert isinstance(self.ranked.body, Row)
        z, axes = self.ranked.body.body, self.short_axes(self.v)
        operands = (Argument("", self.ranked.axes, z),)
        options = (("k", self.ranges[self.short_axis(self.v)]), self.dim())
        body = Fused("ops.top", operands, options, axes, "int", isinstance(z, Read))
        return Step(self.top, axes, body, self.ranked.spans, False)

    def taken(self, node: Read, axis: str) -> Read:
        """A tensor of whole rows at the k places, as a step of its own."""
        name = self.fresh(f"{node.name}_{self.top}")
        axes = self.axes(self.v)
        x = Argument("", axes, replace(node, axes=axes))
        index = Argument("index", self.short_axes(self.v), self.places(self.v))
        body = Fused("torch.gather", (x, index), (self.dim(),), index.axes, node.type, True)
        self.steps.append(Step(name, index.axes, body, (), False))
        self.short[node.name] = name
        return Read(name, self.short_axes(axis), node.type)

    def spread(self, name: str, step: Step) -> Node:
        """A tensor that is 0 but at the k places."""
        axes = self.short_axes(self.v)
        x = Argument("", axes, Read(name, axes, step.body.type))
        options = (("size", self.program.ranges[self.v]), self.dim())
        operands = (x, Argument("", axes, self.places(self.v)))
        return Fused("ops.spread", operands, options, step.axes, step.body.type, True)

    # what vanishes elsewhere

    def in_row(self, name: str, axes: tuple[str, ...], axis: str) -> bool:
        """Whether a tensor with an equation is read along the rows."""
        step = self.program.step(name)
        return step is not None and step.loop is None and axes == self.axes(axis)

    def is_place(self, node: Node, axis: str) -> bool:
        return node == Read(self.ranked.name, self.axes(axis), "int")

    def is_limit(self, node: Node, axis: str) -> bool:
        """Whether a condition is place[v] < k."""
        match node:
            case Map(op="<", operands=(place, k)):
                return k == self.k and self.is_place(place, axis)
        return False

    def vanishes(self, node: Node, axis: str) -> bool:
        """Whether a value is 0, or false, where place[v] >= k."""
        match node:
            case Read():
                return node.name in self.vanishing and self.in_row(node.name, node.axes, axis)
            case Map(op="and"):
                return any(self.vanishes(x, axis) for x in node.operands)
            case Map(op="int" | "real" | "or"):
                return all(self.vanishes(x, axis) for x in node.operands)
            case Map():
                return self.is_limit(node, axis)
            case Where():
                branches = (node.condition, node.then)
                return is_zero(node.otherwise) and any(self.vanishes(x, axis) for x in branches)
            case Product():
                return any(self.vanishes(x, axis) for op, x in node.factors if op == "*")
            case Sum():
                return all(self.vanishes(x, axis) for _, x in node.terms)
            case Row(op="softmax", axis=along) if along == axis and node.where is not None:
                return self.vanishes(node.where, axis)
            case _:
                return False

    # on k entries

    def shortened(self, name: str) -> str | None:
        """The name of a tensor of the rows on the k entries alone; None where its equation
        needs the whole row."""
        if name not in self.short:
            step = self.program.step(name)
            assert step is not None
            self.short[name] = None
            try:
                body = self.at_top(step.body, self.v)
            except _Whole:
                return None
            short = self.fresh(f"{name}_{self.top}")
            axes = self.short_axes(self.v)
            self.steps.append(Step(short, axes, body, step.spans, False))
            self.short[name] = short
        return self.short[name]

    def at_top(self, node: Node, axis: str) -> Node:
        """The value at the k places along an axis. Raises _Whole where it needs the whole row."""
        if axis not in axes_of(node):
            return bottom_up(node, self.outside)
        match node:
            case Iota():
                return self.places(axis)
            case Read():
                return self.read(node, axis)
            case Map() if self.is_limit(node, axis):
                return Num(Fraction(1), "bool")
            case Map(op="and"):
                return self.all_of([self.at_top(x, axis) for x in node.operands])
            case Where():
                condition = self.at_top(node.condition, axis)
                if isinstance(condition, Num):
                    return self.at_top(node.then, axis)
                return rebuild(node, lambda x: self.at_top(x, axis))
            case Map() | Sum() | Product():
                return rebuild(node, lambda x: self.at_top(x, axis))
            case Row(op="softmax" | "log_softmax", axis=along) if along == axis:
                if node.where is None or not self.vanishes(node.where, axis):
                    raise _Whole
                where, body = self.at_top(node.where, axis), self.at_top(node.body, axis)
                short = self.short_axis(axis)
                return replace(node, axis=short, where=_needed(where), body=body)
            case Reduce():
                found = self.reduced(node)
                if found is None:
                    raise _Whole
                return rebuild(found, lambda x: self.at_top(x, axis))
            case _:
                raise _Whole

    def all_of(self, conditions: list[Node]) -> Node:
        parts = tuple(x for x in conditions if not isinstance(x, Num))
        if len(parts) < 2:
            return parts[0] if parts else Num(Fraction(1), "bool")
        return Map("and", parts, "bool")

    def read(self, node: Read, axis: str) -> Node:
        """A tensor at the k places; of a place, which it is of them."""
        if self.is_place(node, axis):
            return Iota(self.short_axis(axis))
        if node.axes != self.axes(axis):
            raise _Whole
        name = self.shortened(node.name) if self.in_row(node.name, node.axes, axis) else None
        name = name or self.short.get(node.name)
        if name is None:
            return self.taken(node, axis)
        return Read(name, self.short_axes(axis), node.type)

    def reduced(self, node: Reduce) -> Reduce | None:
        """A sum along the row of what vanishes elsewhere, over the k entries."""
        if node.op not in ("sum", "count", "any") or len(node.axes) != 1:
            return None
        w = node.axes[0]
        if self.ranges[w] != self.ranges[self.v]:
            return None
        parts = [node.body] if node.where is None else [node.where, node.body]
        if not any(self.vanishes(x, w) for x in parts):
            return None
        try:
            where = None if node.where is None else _needed(self.at_top(node.where, w))
            body = self.at_top(node.body, w)
        except _Whole:
            return None
        return replace(node, axes=(self.short_axis(w),), where=where, body=body)

    # beside the rows

    def outside(self, node: Node) -> Node:
        """A sum over the row, or a draw from it, by means of the k entries alone."""
        if not isinstance(node, Reduce):
            return node
        if node.op == "first":
            return self.drawn(node) or node
        return self.reduced(node) or node

    def drawn(self, node: Reduce) -> Node | None:
        """The first index at which a level is below the sum up to there of what vanishes
        elsewhere: that sum changes at the k places alone."""
        match node.where:
            case Map(op="<", operands=(level, total)) | Map(op=">", operands=(total, level)):
                pass
            case _:
                return None
        v = node.axes[0]
        if isinstance(total, Read) and self.in_row(total.name, total.axes, v):
            step = self.program.step(total.name)
            assert step is not None
            total = rename(step.body, {self.v: v})
        match total:
            case Reduce(op="sum", axes=(w,), where=Map(op="<=", operands=(Iota(i), Iota(j)))):
                pass
            case _:
                return None
        rest = frozenset(self.axes(v)) - {v}
        if (i, j) != (w, v) or not axes_of(level) <= rest or not self.vanishes(total.body, w):
            return None
        try:
            x = self.at_top(total.body, w)
        except _Whole:
            return None
        axes = self.short_axes(w)
        values = (x, self.places(w), level)
        operands = tuple(Argument("", axes, value) for value in values)
        kept = tuple(a for a in axes if a in rest)
        return Fused("ops.first_above", operands, (self.dim(),), kept, "int", False)


def _needed(condition: Node) -> Node | None:
    """A condition, where it is not simply true."""
    return None if isinstance(condition, Num) else condition
