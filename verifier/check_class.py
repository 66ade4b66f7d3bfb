"""The nn.Module computes what the function does."""

from __future__ import annotations

import torch

from ..compiler.names import python_name
from .candidate import construct, outputs
from .report import Check
from .trial import Subject, Trial, identical, raised


class Class:
    """Holds the generated class against the generated function, to the bit."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.check = Check("class", "the nn.Module computes what the function does")

    def hold(self, trial: Trial) -> None:
        self.check.cases += 1
        subject, the_case, dtype = self.subject, trial.case, trial.dtype
        module, device = subject.module, subject.options.device
        try:
            built = construct(subject.candidate, module, the_case, getattr(torch, dtype), device)
            call = subject.arguments(the_case, dtype, gradients=False)
            names = {python_name(name) for name in (*module.inputs, *module.randoms)}
            keywords = {name: v for name, v in call.keywords.items() if name in names}
            found = outputs(module, built(**keywords))
        except Exception as error:
            subject.broken(self.check, the_case, dtype, raised(error))
            return
        for name, value in trial.first.items():
            self.check.compared += value.numel()
            if not identical(value, found[name].detach()):
                why = "forward differs from the function"
                subject.broken(self.check, the_case, dtype, why, name)
