"""Every output is the equation's."""

from __future__ import annotations

import torch

from ..compiler import typed as t
from .compare import FORMATS, Target, target
from .oracle import Exact
from .regimes import Case, shape_of
from .report import Check
from .trial import Subject, Trial, as_array
from .truth import Truth
from .worthless import Worthless


class Values:
    """Holds outputs against exact values, within what rounding may do."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.check = Check("values", "every output is the equation's")
        self.worthless = Worthless()

    def hold(self, trial: Trial) -> None:
        self.check.cases += 1
        module, aims = self.subject.module, []
        for name, exact in trial.truth.values.items():
            problem = _form(module, name, exact, trial.first[name], trial.dtype)
            if problem:
                self.subject.broken(self.check, trial.case, trial.dtype, problem, name)
                continue
            aim = value_target(self.subject, trial, name)
            fine = trial.value_noise[name].fine
            self.subject.cross_check(self.check, name, exact, fine, aim)
            self.subject.compare(self.check, trial, name, as_array(trial.first[name]), aim)
            aims.append(aim)
        self.worthless.hold(aims, self.subject.inputs(trial.case))

    def leave_out(self, truth: Truth) -> None:
        """No claim is made of a case whose numbers do not fit the format."""
        self.check.left_out += sum(exact.high.size for exact in truth.values.values())

    def finish(self) -> None:
        """Doubt the check if something worthless would have passed it."""
        self.worthless.doubt(self.check)


def value_target(subject: Subject, trial: Trial, name: str) -> Target:
    """What an output should be."""
    exact, limit = trial.truth.values[name], bound(subject.module, name, trial.case)
    return target(exact, trial.value_noise[name], FORMATS[trial.dtype], limit)


def bound(module: t.Module, name: str, the_case: Case) -> int | None:
    """What an output is below that is an index found by a search; None for any other."""
    definition: t.Variable | t.Definition = module.definitions[name]
    while isinstance(definition, t.Equation) and isinstance(definition.body, t.Element):
        definition = module.tensor(definition.body.tensor)
    match definition:
        case t.Equation(body=t.Reduce(operator="argmax" | "argmin", bound=(index,))):
            pass
        case t.Equation(body=t.Reduce(operator="min" | "max", bound=(index,), body=t.IndexRef())):
            pass
        case _:
            return None
    return shape_of((index.range,), the_case.setting)[0]


def _form(module: t.Module, name: str, exact: Exact, got: torch.Tensor, dtype: str) -> str:
    """What is wrong with the shape or dtype of an output; '' if nothing."""
    kind = module.definitions[name].type
    wanted = {"real": getattr(torch, dtype), "int": torch.int64, "bool": torch.bool}[kind]
    if tuple(got.shape) != exact.high.shape:
        return f"its shape is {tuple(got.shape)}, not {exact.high.shape}"
    integer = not (got.is_floating_point() or got.is_complex() or got.dtype == torch.bool)
    if got.dtype != wanted and not (kind == "int" and integer):
        return f"its dtype is {got.dtype}, not {wanted}"
    return ""
