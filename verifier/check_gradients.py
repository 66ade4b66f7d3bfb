"""Every derivative is the equation's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .candidate import outputs
from .compare import FORMATS, Target, target
from .report import Check
from .trial import Subject, Trial, as_array, raised
from .worthless import Worthless

Array = npt.NDArray[Any]


class Gradients:
    """Holds vector-Jacobian products against exact ones, within what rounding may do."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.check = Check("gradients", "every derivative is the equation's")
        self.worthless = Worthless()

    def hold(self, trial: Trial) -> None:
        if not trial.truth.gradients_fit(FORMATS[trial.dtype]):
            return
        self.check.cases += 1
        subject, the_case = self.subject, trial.case
        prefix = f"d({', '.join(subject.module.outputs)}) / d "
        call = subject.arguments(the_case, trial.dtype, gradients=True)
        try:
            found = outputs(subject.module, subject.candidate.function(**call.keywords))
            gradients = backward(found, the_case.cotangents, call.reals)
        except Exception as error:
            subject.broken(self.check, the_case, trial.dtype, raised(error), prefix=prefix)
            return
        aims = []
        for name, exact in trial.truth.gradients.items():
            aim = gradient_target(trial, name)
            fine = trial.gradient_noise[name].fine
            subject.cross_check(self.check, name, exact, fine, aim)
            subject.compare(self.check, trial, name, gradients[name], aim, prefix)
            aims.append(aim)
        self.worthless.hold(aims, subject.inputs(the_case))

    def finish(self) -> None:
        """Doubt the check if something worthless would have passed it."""
        self.worthless.doubt(self.check)


def gradient_target(trial: Trial, name: str) -> Target:
    """What the derivative by a tensor should be."""
    exact = trial.truth.gradients[name]
    aim = target(exact, trial.gradient_noise[name], FORMATS[trial.dtype])
    if trial.truth.undefined:  # and then 0 is no derivative, though no path leads there
        aim = replace(aim, counts=aim.counts & (exact.high != 0))
    return aim


def backward(
    found: Mapping[str, torch.Tensor],
    cotangents: Mapping[str, Array],
    reals: Mapping[str, torch.Tensor],
) -> dict[str, Array]:
    """Vector-Jacobian products; 0 where no output depends on a tensor. The graph is kept."""
    zeros = {name: np.zeros(tuple(tensor.shape)) for name, tensor in reals.items()}
    roots = [name for name in cotangents if found[name].requires_grad]
    if not roots:
        return zeros
    weights = [
        torch.from_numpy(np.array(cotangents[name])).to(found[name].device, found[name].dtype)
        for name in roots
    ]
    results = torch.autograd.grad(
        [found[name] for name in roots],
        list(reals.values()),
        weights,
        allow_unused=True,
        retain_graph=True,
    )
    return {
        name: zeros[name] if result is None else as_array(result)
        for name, result in zip(reals, results, strict=True)
    }
