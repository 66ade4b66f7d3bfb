"""The typed module: what the checker makes of a syntax tree, and what both compiler and
verifier start from.

    Module      = Size* Variable* Const* Require* Submodule* Definition* Law*
    Definition  = Equation | Recurrence | WholeEquation       (in an order of evaluation)
    Expr        = Number | Truth | Constant | IndexRef | SizeRef | ConstRef | ArgumentRef
                | Element | Add | Mul | IntDiv | Power | Compare | And | Or | Not | Iverson
                | If | Function | Apply | Rounded | Reduce | Row | Derivative
    Whole       = View | ModuleCall | Output                  (whole tensors)

Every name is resolved, every expression has a type, every subscript is in range, and no
index shadows another: a reducer that hides an outer index has had its own renamed. Integers
stand where reals are expected without a conversion node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from .source import Span

Type = Literal["real", "int", "bool"]


@dataclass(frozen=True, slots=True)
class Number:
    """A literal: an exact rational. Type int where it was written as an integer."""

    span: Span
    value: Fraction
    type: Type


@dataclass(frozen=True, slots=True)
class Truth:
    span: Span
    value: bool
    type: Literal["bool"] = "bool"


@dataclass(frozen=True, slots=True)
class Constant:
    span: Span
    name: Literal["pi", "inf"]
    type: Literal["real"] = "real"


@dataclass(frozen=True, slots=True)
class IndexRef:  # counted from 0
    span: Span
    name: str
    type: Literal["int"] = "int"


@dataclass(frozen=True, slots=True)
class SizeRef:
    span: Span
    name: str
    type: Literal["int"] = "int"


@dataclass(frozen=True, slots=True)
class ConstRef:
    """A const; primed in a law's second evaluation."""

    span: Span
    name: str
    primed: bool = False
    type: Literal["real"] = "real"


@dataclass(frozen=True, slots=True)
class ArgumentRef:  # a parameter of the `def` whose body this stands in
    span: Span
    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Element:
    """One element of an input, param, random source or equation: `tensor[subscripts]`."""

    span: Span
    tensor: str
    subscripts: tuple[Expr, ...]
    type: Type
    primed: bool = False


