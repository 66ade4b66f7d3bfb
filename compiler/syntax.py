"""The syntax tree of a spec file: what was written, with its place.

    File      = (Import | Def | Module)*
    Module    = name doc Statement*
    Statement = SourceNote | SizeDecl | IndexDecl | InputDecl | ParamDecl | ConstDecl
              | RandomDecl | Require | Use | Incremental | Equation | Law
    Expr      = Number | Truth | Name | Subscript | Call | Field | Sum | Product | Power
              | Compare | And | Or | Not | If | Iverson | Reduce

Nothing here is checked beyond the grammar; `typed` holds what the checker makes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from .source import Source, Span


@dataclass(frozen=True, slots=True)
class Ident:
    """A name as it stands in the text, NFKC-normalised."""

    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class Number:
    span: Span
    value: Fraction
    is_integer: bool


@dataclass(frozen=True, slots=True)
class Truth:
    span: Span
    value: bool


@dataclass(frozen=True, slots=True)
class Name:
    span: Span
    name: str
    primed: bool = False


@dataclass(frozen=True, slots=True)
class Subscript:
    span: Span
    base: Expr
    subscripts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a call; `keyword` is None where it is positional."""

    span: Span
    keyword: Ident | None
    value: Expr


@dataclass(frozen=True, slots=True)
class Call:
    span: Span
    callee: Expr
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Field:
    span: Span
    base: Expr
    field: Ident


@dataclass(frozen=True, slots=True)
class Sum:
    """Terms with their signs, +1 or -1; a single term only where it is negated."""

    span: Span
    terms: tuple[tuple[int, Expr], ...]


@dataclass(frozen=True, slots=True)
class Product:
    """`first`, then operators `*`, `/`, `//`, `%` with their right sides, left to right."""

    span: Span
    first: Expr
    rest: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True, slots=True)
class Power:
    span: Span
    base: Expr
    exponent: Expr


@dataclass(frozen=True, slots=True)
class Compare:
    """A chain of comparisons: `first`, then operators with their right sides."""

    span: Span
    first: Expr
    rest: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True, slots=True)
class And:
    span: Span
    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Or:
    span: Span
    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Not:
    span: Span
    operand: Expr


@dataclass(frozen=True, slots=True)
class If:
    span: Span
    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class Iverson:
    span: Span
    condition: Expr


@dataclass(frozen=True, slots=True)
class Reduce:
    """A reducer or row operator with its binders, filter and operand."""

    span: Span
    operator: Ident
    binders: tuple[Ident, ...]
    where: Expr | None
    operand: Expr


Expr = (
    Number
    | Truth
    | Name
    | Subscript
    | Call
    | Field
    | Sum
    | Product
    | Power
    | Compare
    | And
    | Or
    | Not
    | If
    | Iverson
    | Reduce
)


@dataclass(frozen=True, slots=True)
class SourceNote:
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class SizeDecl:
    span: Span
    name: Ident
    value: Expr | None


@dataclass(frozen=True, slots=True)
class IndexDecl:
    span: Span
    name: Ident
    range: Expr


@dataclass(frozen=True, slots=True)
class InputDecl:
    span: Span
    name: Ident
    dims: tuple[Expr, ...]
    domain: Expr | None
    default: Expr | None


@dataclass(frozen=True, slots=True)
class Distribution:
    span: Span
    name: Ident
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class ParamDecl:
    span: Span
    name: Ident
    dims: tuple[Expr, ...]
    initial: Distribution | Expr | None


@dataclass(frozen=True, slots=True)
class ConstDecl:
    span: Span
    name: Ident
    default: Expr | None


@dataclass(frozen=True, slots=True)
class RandomDecl:
    span: Span
    name: Ident
    dims: tuple[Expr, ...]
    distribution: Distribution


@dataclass(frozen=True, slots=True)
class Require:
    span: Span
    condition: Expr


@dataclass(frozen=True, slots=True)
class Use:
    span: Span
    name: Ident
    count: Expr | None
    module: Ident
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Incremental:
    span: Span
    index: Ident


@dataclass(frozen=True, slots=True)
class Equation:
    """`name[subscripts] = right`; `subscripts` is None where no brackets were written."""

    span: Span
    output: bool
    name: Ident
    subscripts: tuple[Expr, ...] | None
    right: Expr


@dataclass(frozen=True, slots=True)
class Binding:
    """One `with` binding of a law: `left = right`."""

    span: Span
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Law:
    span: Span
    name: Ident
    claim: Expr
    given: tuple[Expr, ...]
    bindings: tuple[Binding, ...]


Statement = (
    SourceNote
    | SizeDecl
    | IndexDecl
    | InputDecl
    | ParamDecl
    | ConstDecl
    | RandomDecl
    | Require
    | Use
    | Incremental
    | Equation
    | Law
)


@dataclass(frozen=True, slots=True)
class Module:
    span: Span
    name: Ident
    doc: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Def:
    span: Span
    name: Ident
    parameters: tuple[Ident, ...]
    body: Expr


@dataclass(frozen=True, slots=True)
class Import:
    span: Span
    names: tuple[Ident, ...]
    origin: Ident


@dataclass(frozen=True, slots=True)
class File:
    """`lost` are the names in statements that have a syntax error and were left out."""

    source: Source
    imports: tuple[Import, ...]
    defs: tuple[Def, ...]
    modules: tuple[Module, ...]
    lost: frozenset[str] = frozenset()
