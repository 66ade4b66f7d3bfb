"""The tensor program: one named-axis expression for each equation.

    Program = Step*                        in an order of evaluation
    Step    = name axes Node               name[axes] = Node, perhaps in a loop
    Node    = Num | Size | Const | Counter Python numbers
            | Iota                         the values of an index along its axis
            | Read | Gather                tensors, whole or at computed places
            | Map | Sum | Product | Where  pointwise; operands broadcast by the names of axes
            | Reduce | Row | Contract      over axes
            | Fused                        a function of the runtime, in place of several
            | Call                         an output of another module
            | Extend | Recall              what is kept from one step in time to the next

A recurrence is a loop: its steps bear the name of the loop, in which the step index is a
Counter, and each defines the tensor `at` one place of its sequence. A value carries the names
of its axes; positions appear only when text is emitted. Nodes are compared by structure, so
equal parts are found by equality.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import assert_never

from . import typed
from .source import Span
from .typed import Type


@dataclass(frozen=True, slots=True)
class Num:
    """A literal; `value` is a rational, or the name of a constant: pi, inf."""

    value: Fraction | str
    type: Type


@dataclass(frozen=True, slots=True)
class Size:
    name: str
    type: Type = "int"


@dataclass(frozen=True, slots=True)
class Const:
    name: str
    type: Type = "real"


@dataclass(frozen=True, slots=True)
class Counter:
    """The step index of a loop, or the index along which a call is repeated."""

    name: str
    type: Type = "int"


@dataclass(frozen=True, slots=True)
class Iota:
    axis: str
    type: Type = "int"


@dataclass(frozen=True, slots=True)
class Read:
    """A whole tensor, its dimensions named by distinct axes."""

    name: str
    axes: tuple[str, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Slice:
    """A subscript start + step · axis, in range for the whole axis. `last`: no further place of
    the dimension would follow."""

    axis: str
    start: Node
    step: int
    last: bool = False


@dataclass(frozen=True, slots=True)
class Gather:
    """A tensor at computed places. A subscript is a Slice, or an integer Node; places that
    no guard lets through may lie anywhere where `clamp` is set."""

    name: str
    subscripts: tuple[Slice | Node, ...]
    dims: tuple[Node, ...]
    clamp: bool
    type: Type


@dataclass(frozen=True, slots=True)
class Map:
    """A pointwise function of its operands; `real` turns integers and booleans into reals."""

    op: str
    operands: tuple[Node, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Sum:
    """Terms with signs +1 or -1."""

    terms: tuple[tuple[int, Node], ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Product:
    """Factors with `*` or `/` before each; `safe` keeps 0 · ∞ = 0 in value and gradient."""

    factors: tuple[tuple[str, Node], ...]
    type: Type
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Where:
    condition: Node
    then: Node
    otherwise: Node
    type: Type


@dataclass(frozen=True, slots=True)
class Reduce:
    op: str
    axes: tuple[str, ...]
    where: Node | None
    body: Node
    type: Type


@dataclass(frozen=True, slots=True)
class Row:
    op: str
    axis: str
    where: Node | None
    body: Node
    type: Type


@dataclass(frozen=True, slots=True)
class Contract:
    """The sum over `axes` of the product of the factors."""

    axes: tuple[str, ...]
    factors: tuple[Node, ...]
    type: Type = "real"


@dataclass(frozen=True, slots=True)
class Argument:
    """What is passed under a name, or by position without one: a tensor along `axes`."""

    name: str
    axes: tuple[str, ...]
    value: Node


@dataclass(frozen=True, slots=True)
class Call:
    """The output `output` of a module, once for each value of the indices `over`, which are
    Counters inside; its own dimensions are named by `axes`. `use` is the submodule that holds
    the params, `instance` which of a stack. `settings` are the module's sizes and consts;
    `infinite` tells that the output may hold infinities; `slot` names what the call keeps from
    one step in time to the next, where it does."""

    module: typed.Module
    use: str | None
    instance: Node | None
    over: tuple[str, ...]
    arguments: tuple[Argument, ...]
    settings: tuple[tuple[str, Node], ...]
    output: str
    axes: tuple[str, ...]
    type: Type
    infinite: bool
    slot: str | None = None


@dataclass(frozen=True, slots=True)
class Fused:
    """A function of the runtime on operands laid out along the axes of each, of length 1 or left
    out where an operand does not vary, then `options`, numbers by name. What it gives is laid
    out along `axes`. `native` functions work in the tensors' own format."""

    function: str
    operands: tuple[Argument, ...]
    options: tuple[tuple[str, Node], ...]
    axes: tuple[str, ...]
    type: Type
    native: bool