@dataclass(frozen=True, slots=True)
class Add:
    """The sum of terms, each with its sign +1 or -1; a negation is one term."""

    span: Span
    terms: tuple[tuple[int, Expr], ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Mul:
    """Factors with `*` or `/` before each, from the left; the first carries `*`."""

    span: Span
    factors: tuple[tuple[Literal["*", "/"], Expr], ...]
    type: Type


@dataclass(frozen=True, slots=True)
class IntDiv:
    """Floor division `//` or remainder `%` of integers, as Python defines them."""

    span: Span
    operator: Literal["//", "%"]
    left: Expr
    right: Expr
    type: Literal["int"] = "int"


@dataclass(frozen=True, slots=True)
class Power:
    span: Span
    base: Expr
    exponent: Expr
    type: Literal["real"] = "real"


@dataclass(frozen=True, slots=True)
class Compare:
    span: Span
    operator: Literal["<", "<=", ">", ">=", "==", "!="]
    left: Expr
    right: Expr
    type: Literal["bool"] = "bool"


@dataclass(frozen=True, slots=True)
class And:
    """From left to right: later operands are looked at only where the earlier hold."""

    span: Span
    operands: tuple[Expr, ...]
    type: Literal["bool"] = "bool"


@dataclass(frozen=True, slots=True)
class Or:  # later operands are looked at only where the earlier fail
    span: Span
    operands: tuple[Expr, ...]
    type: Literal["bool"] = "bool"


@dataclass(frozen=True, slots=True)
class Not:
    span: Span
    operand: Expr
    type: Literal["bool"] = "bool"


@dataclass(frozen=True, slots=True)
class Iverson:  # 1 where the condition holds, 0 elsewhere
    span: Span
    condition: Expr
    type: Literal["int"] = "int"


@dataclass(frozen=True, slots=True)
class If:  # the branch not taken is never looked at
    span: Span
    condition: Expr
    then: Expr
    otherwise: Expr
    type: Type


@dataclass(frozen=True, slots=True)
class Function:
    """A built-in function: exp log log1p expm1 sqrt sin cos tanh erf abs sign floor ceil min
    max stop."""

    span: Span
    name: str
    arguments: tuple[Expr, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Apply:
    """A `def` applied: `body` over the parameters, as ArgumentRefs, bound to the arguments.

    `prelude` tells the library's own functions (relu, sigmoid, …) from a user's of that name.
    """

    span: Span
    name: str
    parameters: tuple[str, ...]
    arguments: tuple[Expr, ...]
    body: Expr
    prelude: bool
    type: Type


@dataclass(frozen=True, slots=True)
class Rounded:
    """The nearest number of a format, ties to even; derivative one."""

    span: Span
    argument: Expr
    format: Literal["bfloat16", "float16", "float32", "float64"]
    type: Literal["real"] = "real"


@dataclass(frozen=True, slots=True)
class Bound:
    """An index with the size it ranges over: 0 … range-1."""

    span: Span
    name: str
    range: Expr


Reducer = Literal[
    "sum", "prod", "max", "min", "mean", "logsumexp", "argmax", "argmin", "count", "any", "all"
]


@dataclass(frozen=True, slots=True)
class Reduce:
    """`operator[bound if where] body`: the bound indices disappear."""

    span: Span
    operator: Reducer
    bound: tuple[Bound, ...]
    where: Expr | None
    body: Expr
    type: Type


@dataclass(frozen=True, slots=True)
class Row:
    """`operator[bound if where] body`, a row along `bound`, read at the index `at` outside.

    `bound` is the operator's own copy of the index; where nothing hides it, it has the name
    of `at`.
    """

    span: Span
    operator: Literal["softmax", "log_softmax", "rank"]
    at: IndexRef
    bound: Bound
    where: Expr | None
    body: Expr
    type: Type


@dataclass(frozen=True, slots=True)
class Derivative:
    """`grad(of, by)`: the partial derivative of one element by one element. Laws only."""

    span: Span
    of: Element
    by: Element
    type: Literal["real"] = "real"


# fmt: off
Expr = (
    Number | Truth | Constant | IndexRef | SizeRef | ConstRef | ArgumentRef | Element | Add | Mul
    | IntDiv | Power | Compare | And | Or | Not | Iverson | If | Function | Apply | Rounded
    | Reduce | Row | Derivative
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Size:
    """`value` for a derived size; otherwise read off a shape, or passed by the caller."""

    span: Span
    name: str
    value: Expr | None
    origin: Literal["shape", "derived", "passed"]


@dataclass(frozen=True, slots=True)
class Initial:
    """How a param starts, or what a random source follows: a distribution by name, with its
    arguments by name, or the name `constant` with the argument `value`."""

    span: Span
    name: Literal["normal", "uniform", "xavier", "constant", "gumbel", "exponential"]
    arguments: Mapping[str, Expr]


@dataclass(frozen=True, slots=True)
class Variable:
    """An input, param or random source: what the equations take as given.

    `domain` is the size V of an integer input in 0 … V-1; `default` an input's default;
    `initial` how a param starts or what a random source follows.
    """

    span: Span
    name: str
    kind: Literal["input", "param", "random"]
    dims: tuple[Expr, ...]
    type: Type
    domain: Expr | None = None
    default: Expr | None = None
    initial: Initial | None = None


@dataclass(frozen=True, slots=True)
class Const:
    span: Span
    name: str
    default: Expr | None


@dataclass(frozen=True, slots=True)
class Equation:
    """`name[axes] = body`, for every value of the axes."""

    span: Span
    name: str
    axes: tuple[Bound, ...]
    body: Expr
    output: bool

    @property
    def type(self) -> Type:
        return self.body.type

    @property
    def dims(self) -> tuple[Expr, ...]:
        return tuple(axis.range for axis in self.axes)


@dataclass(frozen=True, slots=True)
class View:
    """A tensor with its leading subscripts fixed; the other axes stay."""

    span: Span
    tensor: str
    subscripts: tuple[Expr, ...]
    dims: tuple[Expr, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class ModuleCall:
    """A module applied to whole tensors. `use` names the submodule that holds its params,
    `instance` which of a stack; both are None for a module without params. `sizes` and
    `consts` give the callee's, in the caller's terms, where an argument fixes them."""

    span: Span
    module: Module
    use: str | None
    instance: Expr | None
    arguments: Mapping[str, Whole | Expr]
    sizes: Mapping[str, Expr]
    consts: Mapping[str, Expr]


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a call, with its shape in the caller's sizes."""

    span: Span
    call: ModuleCall
    name: str
    dims: tuple[Expr, ...]
    type: Type


Whole = View | Output


@dataclass(frozen=True, slots=True)
class WholeEquation:
    """`name = whole`, or `name[axes] = whole` with `axes` leading the whole's own."""

    span: Span
    name: str
    axes: tuple[Bound, ...]
    body: Whole
    output: bool

    @property
    def type(self) -> Type:
        return self.body.type

    @property
    def dims(self) -> tuple[Expr, ...]:
        return tuple(axis.range for axis in self.axes) + self.body.dims


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A sequence along the axis at `position`: `base` fixes its first element (its last,
    where it runs down), `step` each next one. In `step` the axis at `position` is the step
    index, and its body gives the element at index + 1 (at index, where it runs down).
    """

    span: Span
    name: str
    position: int
    descending: bool
    base: Equation | WholeEquation
    step: Equation | WholeEquation
    dims: tuple[Expr, ...]
    output: bool

    @property
    def type(self) -> Type:
        """Real where the base or the step is."""
        return "real" if self.base.type == "real" else self.step.type


Definition = Equation | WholeEquation | Recurrence


@dataclass(frozen=True, slots=True)
class Group:
    """Definitions that feed one another along the step index `index`, and what stands
    between one step and the next; in the order of evaluation within a step."""

    index: str
    descending: bool
    members: tuple[Definition, ...]


@dataclass(frozen=True, slots=True)
class Submodule:
    """`name[count]: module(…)`; `count` is None for a single one."""

    span: Span
    name: str
    count: Expr | None
    module: Module
    sizes: Mapping[str, Expr]
    consts: Mapping[str, Expr]


@dataclass(frozen=True, slots=True)
class Fixed:
    """A `with` binding: `target` (an Element over bound indices, or a ConstRef) is `value`."""

    span: Span
    target: Element | ConstRef
    bound: tuple[Bound, ...]
    value: Expr


@dataclass(frozen=True, slots=True)
class Law:
    """For all values of `free` that satisfy `given`, with `bindings`: `claim` holds."""

    span: Span
    name: str
    free: tuple[Bound, ...]
    claim: Expr
    given: tuple[Expr, ...]
    bindings: tuple[Fixed, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """A checked module. `definitions` stand in an order of evaluation; `groups` says which
    of them must be evaluated step by step together."""

    span: Span
    name: str
    qualified: str
    doc: str
    sources: tuple[str, ...]
    sizes: Mapping[str, Size]
    indices: Mapping[str, Bound]
    inputs: Mapping[str, Variable]
    params: Mapping[str, Variable]
    randoms: Mapping[str, Variable]
    consts: Mapping[str, Const]
    requires: tuple[Expr, ...]
    submodules: Mapping[str, Submodule]
    definitions: Mapping[str, Definition]
    groups: tuple[Group, ...]
    outputs: tuple[str, ...]
    laws: tuple[Law, ...]
    incremental: str | None

    def variable(self, name: str) -> Variable | None:
        """The input, param or random source of that name."""
        return self.inputs.get(name) or self.params.get(name) or self.randoms.get(name)

    def tensor(self, name: str) -> Variable | Definition:
        """What a tensor's name stands for; KeyError where nothing has that name."""
        return self.variable(name) or self.definitions[name]
