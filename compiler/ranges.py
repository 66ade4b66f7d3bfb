"""Proves facts about integers: that a subscript stays in range, that two sizes are equal.

A proof is by contradiction: the goal is negated, what is known of everything it speaks of is
added (ranges of indices, sizes at least 1, requirements, the conditions around it, what
floor division means), and the system is shown to have no integer solution. A proof that
exceeds its budget counts as none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from . import linear as lin
from . import typed as t
from .integers import Bounds, Formula, Given, Known, Translation, mentions
from .linear import Polynomial

__all__ = ["Bounds", "Given", "Prover", "mentions"]

MAX_BRANCHES = 48
"""Systems refuted for one goal."""


@dataclass(slots=True)
class Prover(Known):
    """The facts of one module, and what follows from them."""

    at_least: dict[tuple[str, int], bool] = field(default_factory=dict)
    start: _Start | None = None

    @property
    def exhausted(self) -> bool:
        """Whether the budget is used up, and nothing is proved any more."""
        return self.meter.left <= 0

    def at_most(self, low: t.Expr, high: t.Expr, given: Given, gap: int = 0) -> bool:
        """Whether low + gap <= high, certainly."""
        return self.any_at_most([(low, high)], given, gap)

    def any_at_most(
        self, pairs: Sequence[tuple[t.Expr, t.Expr]], given: Given, gap: int = 0
    ) -> bool:
        """Whether, at every point, some pair has low + gap <= high."""
        if self.exhausted:
            return False
        query = _Query(self, given)
        goals = [
            lin.shift(lin.add(query.polynomial(high, {}), query.polynomial(low, {}), -1), -gap)
            for low, high in pairs
        ]
        return query.proves(goals)

    def equal(self, left: t.Expr, right: t.Expr, given: Given | None = None) -> bool:
        """Whether both are the same integer, certainly."""
        given = given or Given({})
        if left == right:
            return True
        query = _Query(self, given)
        difference = lin.add(query.polynomial(left, {}), query.polynomial(right, {}), -1)
        if not any(difference):
            return not difference
        return query.proves([difference]) and query.proves([lin.negate(difference)])

    def interval(self, expr: t.Expr, given: Given) -> tuple[str, str] | None:
        """The least and greatest value of an integer expression as the ranges of its indices
        alone give them, in words; None where they do not."""
        query = _Query(self, given)
        value = query.polynomial(expr, {})
        ends = [query.extreme(value, sign) for sign in (-1, 1)]
        return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])


@dataclass(slots=True)
class _Start:
    """What every proof of a module starts from: its requirements and derived sizes, said once.
    `requires` counts the requirements that it holds."""

    requires: int
    formulas: list[Formula]
    facts: dict[str, list[Formula]]
    quotients: dict[str, tuple[Polynomial, Polynomial]]


class _Query(Translation):
    """One proof."""

    def __init__(self, prover: Prover, given: Given, depth: int = 0) -> None:
        super().__init__(prover, given, depth)
        self.prover = prover

    def proves(self, goals: Sequence[Polynomial]) -> bool:
        """Whether some goal is at least 0 wherever the facts hold."""
        if any(not set(goal) - {()} and goal.get((), 0) >= 0 for goal in goals):
            return True
        denied = [lin.shift(lin.negate(goal), -1) for goal in goals]
        hypotheses, choices = list(denied), list[Formula]()
        reached = set[str]().union(*map(lin.atoms, denied))
        pending = [(formula, _about(formula)) for formula in self._known()]
        taken = set[str]()
        growing = True
        while growing and self.prover.meter.spend(1 + len(pending)):
            growing = False
            for name in sorted(reached - taken):
                taken.add(name)
                self._define_quotient(name)
                pending += [(formula, {name}) for formula in self.facts.get(name, ())]
            waiting = pending
            pending = []
            for formula, about in waiting:
                if not about & reached:
                    pending.append((formula, about))
                    continue
                growing = True
                reached |= _about(formula)
                if len(formula) == 1:
                    hypotheses += formula[0]
                else:
                    choices.append(formula)
        self.branches = 0
        return self._refutes(hypotheses, choices, len(denied))

    def _known(self) -> list[Formula]:
        """The facts of the module, and the conditions around."""
        start = self._start()
        for name, facts in start.facts.items():
            self.facts.setdefault(name, facts)
        self.quotients = start.quotients | self.quotients
        here = [self.formula(c, True, {}) for c in self.given.conditions]
        return start.formulas + [f for f in here if f != [[]]]

    def _start(self) -> _Start:
        prover = self.prover
        if prover.start is None or prover.start.requires != len(prover.requires):
            query = _Query(prover, Given({}), 3)
            formulas = [query.formula(c, True, {}) for c in prover.requires]
            for value in prover.sizes.values():
                if value is not None:
                    formulas.append([[lin.shift(query.polynomial(value, {}), -1)]])
            formulas = [f for f in formulas if f != [[]]]
            prover.start = _Start(len(prover.requires), formulas, query.facts, query.quotients)
        return prover.start

    def _refutes(self, hypotheses: list[Polynomial], choices: list[Formula], first: int) -> bool:
        self.branches += 1
        meter = self.prover.meter
        if self.branches > MAX_BRANCHES or not meter.spend(len(hypotheses)):
            return False
        if lin.contradictory(hypotheses, meter):
            return True
        if any(len(m) > 1 for c in hypotheses for m in c):
            once = lin.with_products(hypotheses, first, meter)
            if len(once) > len(hypotheses) and lin.contradictory(once, meter):
                return True
        if not choices:
            return False
        return all(self._refutes(hypotheses + case, choices[1:], first) for case in choices[0])

    def _define_quotient(self, name: str) -> None:
        """Note the inequalities that define a quotient, where its divisor is positive."""
        if name in self.facts or name not in self.quotients:
            return
        left, right = self.quotients[name]
        quotient = lin.atom(name)
        self.facts[name] = []
        if self._at_least(right, 1):
            rest = lin.add(left, lin.multiply(right, quotient), -1)
            below = lin.shift(lin.add(right, rest, -1), -1)
            self._with(quotient, [rest, below, lin.shift(right, -1)])
            if set(right) != {()} and self._at_least(left, 0):
                self._with(quotient, [quotient, lin.add(left, quotient, -1)])

    def _at_least(self, value: Polynomial, least: int) -> bool:
        """Whether value >= least, from the ranges and requirements alone."""
        if set(value) <= {()}:
            return value.get((), 0) >= least
        if self.depth >= 2:
            return False
        known, key = self.prover.at_least, (lin.show(value), least)
        if key not in known:
            known[key] = False  # while it is being proved
            query = _Query(self.prover, Given(self.given.ranges), self.depth + 1)
            query.quotients = dict(self.quotients)
            query.facts = {n: f for n, f in self.facts.items() if n not in self.quotients}
            known[key] = query.proves([lin.shift(value, -least)])
        return known[key]

    # words

    def extreme(self, value: Polynomial, sign: int) -> str | None:
        """The least (sign -1) or greatest (sign 1) value, over the ranges of the indices."""
        for name in sorted(lin.atoms(value)):
            ranged = self.given.ranges.get(name)
            if ranged is None:
                continue
            if any(name in m and len(m) > 1 for m in value):
                return None
            slope = value[(name,)]
            last = lin.shift(self.polynomial(ranged, {}), -1)
            value = lin.add(value, lin.atom(name), -slope)
            if slope * sign > 0:
                value = lin.add(value, last, slope)
        plain = all(name.isidentifier() for name in lin.atoms(value))
        return lin.show(value) if plain and len(value) < 5 else None


def _about(formula: Formula) -> set[str]:
    """The atoms that a formula speaks of."""
    return {name for case in formula for constraint in case for name in lin.atoms(constraint)}