@dataclass(frozen=True, slots=True)
class Extend:
    """A tensor at all positions in time so far: those that were kept, and the `new` ones, along
    the axis at `position`. In a loop over `over`, each turn keeps its own. A sequence has `more`
    elements than there are positions."""

    name: str
    new: Node
    position: int
    more: int
    axes: tuple[str, ...]
    over: tuple[Counter, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Recall:
    """The last element of a sequence along time, as it was kept; the `first` where none was."""

    name: str
    first: Node
    axes: tuple[str, ...]
    type: Type


Node = (
    Num
    | Size
    | Const
    | Counter
    | Iota
    | Read
    | Gather
    | Map
    | Sum
    | Product
    | Where
    | Reduce
    | Row
    | Contract
    | Fused
    | Call
    | Extend
    | Recall
)


@dataclass(frozen=True, slots=True)
class Step:
    """`name[axes] = body`; `spans` are the equations it implements. `loop` is the loop
    that it stands in, if any; `at` its place in a sequence, whose axis is not among `axes`."""

    name: str
    axes: tuple[str, ...]
    body: Node
    spans: tuple[Span, ...]
    output: bool
    loop: str | None = None
    at: Node | None = None


@dataclass(frozen=True, slots=True)
class Sequence:
    """A tensor that is made one slice after another in a loop: `dims` is its shape, `position`
    the axis along which it is made."""

    position: int
    dims: tuple[Node, ...]
    loop: str


@dataclass(frozen=True, slots=True)
class Loop:
    """The name of its index, how many steps it has, and which way it runs."""

    index: str
    length: Node
    descending: bool


@dataclass(frozen=True, slots=True)
class Program:
    """`ranges` holds the size of each axis, `sequences` the tensors made in loops that are read
    at other steps or after the loop, `scalars` integer tensors without axes that are given besides
    the module's inputs."""

    module: typed.Module
    steps: tuple[Step, ...]
    ranges: Mapping[str, Node]
    sequences: Mapping[str, Sequence] = field(default_factory=dict)
    loops: Mapping[str, Loop] = field(default_factory=dict)
    scalars: frozenset[str] = frozenset()

    def step(self, name: str) -> Step | None:
        """The step that defines a whole tensor; None for a sequence, or a given one."""
        return next((s for s in self.steps if s.name == name and s.at is None), None)


def children(node: Node) -> tuple[Node, ...]:
    """The operands of a node, in order."""
    match node:
        case Num() | Size() | Const() | Counter() | Iota() | Read():
            return ()
        case Extend():
            return (node.new,)
        case Recall():
            return (node.first,)
        case Gather():
            return tuple(s.start if isinstance(s, Slice) else s for s in node.subscripts)
        case Map():
            return node.operands
        case Sum():
            return tuple(term for _, term in node.terms)
        case Product():
            return tuple(factor for _, factor in node.factors)
        case Where():
            return (node.condition, node.then, node.otherwise)
        case Reduce() | Row():
            return (node.body,) if node.where is None else (node.where, node.body)
        case Contract():
            return node.factors
        case Fused():
            options = (value for _, value in node.options)
            return (*(operand.value for operand in node.operands), *options)
        case Call():
            inside = [argument.value for argument in node.arguments]
            inside += [value for _, value in node.settings]
            return tuple(inside if node.instance is None else [node.instance, *inside])
        case _:
            assert_never(node)


def rebuild(node: Node, change: Callable[[Node], Node]) -> Node:
    """The node with `change` applied to each operand, in the order of `children`."""
    match node:
        case Num() | Size() | Const() | Counter() | Iota() | Read():
            return node
        case Extend():
            return replace(node, new=change(node.new))
        case Recall():
            return replace(node, first=change(node.first))
        case Gather():
            return replace(
                node,
                subscripts=tuple(
                    replace(s, start=change(s.start)) if isinstance(s, Slice) else change(s)
                    for s in node.subscripts
                ),
            )
        case Map():
            return replace(node, operands=tuple(change(x) for x in node.operands))
        case Sum():
            return replace(node, terms=tuple((sign, change(x)) for sign, x in node.terms))
        case Product():
            return replace(node, factors=tuple((op, change(x)) for op, x in node.factors))
        case Where():
            return replace(
                node,
                condition=change(node.condition),
                then=change(node.then),
                otherwise=change(node.otherwise),
            )
        case Reduce() | Row():
            where = None if node.where is None else change(node.where)
            return replace(node, where=where, body=change(node.body))
        case Contract():
            return replace(node, factors=tuple(change(x) for x in node.factors))
        case Fused():
            return replace(
                node,
                operands=tuple(replace(a, value=change(a.value)) for a in node.operands),
                options=tuple((name, change(value)) for name, value in node.options),
            )
        case Call():
            return replace(
                node,
                instance=None if node.instance is None else change(node.instance),
                arguments=tuple(replace(a, value=change(a.value)) for a in node.arguments),
                settings=tuple((name, change(value)) for name, value in node.settings),
            )
        case _:
            assert_never(node)


def bottom_up(node: Node, rule: Callable[[Node], Node]) -> Node:
    """The node with `rule` applied everywhere, operands first; itself where nothing changes."""
    before = children(node)
    after = [bottom_up(child, rule) for child in before]
    if any(a is not b for a, b in zip(after, before, strict=True)):
        operands = iter(after)
        node = rebuild(node, lambda _: next(operands))
    return rule(node)


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def axes_of(node: Node) -> frozenset[str]:
    """The axes along which a value varies."""
    match node:
        case Num() | Size() | Const() | Counter():
            return frozenset()
        case Call():
            return frozenset({*node.over, *node.axes})
        case Extend() | Recall() | Fused():
            return frozenset(node.axes)
        case Iota():
            return frozenset({node.axis})
        case Read():
            return frozenset(node.axes)
        case Gather():
            slices = frozenset(s.axis for s in node.subscripts if isinstance(s, Slice))
            return slices.union(*(axes_of(child) for child in children(node)))
        case Map() | Sum() | Product() | Where():
            return frozenset().union(*(axes_of(child) for child in children(node)))
        case Reduce() | Contract():
            inside = frozenset[str]().union(*(axes_of(child) for child in children(node)))
            return inside - frozenset(node.axes)
        case Row():
            inside = frozenset[str]().union(*(axes_of(child) for child in children(node)))
            return inside | {node.axis}
        case _:
            assert_never(node)


def is_number(node: Node) -> bool:
    """Whether the value is a Python number: made of literals, sizes and consts alone."""
    return isinstance(node, Num | Size | Const | Counter) or (
        isinstance(node, Map | Sum | Product | Where)
        and all(is_number(child) for child in children(node))
    )


def rename(node: Node, axes: Mapping[str, str]) -> Node:
    """The node with its axes renamed, bound ones too; new names must not clash."""

    def rule(n: Node) -> Node:
        match n:
            case Iota():
                return replace(n, axis=axes.get(n.axis, n.axis))
            case Read() | Reduce() | Contract():
                return replace(n, axes=tuple(axes.get(a, a) for a in n.axes))
            case Row():
                return replace(n, axis=axes.get(n.axis, n.axis))
            case Fused():
                return replace(
                    n,
                    axes=tuple(axes.get(a, a) for a in n.axes),
                    operands=tuple(
                        replace(x, axes=tuple(axes.get(a, a) for a in x.axes)) for x in n.operands
                    ),
                )
            case Gather():
                subscripts = tuple(
                    replace(s, axis=axes.get(s.axis, s.axis)) if isinstance(s, Slice) else s
                    for s in n.subscripts
                )
                return replace(n, subscripts=subscripts)
            case _:
                return n

    return bottom_up(node, rule)


def reads(node: Node) -> set[str]:
    """The names of the tensors that a value is computed from."""
    return {n.name for n in walk(node) if isinstance(n, Read | Gather)}
