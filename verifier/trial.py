"""One case tried in one dtype, and what the checks say of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from ..compiler import typed as t
from .candidate import Arguments, Candidate, CandidateError, arguments
from .compare import Noise, Target, disagree, losses, ratios
from .oracle import Exact
from .plan import Options
from .reference import Spread
from .regimes import Case
from .report import Check, Failure
from .state_names import located
from .truth import Truth

Array = npt.NDArray[Any]

REFUSALS = ("NotImplementedError", "not implemented for")
"""What stands in the errors of code that refuses a dtype or a case."""
SHOWN = 48
"""The largest tensor that a counterexample writes out."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What came of calling a function with the tensors `before`: those `changed` by a call, what
    two calls returned, and of what was returned, that which a later call has `overwritten`."""

    before: Mapping[str, torch.Tensor]
    changed: frozenset[str]
    first: Mapping[str, torch.Tensor]
    again: Mapping[str, torch.Tensor]
    overwritten: frozenset[str]


@dataclass(frozen=True, slots=True)
class Trial:
    """A case in a dtype: what should come, and what came."""

    truth: Truth
    dtype: str
    value_noise: Mapping[str, Noise]
    gradient_noise: Mapping[str, Noise]
    calls: Calls

    @property
    def case(self) -> Case:
        return self.truth.case

    @property
    def first(self) -> Mapping[str, torch.Tensor]:
        """The outputs that most checks look at."""
        return self.calls.first


class Holds(Protocol):
    """One check of an implementation: it holds trial after trial against its claim."""

    check: Check

    def hold(self, trial: Trial) -> None: ...


@dataclass(frozen=True, slots=True)
class Subject:
    """What is verified: a module, the implementation that is held against it, and how."""

    module: t.Module
    candidate: Candidate
    options: Options

    def arguments(self, the_case: Case, dtype: str, *, gradients: bool) -> Arguments:
        """What the implementation is called with."""
        torch_dtype = getattr(torch, dtype)
        return arguments(
            self.module, the_case, torch_dtype, self.options.device, gradients=gradients
        )

    @contextmanager
    def default_dtype(self, dtype: str) -> Iterator[None]:
        """Makes `dtype` torch's default where the module takes no real tensor: real outputs
        follow the default then."""
        module, before = self.module, torch.get_default_dtype()
        given = (*module.inputs.values(), *module.params.values(), *module.randoms.values())
        if not any(variable.type == "real" for variable in given):
            torch.set_default_dtype(getattr(torch, dtype))
        try:
            yield
        finally:
            torch.set_default_dtype(before)

    def inputs(self, the_case: Case) -> list[Array]:
        """The tensors that something which does nothing might hand back."""
        return [the_case.tensors[n] for n in (*self.module.inputs, *self.module.params)]

    def compare(
        self, check: Check, trial: Trial, name: str, got: Array, aim: Target, prefix: str = ""
    ) -> None:
        """Hold one tensor against its target; `prefix` stands before its name in a failure."""
        ratio = ratios(got, aim)
        check.compared += aim.compared
        check.left_out += aim.left_out
        check.lose(trial.dtype, losses(got, aim))
        worst = float(ratio.max(initial=0.0))
        check.worst = max(check.worst, worst)
        if worst > 1:
            index = tuple(int(i) for i in np.unravel_index(int(ratio.argmax()), ratio.shape))
            value = got[index]
            text = f"{value:.17g}" if got.dtype.kind == "f" else str(value)
            expected = aim.exact.digits(index)
            self.fail(check, trial.case, trial.dtype, name, index, expected, text, worst, prefix)

    def cross_check(self, check: Check, name: str, exact: Exact, fine: Spread, aim: Target) -> None:
        """Doubt the check where oracle and reference do not agree about a tensor."""
        if disagree(exact, fine, aim):
            check.doubt(f"oracle and reference disagree about {name}: please report this")

    def broken(
        self,
        check: Check,
        the_case: Case,
        dtype: str,
        why: str,
        name: str = "",
        prefix: str = "",
    ) -> None:
        """A failure that is no number; or a doubt, where the implementation says itself that it
        does not do this."""
        if any(sign in why for sign in REFUSALS):
            check.doubt(f"in {dtype} {prefix}{why}")
            return
        check.worst = float("inf")
        self.fail(check, the_case, dtype, name, (), "", "", float("inf"), prefix, why)

    def fail(
        self,
        check: Check,
        the_case: Case,
        dtype: str,
        name: str,
        index: tuple[int, ...],
        expected: str,
        got: str,
        ratio: float,
        prefix: str = "",
        why: str = "",
    ) -> None:
        """A failure at an element of an output, or of something that an output depends on."""
        name = name or self.module.outputs[0]
        definition = self.module.definitions.get(name)
        span = (definition or self.module.definitions[self.module.outputs[0]]).span
        name, index = located(self.module, name, index)
        check.failures.append(
            Failure(
                check=check.name,
                dtype=dtype,
                regime=the_case.regime,
                seed=the_case.seed,
                tensor=prefix + name,
                index=index,
                expected=expected,
                got=got,
                ratio=ratio,
                equation=" ".join(span.text.split()),
                place=f"{span.source.path}:{span.line}",
                why=why,
                command=self.options.again(dtype, the_case),
            )
        )


def shown(the_case: Case) -> str:
    """Sizes, consts and tensors of a case, those that are small."""
    setting = the_case.setting
    parts = [f"{name}={value}" for name, value in (*setting.sizes.items(), *setting.consts.items())]
    for name, array in the_case.tensors.items():
        if array.size <= SHOWN:
            parts.append(f"{name}={np.array2string(array, separator=',', max_line_width=10**6)}")
        else:
            parts.append(f"{name} of shape {list(array.shape)}")
    return " ".join(" ".join(parts).split())


def raised(error: Exception) -> str:
    """What is said of a call that raises."""
    if isinstance(error, CandidateError):
        return str(error)
    return f"it raises {type(error).__name__}: {error}"


def as_array(tensor: torch.Tensor) -> Array:
    """Values as float64, int64 or bool."""
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        tensor = tensor.double()
    array: Array = tensor.numpy()
    return array


def identical(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal to the bit, NaN equal to NaN."""
    return torch.equal(a, b) or bool(
        a.shape == b.shape
        and a.is_floating_point()
        and b.is_floating_point()
        and torch.equal(a.isnan(), b.isnan())
        and torch.equal(a.nan_to_num(), b.nan_to_num())
    )
