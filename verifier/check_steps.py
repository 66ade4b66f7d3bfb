"""An incremental module, fed a few positions at a time, gives what it gives at once."""

from __future__ import annotations

import random
from typing import Any

import torch

from ..compiler import typed as t
from ..compiler.names import python_name
from .candidate import construct, outputs
from .check_values import value_target
from .report import Check
from .trial import Subject, Trial, as_array, raised


class Steps:
    """Holds `step` of the generated class, over a whole sequence cut at random, against the
    exact values of the module."""

    def __init__(self, subject: Subject, time: str) -> None:
        self.subject, self.time = subject, time
        self.check = Check("steps", "fed a few positions at a time, the outputs are the same")

    def hold(self, trial: Trial) -> None:
        self.check.cases += 1
        subject, the_case = self.subject, trial.case
        try:
            found = self.stepped(trial)
        except Exception as error:
            subject.broken(self.check, the_case, trial.dtype, raised(error))
            return
        for name, exact in trial.truth.values.items():
            if tuple(found[name].shape) != exact.high.shape:
                problem = f"its shape is {tuple(found[name].shape)}, not {exact.high.shape}"
                subject.broken(self.check, the_case, trial.dtype, problem, name)
                continue
            aim = value_target(subject, trial, name)
            subject.compare(self.check, trial, name, as_array(found[name]), aim)

    def stepped(self, trial: Trial) -> dict[str, torch.Tensor]:
        """The outputs, put together from those of every step."""
        subject, the_case = self.subject, trial.case
        module, length = subject.module, the_case.setting.sizes[self.time]
        dtype = getattr(torch, trial.dtype)
        built: Any = construct(subject.candidate, module, the_case, dtype, subject.options.device)
        given = subject.arguments(the_case, trial.dtype, gradients=False).keywords
        times = {
            python_name(v.name): time_axis(v.dims, self.time)
            for v in (*module.inputs.values(), *module.randoms.values())
            if python_name(v.name) in given
        }
        cache, pieces, start = built.init_cache(length), list[dict[str, torch.Tensor]](), 0
        for count in cuts(length, random.Random(f"{the_case.regime}/{the_case.seed}")):
            new = {
                name: given[name] if axis is None else given[name].narrow(axis, start, count)
                for name, axis in times.items()
            }
            result, cache = built.step(cache, **new)
            pieces.append(outputs(module, result))
            start += count
        axes = {n: time_axis(module.definitions[n].dims, self.time) for n in module.outputs}
        return {
            name: torch.cat([piece[name] for piece in pieces], axis or 0)
            for name, axis in axes.items()
        }


def cuts(length: int, rng: random.Random) -> list[int]:
    """Lengths that add up to `length`: 1 or more of them, mostly short."""
    lengths = []
    while length:
        lengths.append(min(length, rng.choice((1, 1, 2, 3))))
        length -= lengths[-1]
    return lengths


def time_axis(dims: tuple[t.Expr, ...], time: str) -> int | None:
    """The axis that has the size of time; None where there is none."""
    found = [i for i, d in enumerate(dims) if isinstance(d, t.SizeRef) and d.name == time]
    return found[0] if found else None
