"""Every input, param and const has an effect on the outputs, by the equations themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..compiler import typed as t
from .reference import evaluate
from .regimes import REGIMES, Case, case
from .report import Check
from .settings import CANDIDATES, holds
from .truth import Truth

Array = npt.NDArray[Any]

TRIED = 3
"""At how many cases what has had no effect so far is varied."""


class Effects:
    """Varies what a module is given until each has changed an output. Of what never does, no
    other check shows anything: code may take it or leave it."""

    def __init__(self, module: t.Module) -> None:
        self.module = module
        self.check = Check("effects", "every input, param and const has an effect", unit="of them")
        variables = (*module.inputs, *module.params, *module.randoms)
        self.pending = [*variables, *module.consts]

    def look(self, truth: Truth) -> None:
        """Look for effects at a case."""
        self.pending = [name for name in self.pending if not _derived(truth, name)]
        if self.pending and self.check.cases < TRIED:
            before = self.outputs(truth.case)
            self.pending = [n for n in self.pending if not self.changes(truth.case, n, before)]
        self.check.cases += 1

    def changes(self, the_case: Case, name: str, before: Mapping[str, Array]) -> bool:
        """Whether another value changes an output."""
        for other in self.others(the_case, name):
            after = self.outputs(other)
            if any(not np.array_equal(x, after[n], x.dtype.kind == "f") for n, x in before.items()):
                return True
        return False

    def others(self, the_case: Case, name: str) -> Iterator[Case]:
        """The same case with other values of one thing."""
        setting = the_case.setting
        if name not in self.module.consts:
            for regime in REGIMES[:2]:
                drawn = case(self.module, regime, the_case.seed + 1, the_case.bits, 0, setting)
                yield replace(the_case, tensors={**the_case.tensors, name: drawn.tensors[name]})
            return
        for value in CANDIDATES:
            consts = {**setting.consts, name: value}
            if all(holds(condition, setting.sizes, consts) for condition in self.module.requires):
                yield replace(the_case, setting=replace(setting, consts=consts))

    def outputs(self, the_case: Case) -> dict[str, Array]:
        setting = the_case.setting
        found = evaluate(self.module, setting.sizes, setting.consts, the_case.tensors)
        return {name: found[name] for name in self.module.outputs}

    def finish(self) -> Check:
        """The check, in doubt about what has had no effect."""
        given = len(self.module.consts) + len(self.module.inputs) + len(self.module.params)
        self.check.compared = given + len(self.module.randoms) - len(self.pending)
        for name in self.pending:
            self.check.doubt(f"no output depends on {name}, as far as was tried")
        return self.check


def _derived(truth: Truth, name: str) -> bool:
    """Whether a derivative by it is not 0."""
    return name in truth.gradients and bool(np.any(truth.gradients[name].high != 0))
