"""Verification of one implementation of one module.

    module, candidate ──▶ cases ──▶ exact values, spreads ──▶ checks ──▶ Report

A case is evaluated once by the oracle and once by the Monte Carlo reference; every dtype that
its numbers fit is then held against them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from ..compiler import typed as t
from ..compiler.names import python_name
from . import candidate as c
from .compare import FACTOR, FORMATS, ROUGH, Format, Noise, Target, disagree, ratios, target
from .flatten import flatten
from .oracle import Evaluation, Exact, Oracle
from .reference import FORMATS as ROUNDING
from .reference import Spread, flushed, spread
from .regimes import REGIMES, Case, Regime, case, shape_of
from .report import Check, Failure, Report
from .settings import NoSetting
from .state_names import located

Array = npt.NDArray[Any]
Level = Literal["quick", "full"]

DTYPES = ("float64", "float32", "bfloat16", "float16")
QUICK_DTYPES = ("float64", "float32")
BITS = {"float64": 24, "float32": 24, "bfloat16": 8, "float16": 8}
"""Significant bits of the inputs: formats with the same number share their cases."""
SEEDS = {"quick": 1, "full": 3}


@dataclass(frozen=True, slots=True)
class Options:
    """What a run covers. `regime` narrows it to one, for repeating a failure; `command` begins
    the command, or the call in Python, that repeats it."""

    level: Level = "quick"
    dtypes: tuple[str, ...] = QUICK_DTYPES
    device: str = "cpu"
    seed: int = 0
    regime: str | None = None
    command: str = "lawful verify"

    def again(self, dtype: str, the_case: Case) -> str:
        """What repeats a failure."""
        if self.command.startswith("lawful.verify("):
            level = ', level="full"' if self.level == "full" else ""
            return f'{self.command}, dtypes=["{dtype}"], seed={the_case.seed}{level})'
        device = "" if self.device == "cpu" else f" --device {self.device}"
        return (
            f"{self.command} --dtype {dtype} --regime {the_case.regime} "
            f"--seed {the_case.seed}{device}"
        )


@dataclass(frozen=True, slots=True)
class Truth:
    """What one case should give: values and gradients, exactly; and all named tensors."""

    case: Case
    values: Mapping[str, Exact]
    gradients: Mapping[str, Exact]
    named: Sequence[Exact]
    adjoints: Sequence[Exact]


def verify_candidate(
    module: t.Module,
    candidate: c.Candidate,
    options: Options,
    progress: Callable[[], None] = lambda: None,
) -> Report:
    """Module and implementation -> Report. `progress` is called after each case."""
    start = time.perf_counter()
    module = flatten(module)
    run = _Run(module, candidate, options)
    for bits in sorted({BITS[dtype] for dtype in options.dtypes}, reverse=True):
        for the_case in cases(module, options, bits):
            run.check_case(the_case)
            progress()
    checks = run.finish()
    return Report(
        module.qualified, candidate.name, checks, options.dtypes, time.perf_counter() - start
    )


def planned(module: t.Module, options: Options) -> int:
    """How many cases a run will try."""
    groups = len({BITS[dtype] for dtype in options.dtypes})
    repeats = sum(regime.repeats for regime in _regimes(module, options))
    return groups * repeats * SEEDS[options.level]


def _regimes(module: t.Module, options: Options) -> list[Regime]:
    chosen = [regime for regime in REGIMES if module.randoms or not regime.samplers_only]
    if options.regime is not None:
        return [regime for regime in chosen if regime.name == options.regime]
    return [regime for regime in chosen if regime.quick or options.level == "full"]


def cases(module: t.Module, options: Options, bits: int) -> Iterator[Case]:
    """The cases of a run. Regimes whose sizes and consts cannot be met are passed over."""
    for seed in range(options.seed, options.seed + SEEDS[options.level]):
        for regime in _regimes(module, options):
            for repeat in range(regime.repeats):
                try:
                    yield case(module, regime, seed, bits, repeat)
                except NoSetting:
                    continue


class _Run:
    """The checks of a module as cases come in."""

    def __init__(self, module: t.Module, candidate: c.Candidate, options: Options) -> None:
        self.module, self.candidate, self.options = module, candidate, options
        self.values = Check("values", "every output is the equation's")
        self.gradients = Check("gradients", "every derivative is the equation's")
        self.unchanged = Check("unchanged", "no input is changed in place")
        self.repeats = Check("repeats", "a second call gives the same")
        self.class_ = Check("class", "the nn.Module computes what the function does")
        self.oracles: dict[Any, Oracle] = {}
        self.null = {check: {"zeros", "the mean", "an untouched input"} for check in ("v", "g")}
        self.has_reals = any(module.definitions[o].type == "real" for o in module.outputs)
        self.sources = [
            name
            for name, v in {**module.inputs, **module.params}.items()
            if v.type == "real" and self.has_reals
        ]

    def finish(self) -> list[Check]:
        """The checks, with doubts about those that something worthless would have passed."""
        for check, key in ((self.values, "v"), (self.gradients, "g")):
            if check.cases and not check.compared:
                check.doubts.append("no number could be compared")
            elif check.compared and self.null[key] and not check.failures:
                nothing = " and ".join(sorted(self.null[key]))
                check.doubts.append(f"{nothing} would pass all of its cases too")
        checks = [self.values, self.unchanged, self.repeats]
        if self.sources:
            checks.insert(1, self.gradients)
        if self.candidate.class_ is not None:
            checks.append(self.class_)
        return checks

    def check_case(self, the_case: Case) -> None:
        truth = self.truth(the_case)
        for dtype in self.options.dtypes:
            if BITS[dtype] == the_case.bits:
                self.check_dtype(truth, dtype)

    def truth(self, the_case: Case) -> Truth:
        setting = the_case.setting
        key = (tuple(setting.sizes.items()), tuple(setting.consts.items()))
        if key not in self.oracles:
            self.oracles[key] = Oracle(self.module, setting.sizes, setting.consts)
        evaluation: Evaluation = self.oracles[key].evaluate(the_case.tensors)
        named = {
            name: evaluation.value(name)
            for name, definition in self.module.definitions.items()
            if definition.type == "real" or name in self.module.outputs
        }
        gradients: Mapping[str, Exact] = {}
        if self.sources:
            gradients = evaluation.gradient(the_case.cotangents)
        return Truth(
            the_case,
            {name: named[name] for name in self.module.outputs},
            {name: gradients[name] for name in self.sources},
            [e for n, e in named.items() if self.module.definitions[n].type == "real"],
            [gradients[n] for n in self.module.definitions if n in gradients],
        )

    def noise(self, the_case: Case, dtype: str) -> tuple[dict[str, Noise], dict[str, Noise]]:
        """What rounding in a format does to outputs and gradients."""
        setting, rounding = the_case.setting, ROUNDING[dtype]
        given = (
            self.module,
            setting.sizes,
            setting.consts,
            the_case.tensors,
            the_case.cotangents if self.sources else {},
        )
        coarse = replace(rounding, roundoff=ROUGH * rounding.roundoff)
        seed = the_case.seed
        runs = (
            spread(*given, rounding, factor=FACTOR, seed=seed),
            spread(*given, coarse, factor=FACTOR, seed=seed, recomputes=True),
            flushed(*given, dtype),
        )
        values, gradients = ([run[i] for run in runs] for i in range(2))
        return (
            {name: Noise(*(run[name] for run in values)) for name in values[0]},
            {name: Noise(*(run[name] for run in gradients)) for name in gradients[0]},
        )

    def check_dtype(self, truth: Truth, dtype: str) -> None:
        """All checks of one case in one dtype."""
        the_case, format = truth.case, FORMATS[dtype]
        if not all(_fits(exact, format) for exact in truth.named):
            self.values.left_out += sum(exact.high.size for exact in truth.values.values())
            return
        value_noise, gradient_noise = self.noise(the_case, dtype)
        torch_dtype = getattr(torch, dtype)
        plain = c.arguments(
            self.module, the_case, torch_dtype, self.options.device, gradients=False
        )
        given = c.tensors(plain.keywords)
        before = {name: tensor.clone() for name, tensor in given.items()}
        try:
            first = c.outputs(self.module, self.candidate.function(**plain.keywords))
            first = {name: value.detach().clone() for name, value in first.items()}
            changed = _changed(given, before)
            again = c.outputs(self.module, self.candidate.function(**plain.keywords))
        except Exception as error:
            self.broken(self.values, truth, dtype, f"it raises {type(error).__name__}: {error}")
            return
        self.check_values(truth, dtype, first, value_noise)
        self.check_unchanged(truth, dtype, before, changed | _changed(given, before))
        self.check_repeats(truth, dtype, first, again)
        if self.candidate.class_ is not None:
            self.check_class(truth, dtype, first)
        if self.sources and all(_fits(exact, format) for exact in truth.adjoints):
            self.check_gradients(truth, dtype, gradient_noise)

    def check_values(
        self,
        truth: Truth,
        dtype: str,
        found: Mapping[str, torch.Tensor],
        noise: Mapping[str, Noise],
    ) -> None:
        self.values.cases += 1
        inputs = [truth.case.tensors[n] for n in (*self.module.inputs, *self.module.params)]
        passing = set(self.null["v"])
        for name, exact in truth.values.items():
            problem = self.form(name, exact, found[name], dtype)
            if problem:
                self.broken(self.values, truth, dtype, problem, name)
                continue
            bound = _bound(self.module, name, truth.case)
            aim = target(exact, noise[name], FORMATS[dtype], bound)
            self.cross_check(self.values, name, exact, noise[name].fine, aim)
            self.compare(self.values, truth, dtype, name, as_array(found[name]), aim)
            passing &= _nulls(aim, inputs)
        self.null["v"] &= passing

    def check_gradients(
        self,
        truth: Truth,
        dtype: str,
        noise: Mapping[str, Noise],
    ) -> None:
        self.gradients.cases += 1
        torch_dtype = getattr(torch, dtype)
        call = c.arguments(
            self.module, truth.case, torch_dtype, self.options.device, gradients=True
        )
        try:
            found = c.outputs(self.module, self.candidate.function(**call.keywords))
            gradients = _backward(found, truth.case.cotangents, call.reals)
        except Exception as error:
            self.broken(self.gradients, truth, dtype, f"it raises {type(error).__name__}: {error}")
            return
        inputs = [truth.case.tensors[n] for n in (*self.module.inputs, *self.module.params)]
        passing = set(self.null["g"])
        undefined = any(exact.undefined.any() for exact in truth.values.values())
        for name, exact in truth.gradients.items():
            aim = target(exact, noise[name], FORMATS[dtype])
            if undefined:  # and then a derivative of 0 is none, though no path leads there
                aim = replace(aim, counts=aim.counts & (exact.high != 0))
            self.cross_check(self.gradients, name, exact, noise[name].fine, aim)
            got = gradients[name]
            array = np.zeros(exact.high.shape) if got is None else as_array(got)
            self.compare(self.gradients, truth, dtype, name, array, aim)
            passing &= _nulls(aim, inputs)
        self.null["g"] &= passing

    def check_unchanged(
        self, truth: Truth, dtype: str, before: Mapping[str, torch.Tensor], changed: set[str]
    ) -> None:
        self.unchanged.cases += 1
        for name, old in before.items():
            self.unchanged.compared += old.numel()
            if name in changed:
                self.broken(self.unchanged, truth, dtype, f"{name} was changed in place", name)

    def check_repeats(
        self,
        truth: Truth,
        dtype: str,
        first: Mapping[str, torch.Tensor],
        again: Mapping[str, torch.Tensor],
    ) -> None:
        self.repeats.cases += 1
        for name, value in first.items():
            self.repeats.compared += value.numel()
            if not _identical(value, again[name]):
                why = "a second call with the same arguments gives another result"
                self.broken(self.repeats, truth, dtype, why, name)

    def check_class(self, truth: Truth, dtype: str, first: Mapping[str, torch.Tensor]) -> None:
        self.class_.cases += 1
        try:
            built = c.construct(
                self.candidate, self.module, truth.case, getattr(torch, dtype), self.options.device
            )
            call = c.arguments(
                self.module,
                truth.case,
                getattr(torch, dtype),
                self.options.device,
                gradients=False,
            )
            names = {python_name(name) for name in (*self.module.inputs, *self.module.randoms)}
            keywords = {name: v for name, v in call.keywords.items() if name in names}
            found = c.outputs(self.module, built(**keywords))
        except Exception as error:
            self.broken(self.class_, truth, dtype, f"it raises {type(error).__name__}: {error}")
            return
        for name, value in first.items():
            self.class_.compared += value.numel()
            if not _identical(value, found[name].detach()):
                self.broken(self.class_, truth, dtype, "forward differs from the function", name)

    # findings

    def form(self, name: str, exact: Exact, got: torch.Tensor, dtype: str) -> str:
        """What is wrong with the shape or dtype of an output; '' if nothing."""
        kind = self.module.definitions[name].type
        wanted = {"real": getattr(torch, dtype), "int": torch.int64, "bool": torch.bool}[kind]
        if tuple(got.shape) != exact.high.shape:
            return f"its shape is {tuple(got.shape)}, not {exact.high.shape}"
        integer = not (got.is_floating_point() or got.is_complex() or got.dtype == torch.bool)
        if got.dtype != wanted and not (kind == "int" and integer):
            return f"its dtype is {got.dtype}, not {wanted}"
        return ""

    def compare(
        self, check: Check, truth: Truth, dtype: str, name: str, got: Array, aim: Target
    ) -> None:
        ratio = ratios(got, aim)
        check.compared += aim.compared
        check.left_out += aim.left_out
        worst = float(ratio.max(initial=0.0))
        check.worst = max(check.worst, worst)
        if worst > 1:
            index = tuple(int(i) for i in np.unravel_index(int(ratio.argmax()), ratio.shape))
            value = got[index]
            text = f"{value:.17g}" if got.dtype.kind == "f" else str(value)
            self.fail(check, truth, dtype, name, index, aim.exact.digits(index), text, worst, "")

    def cross_check(self, check: Check, name: str, exact: Exact, fine: Spread, aim: Target) -> None:
        """Doubt the check where oracle and reference do not agree about a tensor."""
        doubt = f"oracle and reference disagree about {name}: please report this"
        if disagree(exact, fine, aim) and doubt not in check.doubts:
            check.doubts.append(doubt)

    def broken(self, check: Check, truth: Truth, dtype: str, why: str, name: str = "") -> None:
        check.worst = float("inf")
        self.fail(check, truth, dtype, name, (), "", "", float("inf"), why)

    def fail(
        self,
        check: Check,
        truth: Truth,
        dtype: str,
        name: str,
        index: tuple[int, ...],
        expected: str,
        got: str,
        ratio: float,
        why: str,
    ) -> None:
        name = name or self.module.outputs[0]
        definition = self.module.definitions.get(name)
        wanted = definition or self.module.definitions[self.module.outputs[0]]
        span = wanted.span
        name, index = located(self.module, name, index)
        tensor = name
        if check is self.gradients:
            tensor = f"d({', '.join(self.module.outputs)}) / d {name}"
        command = self.options.again(dtype, truth.case)
        check.failures.append(
            Failure(
                check=check.name,
                dtype=dtype,
                regime=truth.case.regime,
                seed=truth.case.seed,
                tensor=tensor,
                index=index,
                expected=expected,
                got=got,
                ratio=ratio,
                equation=" ".join(span.text.split()),
                place=f"{span.source.path}:{span.line}",
                why=why,
                command=command,
            )
        )


def _bound(module: t.Module, name: str, the_case: Case) -> int | None:
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


def _fits(exact: Exact, format: Format) -> bool:
    """Whether every finite value lies within the format."""
    return not bool(np.any(exact.finite & (np.abs(exact.high) > format.largest)))


def _backward(
    found: Mapping[str, torch.Tensor],
    cotangents: Mapping[str, Array],
    reals: Mapping[str, torch.Tensor],
) -> dict[str, torch.Tensor | None]:
    """Vector-Jacobian products; None where an output does not depend on a tensor."""
    roots = [name for name in cotangents if found[name].requires_grad]
    if not roots:
        return dict.fromkeys(reals)
    weights = [
        torch.from_numpy(np.array(cotangents[name])).to(found[name].device, found[name].dtype)
        for name in roots
    ]
    results = torch.autograd.grad(
        [found[name] for name in roots], list(reals.values()), weights, allow_unused=True
    )
    return dict(zip(reals, results, strict=True))


def as_array(tensor: torch.Tensor) -> Array:
    """Values as float64, int64 or bool."""
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        tensor = tensor.double()
    array: Array = tensor.numpy()
    return array


def _changed(now: Mapping[str, torch.Tensor], before: Mapping[str, torch.Tensor]) -> set[str]:
    return {name for name, old in before.items() if not _identical(now[name], old)}


def _identical(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal to the bit, NaN equal to NaN."""
    return torch.equal(a, b) or bool(
        a.shape == b.shape
        and a.is_floating_point()
        and b.is_floating_point()
        and torch.equal(a.isnan(), b.isnan())
        and torch.equal(a.nan_to_num(), b.nan_to_num())
    )


def _nulls(aim: Target, inputs: Sequence[Array]) -> set[str]:
    """The worthless candidates that would pass for this tensor."""
    exact = aim.exact
    passing = set()
    shape = exact.high.shape
    if float(ratios(np.zeros(shape), aim).max(initial=0.0)) <= 1:
        passing.add("zeros")
    if exact.high.dtype.kind == "f" and exact.high.size > 1:
        usable = exact.high[exact.finite & ~exact.undefined]
        mean = float(usable.mean()) if usable.size else 0.0
        if float(ratios(np.full(shape, mean), aim).max(initial=0.0)) <= 1:
            passing.add("the mean")
    for array in inputs:
        if array.shape == shape and float(ratios(array, aim).max(initial=0.0)) <= 1:
            passing.add("an untouched input")
    return passing
