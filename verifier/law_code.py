"""Laws on the code: what an implementation returns, and its derivatives, in the law's place.

The exact values satisfy the law. What the code gives may be off each of them by its tolerance;
so the sides of a claim may differ by what they move when each number that they rest on moves
by its own, and by some ulps.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from math import isfinite
from typing import TypeVar

from flint import arb

from ..compiler import typed as t
from ..compiler.walk import nodes
from . import extended
from .compare import FORMATS, ULPS
from .exact import Scope, UndefinedValue, Value
from .extended import Undecided
from .law_instances import Batch, Tally
from .law_numbers import Numbers
from .law_reader import Broken, Judge, LawReader, LeftOut, Untried, broken_part, worth
from .law_world import build
from .regimes import Case
from .symbolic import Structures
from .trial import Subject
from .truth import Truths

T = TypeVar("T")

DIGITS = 60
PATTERNS = 8
"""How many ways of moving all numbers at once decide whether a condition is certain."""


def unreturned(module: t.Module, law: t.Law) -> list[str]:
    """The tensors that a law names and no implementation returns; a law that has some cannot be
    held against code."""
    named = [e for part in (law.claim, *law.given) for e in nodes(part)]
    inside = set(module.definitions) - set(module.outputs)
    return sorted({e.tensor for e in named if isinstance(e, t.Element)} & inside)


def try_code(
    subject: Subject,
    truths: Truths,
    law: t.Law,
    case: Case,
    dtype: str,
    batch: Batch,
    structures: Structures,
) -> Tally:
    """Whether the implementation keeps a law that follows from the equations. What it raises is
    passed on."""
    tally = Tally()
    with extended.working(DIGITS, True):
        try:
            world = build(truths, law, case, batch.outer, structures)
            numbers = Numbers(subject, truths, world, dtype)
        except (LeftOut, UndefinedValue, Undecided):
            return Tally(left_out=len(batch.instances))
        judge = _Near(numbers, structures, random.Random(case.seed))
        for indices in batch.instances:
            scope = Scope(dict(indices))
            numbers.begin()
            try:
                if not all(judge.certain(condition, scope) for condition in law.given):
                    continue
                tally.broken = judge.broken(law.claim, scope)
            except Untried:
                continue
            except (LeftOut, UndefinedValue, Undecided):
                tally.left_out += 1
                continue
            tally.worst = max(tally.worst, judge.worst)
            if tally.broken is None:
                tally.held += 1
            elif tally.broken.anyway:  # the dtype's rounding of what `with` fixes breaks it
                tally.left_out, tally.broken = tally.left_out + 1, None
            else:
                break
    return tally


class _Near(Judge):
    """Holds claims on what the code gave, within what its tolerances move."""

    def __init__(self, numbers: Numbers, structures: Structures, rng: random.Random) -> None:
        self.numbers, self.rng = numbers, rng
        world = numbers.world

        def reader(store: list[Value]) -> LawReader:
            return LawReader(world.layout, store, world.consts, numbers.derive, structures)

        super().__init__(reader(numbers.exact))
        self.code, self.moved = reader(numbers.code), reader(numbers.moved)
        self.format = FORMATS[numbers.dtype]
        self.worst = 0.0

    def compare(self, claim: t.Compare, scope: Scope) -> Broken | None:
        if claim.operator == "!=":
            return self.decide(claim, scope)
        self.reader.read.clear()
        exact, _ = _difference(self.reader, claim, scope)
        read = self.numbers.counted(self.reader.read)
        try:
            got, size = _difference(self.code, claim, scope)
        except UndefinedValue:
            return broken_part(self.code, claim, scope)
        allowed = ULPS * self.format.epsilon * max(size, self.format.smallest_normal)
        if isfinite(exact):
            allowed += sum(self.movement(claim, scope, exact, place) for place in read)
        off = _excess(claim.operator, exact)
        if off > allowed:
            return broken_part(self.reader, claim, scope, anyway=True)
        error = _excess(claim.operator, got)
        ratio = 0.0 if error == 0 else error / (allowed + off)
        if ratio > 1:
            return broken_part(self.code, claim, scope, ratio)
        self.worst = max(self.worst, ratio)
        return None

    def movement(self, claim: t.Compare, scope: Scope, exact: float, place: int) -> float:
        """How far the distance of the sides moves when one number moves by its tolerance."""
        farthest = 0.0
        for sign in (1.0, -1.0):
            with self.numbers.moving({place: sign}):
                distance = self.undisturbed(lambda: _difference(self.moved, claim, scope)[0])
                farthest = max(farthest, abs(distance - exact))
        return farthest

    def decide(self, claim: t.Expr, scope: Scope) -> Broken | None:
        if not self.certain(claim, scope):
            return broken_part(self.reader, claim, scope, anyway=True)
        try:
            holds = self.code.exact(claim, scope)
        except UndefinedValue:
            holds = False
        return None if holds else broken_part(self.code, claim, scope)

    def certain(self, condition: t.Expr, scope: Scope) -> bool:
        """Whether a condition holds; LeftOut where that hangs on the tolerances."""
        self.reader.read.clear()
        truth = bool(self.reader.exact(condition, scope))
        read = self.numbers.counted(self.reader.read)
        for _ in range(PATTERNS if read else 0):
            with self.numbers.moving({place: self.rng.choice((1.0, -1.0)) for place in read}):
                if self.undisturbed(lambda: self.moved.exact(condition, scope)) != truth:
                    raise LeftOut
        return truth

    def undisturbed(self, compute: Callable[[], T]) -> T:
        """What is computed from moved numbers; LeftOut where those make it undefined."""
        try:
            return compute()
        except UndefinedValue as error:
            raise LeftOut from error


def _difference(reader: LawReader, claim: t.Compare, scope: Scope) -> tuple[float, float]:
    """The left side less the right one, and the larger of their sizes."""
    left, right = (worth(reader, e, scope) for e in (claim.left, claim.right))
    if isinstance(left, arb) and isinstance(right, arb):
        return float(left - right), max(abs(float(left)), abs(float(right)))
    if extended.compare(left, right) == 0:
        return 0.0, 0.0
    return float(left) - float(right), 0.0


def _excess(operator: str, difference: float) -> float:
    """By how much a comparison fails, if it does."""
    if operator == "==":
        return abs(difference)
    return max(difference if operator in ("<", "<=") else -difference, 0.0)
