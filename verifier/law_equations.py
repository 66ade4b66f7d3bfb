"""Laws on the equations: exact arithmetic, at the instances of a case."""

from __future__ import annotations

import numpy as np
from flint import arb

from ..compiler import typed as t
from . import extended
from .exact import Scope, UndefinedValue, Value
from .extended import UNDEFINED, Undecided
from .law_instances import Batch, Tally
from .law_reader import Broken, Judge, LawReader, LeftOut, broken_part, worth
from .law_world import World, build
from .oracle import Run, adjoints
from .regimes import Case
from .symbolic import Structures
from .truth import Truths

CLOSE = arb(10) ** -30
"""How near 0 the distance of two sides must be known to be, against their size, to be 0."""
NOTHING = arb(10) ** -40
"""The same where both sides are near 0."""


def try_equations(
    truths: Truths, law: t.Law, case: Case, batch: Batch, structures: Structures
) -> Tally:
    """Whether the law follows from the equations, at the first precision that can tell.
    Raises LawError."""
    precisions = truths.oracle(case).precisions
    for level, precision in enumerate(precisions):
        with extended.working(precision, level == len(precisions) - 1):
            try:
                world = build(truths, law, case, batch.outer, structures)
                return _try(world, law, batch, structures, level)
            except Undecided:
                continue
            except (LeftOut, UndefinedValue):
                break
    return Tally(left_out=len(batch.instances))


def _try(world: World, law: t.Law, batch: Batch, structures: Structures, level: int) -> Tally:
    runs = _Runs(world)
    reader = LawReader(world.layout, runs.store, world.consts, runs.derive, structures)
    judge = _Exact(reader, level)
    tally = Tally()
    for indices in batch.instances:
        scope = Scope(dict(indices))
        try:
            if not all(reader.exact(condition, scope) for condition in law.given):
                continue
            tally.broken = judge.broken(law.claim, scope)
        except (LeftOut, UndefinedValue):
            tally.left_out += 1
            continue
        if tally.broken is not None:
            break
        tally.held += 1
    return tally


class _Runs:
    """The store of a world: both evaluations, and derivatives as they are asked for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.runs: list[Run] = [world.run(0), world.run(1)] if world.primed else [world.run(0)] * 2
        self.store: list[Value] = self.runs[0].store + self.runs[1].store
        self.blocks: dict[int, int] = {}

    def derive(self, derivative: t.Derivative, of: int) -> int:
        """The block with the derivatives of an element. Raises UndefinedValue where that has no
        value, and so none either."""
        if self.store[of] is UNDEFINED:
            raise UndefinedValue
        if of not in self.blocks:
            primed, element = divmod(of, self.world.layout.length)
            oracle = self.world.oracle(primed)
            place = oracle.places[derivative.of.tensor]
            cotangent = np.zeros(place.shape)
            cotangent.reshape(-1)[element - place.offset] = 1.0
            self.blocks[of] = len(self.store) // self.world.layout.length
            self.store += adjoints(oracle, self.runs[primed], {place.name: cotangent})
        return self.blocks[of]


class _Exact(Judge):
    """Holds claims to the last digit. Two sides that cannot be told apart are equal; whether
    one is less than the other is then left open."""

    def __init__(self, reader: LawReader, level: int) -> None:
        super().__init__(reader)
        self.level = level

    def compare(self, claim: t.Compare, scope: Scope) -> Broken | None:
        left, right = (worth(self.reader, e, scope) for e in (claim.left, claim.right))
        if isinstance(left, arb) and isinstance(right, arb):
            order = self.order(left, right, claim.operator)
        else:
            order = extended.compare(left, right)
        holds = {
            "<": order < 0,
            "<=": order <= 0,
            ">": order > 0,
            ">=": order >= 0,
            "==": order == 0,
            "!=": order != 0,
        }[claim.operator]
        return None if holds else broken_part(self.reader, claim, scope)

    def order(self, left: arb, right: arb, operator: str) -> int:
        """-1, 0 or 1."""
        difference = left - right
        if difference > 0 or difference < 0:
            return 1 if difference > 0 else -1
        if difference.is_zero():
            return 0
        if not difference.rad() < CLOSE * (abs(left) + abs(right)) + NOTHING:
            raise Undecided
        if operator in ("<", ">", "!="):
            if self.level == 0:
                raise Undecided
            raise LeftOut
        return 0

    def decide(self, claim: t.Expr, scope: Scope) -> Broken | None:
        return None if self.reader.exact(claim, scope) else broken_part(self.reader, claim, scope)
