"""Whether draws follow a law: two tests, how many draws they need, and what those can show.

The G-test sees any departure, as far as the draws go. The likelihood-ratio test is the most
powerful one against a stated alternative, the law with `TILT` of it spread evenly over what can
be drawn, and tells how many draws are enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

ALARM = 5e-7
"""How often each of the two tests rejects draws that follow the law: together 1e-6."""
QUANTILE = 3.719
"""Of the normal distribution: the stated alternative is missed once in 10,000 times. The bound
is 1 %, but the negative control is such an alternative too, and should seldom be missed."""
TILT = 0.05
"""The share that the stated alternative spreads evenly."""
EXPECTED = 20
"""How many draws a bin of the G-test should expect; rarer outcomes share one."""


@dataclass(frozen=True, slots=True)
class Law:
    """What may be drawn in each row: outcomes, (outcomes, numbers), and their probabilities."""

    outcomes: tuple[Array, ...]
    probabilities: tuple[Array, ...]

    def counts(self, drawn: Sequence[Array] | Array) -> tuple[list[Array], dict[int, Array]]:
        """How often each outcome of each row was drawn, given the draws of each row, (draws,
        numbers); and by row a draw that is none of them."""
        found, strays = [], {}
        for row, (outcomes, own) in enumerate(zip(self.outcomes, drawn, strict=True)):
            kinds, times = np.unique(own, axis=0, return_counts=True)
            same = (kinds[:, None] == outcomes[None]).all(axis=2)
            known = same.any(axis=1)
            if not known.all():
                strays[row] = kinds[~known][0]
            found.append(times @ same)
        return found, strays

    def needed(self) -> float:
        """How many draws of each row tell the stated alternative from the law; inf where it is
        the law."""
        mean = variance = 0.0
        for p in self.probabilities:
            q = tilted(p)
            ratio = np.log(q / p)
            mean += float(q @ ratio)
            variance += float(q @ ratio**2) - float(q @ ratio) ** 2
        if mean < 1e-12:
            return math.inf
        spread = QUANTILE * math.sqrt(max(variance, 0.0))
        root = (spread + math.sqrt(spread**2 - 4 * mean * math.log(ALARM))) / (2 * mean)
        return math.ceil(root**2)

    def evidence(self, counts: Sequence[Array]) -> dict[str, float]:
        """By test the evidence against the law, over that at which it is rejected."""
        g, free, likelihood = 0.0, 0, 0.0
        for p, seen in zip(self.probabilities, counts, strict=True):
            likelihood += float(seen @ np.log(tilted(p) / p))
            observed, expected = binned(seen, p * seen.sum())
            some = observed > 0
            g += 2 * float(observed[some] @ np.log(observed[some] / expected[some]))
            free += len(expected) - 1
        tail = mpmath.gammainc(free / 2, max(g, 0.0) / 2, mpmath.inf, regularized=True)
        surprise = float(mpmath.log(tail)) if free and tail > 0 else -math.inf if free else 0.0
        bound = math.log(ALARM)
        return {"the G-test": surprise / bound, "the likelihood-ratio test": -likelihood / bound}

    def control(self, count: int, seed: int) -> list[Array]:
        """How often each outcome comes in so many draws of each row from the alternative."""
        draw = np.random.default_rng(seed)
        return [draw.multinomial(count, tilted(p)) for p in self.probabilities]


def tilted(p: Array) -> Array:
    """The stated alternative to a law."""
    even: Array = (1 - TILT) * p + TILT / len(p)
    return even


def binned(observed: Array, expected: Array) -> tuple[Array, Array]:
    """Bins of `EXPECTED` draws or more: rare outcomes share one, if need be with the rarest of
    the others."""
    order = np.argsort(-expected)
    last = int(np.sum(expected >= EXPECTED))
    if last < len(order) and expected[order[last:]].sum() < EXPECTED:
        last = max(last - 1, 0)
    starts = np.arange(min(last + 1, len(order)))
    return np.add.reduceat(observed[order], starts), np.add.reduceat(expected[order], starts)


def rarest_seen(count: int) -> float:
    """The probability from which an outcome that never comes in so many draws is missed for
    certain, but for an error rate of `ALARM`."""
    return -math.log(ALARM) / count
