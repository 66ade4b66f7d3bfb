"""What a checker knows while it reads a module: its names, its functions, where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal, NoReturn, TypeVar

from . import syntax as s
from . import typed as t
from .diagnostics import Log, Poisoned, suggest
from .linear import Meter
from .ranges import Bounds, Given, Prover
from .source import Span

Kind = Literal["size", "index", "input", "param", "const", "random source", "submodule", "equation"]
A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name of a module, and where it was first written."""

    kind: Kind
    span: Span


@dataclass(frozen=True, slots=True)
class Tensor:
    """What expressions may know of a tensor. `dims` or `type` is None where its own definition
    is wrong and has been reported."""

    name: str
    kind: Kind
    dims: tuple[t.Expr, ...] | None
    type: t.Type | None


@dataclass(frozen=True, slots=True)
class Checked:
    """A checked module, with what is known of its integer outputs. `needs` are the sizes that
    its constructor takes."""

    module: t.Module
    bounds: Mapping[str, Bounds]
    needs: tuple[str, ...]


@dataclass(slots=True)
class Stack:
    """A submodule (or a stack of them) being checked: what its calls have fixed so far."""

    declaration: s.Use
    count: t.Expr | None
    checked: Checked
    sizes: dict[str, t.Expr]
    consts: dict[str, t.Expr]
    given: frozenset[str]


@dataclass(frozen=True, slots=True)
class Function:
    """A `def`: `wanted` is the type each parameter must have, real where any number will do."""

    definition: s.Def
    prelude: bool
    wanted: tuple[t.Type, ...]
    nodes: int
    depth: int
    world: World


@dataclass(slots=True)
class World:
    """What stands before `(` in a file: functions and modules. None: known, but wrong."""

    functions: dict[str, Function | None] = field(default_factory=dict)
    modules: dict[str, Checked | None] = field(default_factory=dict)
    meter: Meter = field(default_factory=Meter)
    bodies: dict[tuple[str, tuple[t.Type, ...]], t.Expr | None] = field(default_factory=dict)


@dataclass(slots=True)
class Scope:
    """One module, as far as it has been checked."""

    log: Log
    world: World
    lost: frozenset[str]
    symbols: dict[str, Symbol] = field(default_factory=dict)
    sizes: dict[str, t.Size] = field(default_factory=dict)
    indices: dict[str, t.Bound] = field(default_factory=dict)
    consts: dict[str, t.Const] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    records: dict[str, t.ModuleCall | None] = field(default_factory=dict)
    submodules: dict[str, Stack] = field(default_factory=dict)
    prover: Prover = field(default_factory=Prover)
    taken: set[str] = field(default_factory=set)
    read_fields: dict[str, None] = field(default_factory=dict)
    trusting: bool = False

    def fresh(self, name: str) -> str:
        """A name for a renamed index: `u_1` for `u`."""
        number = 1
        while f"{name}_{number}" in self.taken or f"{name}_{number}" in self.symbols:
            number += 1
        self.taken.add(f"{name}_{number}")
        return f"{name}_{number}"

    def unknown(
        self, code: str, name: s.Ident | s.Name, message: str, candidates: Iterable[str]
    ) -> NoReturn:
        """Report a name that nothing has, unless the statement that has it is broken."""
        if name.name in self.lost:
            raise Poisoned
        known = list(candidates)
        near = suggest(name.name, known)
        if not near and code == "E715":
            near = f"it has {in_words(known)}"
        self.fail(code, name.span, message, help=near)

    def fail(
        self, code: str, span: Span, message: str, *, label: str = "", help: str = ""
    ) -> NoReturn:
        """Record an error and raise Poisoned."""
        self.log.fail(code, span, message, label=label, help=help)


@dataclass(frozen=True, slots=True)
class Context:
    """Where an expression stands. `indices` are those in scope, by the name in the text;
    `conditions` hold there. `only` are the kinds of names that may be used, all where it is
    None, and `place` says what the expression is, for the message. `unsure`: a condition around
    is wrong, so that a range that cannot be proved need not be an error. `summed` is the sum
    around, `reported` the names of this statement that have been reported."""

    indices: Mapping[str, t.Bound] = field(default_factory=dict)
    given: Given = field(default_factory=lambda: Given({}))
    parameters: Mapping[str, t.ArgumentRef] | None = None
    only: frozenset[str] | None = None
    place: str = "an expression"
    law: bool = False
    primes: bool = False
    unsure: bool = False
    summed: s.Reduce | None = None
    reported: set[str] = field(default_factory=set)

    def under(self, *conditions: t.Expr) -> Context:
        return replace(self, given=self.given.under(*conditions))

    def binding(self, names: Mapping[str, t.Bound]) -> Context:
        """With further indices in scope, by the name in the text."""
        given = self.given.binding(*names.values())
        return replace(self, indices={**self.indices, **names}, given=given)


def attempt(check: Callable[[A], object], item: A) -> None:
    """`check` an item; that it is wrong has been reported."""
    with suppress(Poisoned):
        check(item)


def each(check: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """`check` of every item. All are checked, and only then is Poisoned raised, if any was."""
    results: list[B] = []
    poisoned = False
    for item in items:
        try:
            results.append(check(item))
        except Poisoned:
            poisoned = True
    if poisoned:
        raise Poisoned
    return results


def in_words(names: Iterable[str]) -> str:
    """`a`, `b` and `c`."""
    quoted = [f"`{name}`" for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def a_kind(kind: str) -> str:
    """`an input`, `a size`."""
    return f"an {kind}" if kind[0] in "aei" else f"a {kind}"
