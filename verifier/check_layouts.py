"""Strides, and whether gradients are asked for, change no output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .candidate import outputs
from .check_values import value_target
from .report import Check
from .trial import Subject, Trial, as_array, raised


class Layouts:
    """Calls with tensors that require a gradient and are not contiguous, expanded where they
    hold the same again and again, and holds the outputs against exact values."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.check = Check("layouts", "strides and required gradients change no output")

    def hold(self, trial: Trial) -> None:
        self.check.cases += 1
        subject, the_case = self.subject, trial.case
        call = subject.arguments(the_case, trial.dtype, gradients=True)
        prefix = "with strided tensors that require a gradient: "
        try:
            found = outputs(subject.module, subject.candidate.function(**_scattered(call.keywords)))
        except Exception as error:
            subject.broken(self.check, the_case, trial.dtype, prefix + raised(error))
            return
        for name, exact in trial.truth.values.items():
            if found[name].shape != exact.high.shape:
                why = f"{prefix}its shape is {tuple(found[name].shape)}, not {exact.high.shape}"
                subject.broken(self.check, the_case, trial.dtype, why, name)
                continue
            aim = value_target(subject, trial, name)
            subject.compare(self.check, trial, name, as_array(found[name]), aim, prefix)


def _scattered(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The same arguments, tensors with other strides."""
    laid = dict[str, Any]()
    for name, value in keywords.items():
        if isinstance(value, Mapping):
            laid[name] = _scattered(value)
        elif isinstance(value, Tensor):
            laid[name] = scattered(value.detach()).requires_grad_(value.requires_grad)
        else:
            laid[name] = value
    return laid


def scattered(x: Tensor) -> Tensor:
    """The same numbers, axes in the reverse order in memory and only every second place used;
    once for all along axes that repeat them."""
    junk = torch.nan if x.is_floating_point() else True
    memory = torch.full((*reversed(x.shape), 2), junk, dtype=x.dtype, device=x.device)
    view = memory[..., 0].permute(tuple(reversed(range(x.dim())))).copy_(x)
    for axis in range(x.dim()):
        if x.shape[axis] > 1 and bool((x == x.narrow(axis, 0, 1)).all()):
            view = view.narrow(axis, 0, 1)
    return view.expand(x.shape)
