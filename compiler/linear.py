"""Polynomials with integer coefficients over named integers, and a test for contradiction.

A polynomial maps monomials to coefficients: `()` is the constant, `("H", "M")` the product
of two atoms. A constraint is a polynomial that is at least 0. Monomials are treated as
unknowns of their own; they are integers, which tightens strict inequalities.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

Monomial = tuple[str, ...]
Polynomial = Mapping[Monomial, int]

MAX_CONSTRAINTS = 160
"""Constraints alive at one time while unknowns are eliminated."""
MAX_UNKNOWNS = 40
MAX_PRODUCTS = 60
"""Constraints that `with_products` adds."""
MAX_COEFFICIENT = 10**40


@dataclass(slots=True)
class Meter:
    """The work that proofs may still take, counted in constraints looked at. It is the same
    on every machine."""

    left: int = 80_000

    def spend(self, amount: int) -> bool:
        """Whether there was enough left."""
        self.left -= amount
        return self.left > 0


def constant(value: int) -> Polynomial:
    return {(): value} if value else {}


def atom(name: str) -> Polynomial:
    return {(name,): 1}


def add(left: Polynomial, right: Polynomial, factor: int = 1) -> Polynomial:
    """left + factor * right."""
    total = dict(left)
    for monomial, value in right.items():
        new = total.get(monomial, 0) + factor * value
        if new:
            total[monomial] = new
        else:
            total.pop(monomial, None)
    return total


def shift(left: Polynomial, by: int) -> Polynomial:
    return add(left, constant(by))


def negate(left: Polynomial) -> Polynomial:
    return {monomial: -value for monomial, value in left.items()}


def multiply(left: Polynomial, right: Polynomial) -> Polynomial:
    total: Polynomial = {}
    for a, x in left.items():
        total = add(total, {tuple(sorted(a + b)): x * y for b, y in right.items()})
    return total


def divide_exactly(left: Polynomial, right: Polynomial) -> Polynomial | None:
    """left / right where `right` is one monomial that divides every term, else None."""
    if len(right) != 1:
        return None
    ((divisor, value),) = right.items()
    result: dict[Monomial, int] = {}
    for monomial, coefficient in left.items():
        rest = _without(monomial, divisor)
        if rest is None or coefficient % value:
            return None
        result[rest] = coefficient // value
    return result


def replace(polynomial: Polynomial, name: str, value: Polynomial) -> Polynomial:
    """`polynomial` with `value` put for an atom."""
    total: Polynomial = {}
    for monomial, coefficient in polynomial.items():
        term: Polynomial = {tuple(m for m in monomial if m != name): coefficient}
        for _ in range(monomial.count(name)):
            term = multiply(term, value)
        total = add(total, term)
    return total


def atoms(polynomial: Polynomial) -> set[str]:
    return {name for monomial in polynomial for name in monomial}


def show(polynomial: Polynomial) -> str:
    """A canonical text, the same for equal polynomials."""
    text = ""
    for monomial, value in sorted(polynomial.items(), key=lambda item: (not item[0], item[0])):
        sign = "-" if value < 0 else "+"
        size = str(abs(value)) if abs(value) != 1 or not monomial else ""
        term = " * ".join(([size] if size else []) + list(monomial))
        text += f" {sign} {term}" if text else ("-" if value < 0 else "") + term
    return text or "0"


def contradictory(constraints: Iterable[Polynomial], meter: Meter) -> bool:
    """Whether no integers satisfy all constraints (Fourier-Motzkin). True is certain; False
    may also mean that the budget ran out."""
    system = _without_equalities(_tighten(constraints), meter)
    if system is None:
        return True
    unknowns = {monomial for row in system for monomial, _ in row}
    if len(unknowns) > MAX_UNKNOWNS:
        return False
    while unknowns:
        uses: dict[Monomial, tuple[list[_Row], list[_Row]]] = {m: ([], []) for m in unknowns}
        for row in system:
            for monomial, value in row:
                uses[monomial][value < 0].append(row)
        pivot = min(
            unknowns, key=lambda m: (len(uses[m][0]) * len(uses[m][1]) - len(uses[m][0]), m)
        )
        above, below = uses[pivot]
        rest: list[Polynomial] = [
            {**dict(row), (): bound} for row, bound in system.items() if not _has(row, pivot)
        ]
        size = len(rest) + len(above) * len(below)
        if size > MAX_CONSTRAINTS or not meter.spend(size):
            return False
        for up in above:
            for down in below:
                x, y = _value(up, pivot), -_value(down, pivot)
                left: Polynomial = {m: y * v for m, v in {**dict(up), (): system[up]}.items()}
                rest.append(add(left, {**dict(down), (): system[down]}, x))
        unknowns.discard(pivot)
        tightened = _tighten(rest)
        if tightened is None:
            return True
        system = tightened
    return False


def _without_equalities(system: dict[_Row, int] | None, meter: Meter) -> dict[_Row, int] | None:
    """The system with unknowns replaced that an equation gives in whole numbers of others, so
    that parity is not lost: k == 2a and K == 2c and k < K leave a < c."""
    while system is not None:
        found = next(
            (
                (row, monomial, value)
                for row, bound in system.items()
                if system.get(tuple((m, -v) for m, v in row)) == -bound
                for monomial, value in row
                if abs(value) == 1
            ),
            None,
        )
        if found is None or not meter.spend(len(system)):
            return system
        row, monomial, sign = found
        equation: Polynomial = {**dict(row), (): system[row]}
        rest: list[Polynomial] = [{**dict(r), (): bound} for r, bound in system.items()]
        system = _tighten(add(r, equation, -sign * r.get(monomial, 0)) for r in rest)
    return None


_Row = tuple[tuple[Monomial, int], ...]


def _has(row: _Row, monomial: Monomial) -> bool:
    return any(m == monomial for m, _ in row)


def _value(row: _Row, monomial: Monomial) -> int:
    return next(v for m, v in row if m == monomial)


def _tighten(constraints: Iterable[Polynomial]) -> dict[_Row, int] | None:
    """Coefficients without common divisor -> the tightest constant; None on a contradiction."""
    system: dict[_Row, int] = {}
    for constraint in constraints:
        bound = constraint.get((), 0)
        row = [(m, v) for m, v in constraint.items() if m and v]
        if not row:
            if bound < 0:
                return None
            continue
        divisor = gcd(*(v for _, v in row))
        if divisor > 1:
            row = [(m, v // divisor) for m, v in row]
            bound //= divisor
        if max(abs(v) for _, v in row) > MAX_COEFFICIENT:
            continue
        key = tuple(sorted(row))
        system[key] = min(bound, system.get(key, bound))
    for key, bound in system.items():
        opposite = tuple((m, -v) for m, v in key)
        if opposite in system and bound + system[opposite] < 0:
            return None
    return system


def with_products(constraints: Sequence[Polynomial], first: int, meter: Meter) -> list[Polynomial]:
    """The constraints, and products of them with factors that are at least 0, where the
    product speaks of monomials that occur already. The first `first` matter most."""
    known = {m for constraint in constraints for m in constraint if len(m) > 1}
    at_least_0 = {
        next(m for m in c if m)[0]
        for c in constraints
        if c.get((), 0) <= 0 and [(len(m), v > 0) for m, v in c.items() if m] == [(1, True)]
    }
    longest = max(map(len, known), default=0)
    result = list(constraints)
    seen: set[_Row] = set()
    for monomial in sorted(known, key=lambda m: (len(m), m)):
        for name in sorted(set(monomial)):
            rest = _without(monomial, (name,)) or ()
            if not rest or not at_least_0.issuperset(rest):
                continue
            if not meter.spend(len(constraints)):
                return result
            for number, constraint in enumerate(constraints):
                if (name,) not in constraint or len(result) - len(constraints) >= MAX_PRODUCTS:
                    continue
                if number >= first and len(constraint) > 4:
                    continue
                product = multiply(constraint, {rest: 1})
                key = tuple(sorted(product.items()))
                if key not in seen and max(map(len, product)) <= longest:
                    seen.add(key)
                    result.append(product)
    return result


def _without(monomial: Monomial, divisor: Monomial) -> Monomial | None:
    """The monomial divided by another, or None."""
    rest = list(monomial)
    for name in divisor:
        if name not in rest:
            return None
        rest.remove(name)
    return tuple(rest)
