"""No input is changed in place."""

from __future__ import annotations

from .report import Check
from .trial import Subject, Trial


class Unchanged:
    """Holds the arguments after each call against what they were."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.check = Check("unchanged", "no input is changed in place")

    def hold(self, trial: Trial) -> None:
        self.check.cases += 1
        for name, old in trial.calls.before.items():
            self.check.compared += old.numel()
            if name in trial.calls.changed:
                why = f"{name} was changed in place"
                self.subject.broken(self.check, trial.case, trial.dtype, why, name)
