"""Tolerances for code of one module that is held against another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from .compare import Noise
from .other import Other
from .reference import Spread
from .regimes import Case
from .truth import Truths


class PairTruths(Truths):
    """The truths of a module, with the noise of the other too: its code rounds as the other's
    equations do, which may cancel where the module's do not. `own` are the other's truths."""

    def __init__(self, pair: Other, dtypes: Sequence[str]) -> None:
        super().__init__(pair.module, dtypes)
        self.pair, self.own = pair, Truths(pair.other, dtypes)

    def noise(self, the_case: Case, dtype: str) -> tuple[dict[str, Noise], dict[str, Noise]]:
        values, gradients = super().noise(the_case, dtype)
        others, by = self.own.noise(self.pair.case(the_case), dtype)
        others = {name: others[own] for name, own in self.pair.outputs.items()}
        return _larger(values, others), _larger(gradients, by)


def _larger(a: Mapping[str, Noise], b: Mapping[str, Noise]) -> dict[str, Noise]:
    return {
        name: Noise(
            _wider(noise.fine, b[name].fine),
            _wider(noise.rough, b[name].rough),
            _wider(noise.flushed, b[name].flushed),
        )
        for name, noise in a.items()
    }


def _wider(a: Spread, b: Spread) -> Spread:
    sigma, reach = np.fmax(a.sigma, b.sigma), np.fmax(a.reach, b.reach)
    return replace(a, sigma=sigma, reach=reach, jump=a.jump | b.jump)
