"""Every input, param and const has an effect on the outputs, by the equations themselves."""

from __future__ import annotations

import numpy as np

from ..compiler import typed as t
from .report import Check
from .telling import given, without_effect
from .truth import Truth

TRIED = 12
"""At how many cases what has had no effect so far is varied."""


class Effects:
    """Varies what a module is given until each has changed an output. Of what never does, no
    other check shows anything: code may take it or leave it. `elsewhere` are names of which
    another check shows something."""

    def __init__(self, module: t.Module, elsewhere: frozenset[str] = frozenset()) -> None:
        self.module = module
        self.names = [name for name in given(module) if name not in elsewhere]
        self.check = Check("effects", "every input, param and const has an effect", unit="of them")
        self.pending = self.names

    def look(self, truth: Truth) -> None:
        """Look for effects at a case."""
        self.pending = [name for name in self.pending if not _derived(truth, name)]
        if self.pending and self.check.cases < TRIED:
            self.pending = list(without_effect(self.module, truth.case, self.pending))
        self.check.cases += 1

    def finish(self) -> Check:
        """The check, in doubt about what has had no effect."""
        self.check.compared = len(self.names) - len(self.pending)
        for name in self.pending:
            self.check.doubt(f"no output depends on {name}, as far as was tried")
        return self.check


def _derived(truth: Truth, name: str) -> bool:
    """Whether a derivative by it is not 0."""
    return name in truth.gradients and bool(np.any(truth.gradients[name].high != 0))
