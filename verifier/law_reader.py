"""Reads laws: primed names, derivatives, and what holds of a claim.

    (claim, indices) -> None | Broken

A law speaks of two evaluations of a module. Their numbers lie in one store, block after block,
each laid out like the oracle's: block 0 the evaluation itself, block 1 the primed one, and a
block for each element that a derivative is taken of.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flint import arb

from ..compiler import typed as t
from .exact import Place, Scope, UndefinedValue, Value
from .settings import Const
from .symbolic import Node, Structures
from .walk import Walker

DIGITS = 12
"""How many digits of a side of a claim are shown."""


class LawError(Exception):
    """The verifier cannot evaluate this law."""


class LeftOut(Exception):
    """No claim is made, or can be held, at these indices."""


class Untried(Exception):
    """These indices are not tried: enough others are."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The part of a claim that does not hold, at the indices of the law and of any `all`; by how
    many times what is allowed. `anyway`: the exact numbers do not satisfy it either."""

    indices: Mapping[str, int]
    part: str
    left: str
    right: str
    ratio: float = float("inf")
    anyway: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """How a block of the store is laid out."""

    sizes: Mapping[str, int]
    places: Mapping[str, Place]
    length: int


Consts = tuple[Mapping[str, Const], Mapping[str, Const]]
"""The consts of the evaluation itself and of the primed one."""
Derive = Callable[[t.Derivative, int], int]
"""The number of the block that holds the derivatives of the element at a place of the store."""


class LawReader(Walker):
    """A Walker for laws. `read` collects what an expression rests on."""

    def __init__(
        self,
        layout: Layout,
        store: list[Value],
        consts: Consts,
        derive: Derive,
        structures: Structures,
    ) -> None:
        primed = {f"{name}'": value for name, value in consts[1].items()}
        super().__init__(
            layout.sizes,
            layout.places,
            store,
            consts={**consts[0], **primed},
            structures=structures,
        )
        self.length = layout.length
        self.derive = derive
        self.read: set[int] = set()

    def locate(self, expr: t.Element, scope: Scope) -> int:
        place = self._place(expr, scope) + self.length * expr.primed
        self.read.add(place)
        return place

    def real(self, expr: t.Expr, scope: Scope) -> Node:
        match expr:
            case t.ConstRef(primed=True):
                return super().real(t.ConstRef(expr.span, f"{expr.name}'"), scope)
            case t.Derivative():
                if expr.of.primed != expr.by.primed:
                    raise LawError("a derivative across two evaluations is not verified")
                of = self._place(expr.of, scope) + self.length * expr.of.primed
                block = self.derive(expr, of)
                leaf = block * self.length + self._place(expr.by, scope)
                self.read.add(leaf)
                return leaf
        return super().real(expr, scope)

    def _place(self, expr: t.Element, scope: Scope) -> int:
        return self.places[expr.tensor].at(self.subscripts(expr, scope))


class Judge(ABC):
    """Says where a claim does not hold. Raises UndefinedValue where a part is undefined, and
    LeftOut where it cannot be told."""

    def __init__(self, reader: LawReader) -> None:
        self.reader = reader

    def broken(self, claim: t.Expr, scope: Scope) -> Broken | None:
        """The first part of a claim that does not hold; None where all of it does."""
        match claim:
            case t.And():
                return next((b for e in claim.operands if (b := self.broken(e, scope))), None)
            case t.Or():
                first: Broken | None = None
                for e in claim.operands:
                    if (b := self.broken(e, scope)) is None:
                        return None
                    first = first or b
                return first
            case t.Reduce(operator="all"):
                cells = self.reader.cells(claim.bound, claim.where, scope)
                return next((b for cell in cells if (b := self.broken(claim.body, cell))), None)
            case t.If():
                taken = self.reader.exact(claim.condition, scope)
                return self.broken(claim.then if taken else claim.otherwise, scope)
            case t.Compare() if "real" in (claim.left.type, claim.right.type):
                return self.compare(claim, scope)
        return self.decide(claim, scope)

    @abstractmethod
    def compare(self, claim: t.Compare, scope: Scope) -> Broken | None:
        """A comparison of reals."""

    @abstractmethod
    def decide(self, claim: t.Expr, scope: Scope) -> Broken | None:
        """Any other condition."""


def broken_part(
    reader: LawReader,
    claim: t.Expr,
    scope: Scope,
    ratio: float = float("inf"),
    *,
    anyway: bool = False,
) -> Broken:
    """What is said of a part of a claim that does not hold."""
    left, right = "false", "true"
    if isinstance(claim, t.Compare):
        left, right = (_shown(reader, side, scope) for side in (claim.left, claim.right))
    return Broken(dict(scope.indices), words(claim), left, right, ratio, anyway)


def worth(reader: LawReader, e: t.Expr, scope: Scope) -> arb | float:
    """The value of a side of a comparison. Raises UndefinedValue."""
    if e.type == "real":
        return reader.value(reader.real(e, scope))
    return arb(reader.exact(e, scope))


def _shown(reader: LawReader, e: t.Expr, scope: Scope) -> str:
    try:
        value = worth(reader, e, scope) if e.type == "real" else reader.exact(e, scope)
    except UndefinedValue:
        return "undefined"
    return str(value.str(DIGITS, radius=False) if isinstance(value, arb) else value)


def words(e: t.Expr | t.Law) -> str:
    """The text of a part of a spec, on one line."""
    return " ".join(e.span.text.split())
