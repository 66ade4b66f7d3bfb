"""What a case should give: exact values and gradients, and what rounding does to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..compiler import typed as t
from .compare import FACTOR, ROUGH, Format, Noise
from .oracle import Evaluation, Exact, Oracle
from .reference import FORMATS as ROUNDING
from .reference import flushed, spread
from .regimes import Case

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Truth:
    """What one case should give: values and gradients, exactly; and all named tensors."""

    case: Case
    values: Mapping[str, Exact]
    gradients: Mapping[str, Exact]
    named: Sequence[Exact]
    adjoints: Sequence[Exact]

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

    def __init__(self, module: t.Module) -> None:
        self.module = module
        has_reals = any(module.definitions[o].type == "real" for o in module.outputs)
        self.sources = [
            name
            for name, variable in {**module.inputs, **module.params}.items()
            if variable.type == "real" and has_reals
        ]
        """What gradients are taken by."""
        self._oracles: dict[Any, Oracle] = {}

    def oracle(self, the_case: Case) -> Oracle:
        """The module at the sizes and consts of a case."""
        setting = the_case.setting
        key = (tuple(setting.sizes.items()), tuple(setting.consts.items()))
        if key not in self._oracles:
            self._oracles[key] = Oracle(self.module, setting.sizes, setting.consts)
        return self._oracles[key]

    def evaluate(self, the_case: Case) -> Evaluation:
        """The oracle at a case."""
        return self.oracle(the_case).evaluate(the_case.tensors)

    def of(self, the_case: Case, evaluation: Evaluation | None = None) -> Truth:
        """The exact values and gradients of a case, of its evaluation where there is one."""
        evaluation = evaluation or self.evaluate(the_case)
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
        )

    def noise(self, the_case: Case, dtype: str) -> tuple[dict[str, Noise], dict[str, Noise]]:
        """What rounding in a format does to outputs and gradients."""
        setting, rounding = the_case.setting, ROUNDING[dtype]
        given = (
            self.module,
            setting.sizes,
            setting.consts,
            the_case.tensors,
            the_case.cotangents if self.sources else {},
        )
        coarse = replace(rounding, roundoff=ROUGH * rounding.roundoff)
        seed = the_case.seed
        runs = (
            spread(*given, rounding, factor=FACTOR, seed=seed),
            spread(*given, coarse, factor=FACTOR, seed=seed, recomputes=True),
            flushed(*given, dtype),
        )
        values, gradients = ([run[i] for run in runs] for i in range(2))
        return (
            {name: Noise(*(run[name] for run in values)) for name in values[0]},
            {name: Noise(*(run[name] for run in gradients)) for name in gradients[0]},
        )


def fits(exact: Exact, format: Format) -> bool:
    """Whether every finite value lies within the format."""
    return not bool(np.any(exact.finite & (np.abs(exact.high) > format.largest)))
