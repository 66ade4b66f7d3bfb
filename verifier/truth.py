"""What a case should give: exact values and gradients, and what rounding does to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..compiler import typed as t
from .compare import FACTOR, ROUGH, Format, Noise
from .oracle import Evaluation, Exact, Oracle
from .reference import alike, all_spreads
from .regimes import Case
from .settings import Setting
from .symbolic import Structures

Array = npt.NDArray[Any]


EVALUATIONS = 4
NOISES = 64
"""Cases whose evaluation is remembered, at most; and of which what rounding does is."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What one case should give: values and gradients, exactly; and all named tensors. `unread`
    marks the elements of real inputs and params that no output depends on."""

    case: Case
    values: Mapping[str, Exact]
    gradients: Mapping[str, Exact]
    named: Sequence[Exact]
    adjoints: Sequence[Exact]
    unread: Mapping[str, npt.NDArray[np.bool_]]

    def fits(self, format: Format) -> bool:
        """Whether every finite value of a named tensor lies within the format."""
        return all(fits(exact, format) for exact in self.named)

    def gradients_fit(self, format: Format) -> bool:
        """Whether every finite derivative by a named tensor does."""
        return all(fits(exact, format) for exact in self.adjoints)

    @property
    def undefined(self) -> bool:
        """Whether an output is undefined anywhere."""
        return any(bool(exact.undefined.any()) for exact in self.values.values())


class Truths:
    """The truths of a module's cases. Cases of the same sizes and consts share an oracle."""

    def __init__(self, module: t.Module, dtypes: Sequence[str] = ()) -> None:
        self.module = module
        self.dtypes = dtypes
        variables = {**module.inputs, **module.params}
        self.reals = [name for name, variable in variables.items() if variable.type == "real"]
        has_reals = any(module.definitions[o].type == "real" for o in module.outputs)
        self.sources = self.reals if has_reals else []
        """What gradients are taken by."""
        self._structures = Structures()
        self._oracles: dict[Any, Oracle] = {}
        self._evaluations: dict[Any, Evaluation] = {}
        self._noises: dict[Any, dict[str, tuple[dict[str, Noise], dict[str, Noise]]]] = {}

    def oracle(self, the_case: Case) -> Oracle:
        """The module at the sizes and consts of a case."""
        setting = the_case.setting
        key = _setting_key(setting)
        if key not in self._oracles:
            self._oracles[key] = Oracle(
                self.module, setting.sizes, setting.consts, structures=self._structures
            )
        return self._oracles[key]

    def evaluate(self, the_case: Case) -> Evaluation:
        """The oracle at a case. The last ones are remembered."""
        key = _key(the_case)
        if key not in self._evaluations:
            if len(self._evaluations) == EVALUATIONS:
                self._evaluations.clear()
            self._evaluations[key] = self.oracle(the_case).evaluate(the_case.tensors)
        return self._evaluations[key]

    def of(self, the_case: Case) -> Truth:
        """The exact values and gradients of a case."""
        evaluation = self.evaluate(the_case)
        definitions = self.module.definitions
        named = {
            name: evaluation.value(name)
            for name, definition in definitions.items()
            if definition.type == "real" or name in self.module.outputs
        }
        gradients: Mapping[str, Exact] = {}
        if self.sources:
            gradients = evaluation.gradient(the_case.cotangents)
        return Truth(
            the_case,
            {name: named[name] for name in self.module.outputs},
            {name: gradients[name] for name in self.sources},
            [exact for name, exact in named.items() if definitions[name].type == "real"],
            [gradients[name] for name in definitions if name in gradients],
            evaluation.unread(self.reals),
        )

    def noise(self, the_case: Case, dtype: str) -> tuple[dict[str, Noise], dict[str, Noise]]:
        """What rounding in a format does to outputs and gradients. Formats are looked at
        together where that costs less, and the last cases are remembered."""
        cotangents = the_case.cotangents if self.sources else {}
        key = (the_case.seed, *_key(the_case), _bytes(cotangents))
        if len(self._noises) == NOISES:
            self._noises.clear()
        known = self._noises.setdefault(key, {})
        if dtype not in known:
            wanted = [d for d in alike(dtype) if d == dtype or d in self.dtypes]
            known |= self._noise(the_case, cotangents, wanted)
        return known[dtype]

    def _noise(
        self, the_case: Case, cotangents: Mapping[str, Array], dtypes: Sequence[str]
    ) -> dict[str, tuple[dict[str, Noise], dict[str, Noise]]]:
        setting = the_case.setting
        given = self.module, setting.sizes, setting.consts, the_case.tensors, cotangents
        spreads = all_spreads(*given, dtypes, rough=ROUGH, factor=FACTOR, seed=the_case.seed)
        return {
            dtype: (
                {name: Noise(*(part[0][name] for part in parts)) for name in parts[0][0]},
                {name: Noise(*(part[1][name] for part in parts)) for name in parts[0][1]},
            )
            for dtype, parts in spreads.items()
        }


def _key(the_case: Case) -> tuple[Any, ...]:
    """What tells cases apart by what a module is given."""
    return _setting_key(the_case.setting), _bytes(the_case.tensors)


def _setting_key(setting: Setting) -> tuple[Any, ...]:
    return tuple(setting.sizes.items()), tuple(setting.consts.items())


def _bytes(tensors: Mapping[str, Array]) -> tuple[Any, ...]:
    return tuple((name, tensor.dtype.str, tensor.tobytes()) for name, tensor in tensors.items())


HEADROOM = 4.0
"""How far below its largest number a format is used up: sums go by way of larger numbers."""


def fits(exact: Exact, format: Format) -> bool:
    """Whether every finite value lies well within the format."""
    return not bool(np.any(exact.finite & (np.abs(exact.high) > format.largest / HEADROOM)))
