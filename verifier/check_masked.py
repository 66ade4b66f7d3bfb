"""What no output depends on may be anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import nan
from typing import Any

import numpy as np
import numpy.typing as npt

from .candidate import outputs
from .check_gradients import backward, gradient_target
from .check_values import value_target
from .compare import FORMATS, ratios
from .reference import evaluate
from .report import Check
from .trial import Subject, Trial, as_array, raised

Array = npt.NDArray[Any]

LARGE = 1e4


class Masked:
    """Overwrites the elements of real inputs and params that a case's conditions exclude, and
    holds the outputs and derivatives against those of the case. Large numbers may do nothing.
    NaN may do nothing to the outputs of generated code, whose guards reach inside; of others',
    which often multiply by a mask, it is only told."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.check = Check("masked", "what no output depends on may be anything")
        self.generated = subject.candidate.class_ is not None

    def hold(self, trial: Trial) -> None:
        if not any(unread.any() for unread in trial.truth.unread.values()):
            return
        self.check.cases += 1
        self.fill(trial, LARGE)
        if self.generated or not self.check.notes:
            self.fill(trial, nan)

    def has_gradients(self, trial: Trial, tensors: Mapping[str, Array]) -> bool:
        """Whether derivatives can be held: all numbers lie within the format, those too that the
        new ones lead to and that no output looks at, since their derivatives are 0 times what
        is beyond it."""
        module, setting, limit = self.subject.module, trial.case.setting, FORMATS[trial.dtype]
        if not trial.truth.gradients_fit(limit):
            return False
        named = evaluate(module, setting.sizes, setting.consts, tensors)
        return all(
            bool((np.abs(x) <= limit.largest).all()) for x in named.values() if x.dtype.kind == "f"
        )

    def fill(self, trial: Trial, number: float) -> None:
        """Hold the case with one number in all those places."""
        subject, the_case, dtype = self.subject, trial.case, trial.dtype
        tensors = dict(the_case.tensors)
        for name, unread in trial.truth.unread.items():
            tensors[name] = np.where(unread, number, tensors[name])
        call = subject.arguments(replace(the_case, tensors=tensors), dtype, gradients=True)
        prefix = f"with {number:g} where nothing is read: "
        try:
            found = outputs(subject.module, subject.candidate.function(**call.keywords))
            values = {name: as_array(found[name]) for name in trial.truth.values}
            aims = {name: value_target(subject, trial, name) for name in values}
            if number == number and self.has_gradients(trial, tensors):
                values |= backward(found, the_case.cotangents, call.reals)
                aims |= {name: gradient_target(trial, name) for name in trial.truth.gradients}
        except Exception as error:
            subject.broken(self.check, the_case, dtype, prefix + raised(error))
            return
        for name, aim in aims.items():
            if values[name].shape != aim.exact.high.shape:
                why = f"{prefix}its shape is {values[name].shape}, not {aim.exact.high.shape}"
                subject.broken(self.check, the_case, dtype, why, name)
                continue
            d = "" if name in trial.truth.values else f"d({', '.join(trial.truth.values)}) / d "
            if number == number or self.generated:
                subject.compare(self.check, trial, name, values[name], aim, prefix + d)
            elif ratios(values[name], aim).max(initial=0.0) > 1:
                self.check.notes.append("NaN comes through where the equation does not look")
                return
