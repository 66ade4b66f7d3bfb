"""A second call gives the same."""

from __future__ import annotations

from .report import Check
from .trial import Subject, Trial, identical


class Repeats:
    """Holds the outputs of two calls with the same arguments against one another, the second in
    inference mode, and what was returned against what later calls have made of it."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.check = Check("repeats", "a second call gives the same")

    def hold(self, trial: Trial) -> None:
        self.check.cases += 1
        for name, value in trial.first.items():
            self.check.compared += value.numel()
            why = ""
            if name in trial.calls.overwritten:
                why = "a later call overwrites what a call returned"
            elif not identical(value, trial.calls.again[name]):
                why = "a second call with the same arguments gives another result"
            if why:
                self.subject.broken(self.check, trial.case, trial.dtype, why, name)
