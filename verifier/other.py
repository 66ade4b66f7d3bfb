"""Another module in the place of an implementation: what it computes, and how its generated
code is called with the arguments of the first.

    lawful verify A --against B: B is the module, A the other one.

Inputs, params, random sources, consts and free sizes are matched by name, and so are outputs,
unless each has a single one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ..compiler import typed as t
from ..compiler.names import python_name
from ..compiler.walk import nodes
from .candidate import Candidate, outputs
from .flatten import flatten
from .regimes import Case, shape_of
from .settings import NoSetting, Setting, default_of, evaluate, holds, with_derived

Array = npt.NDArray[Any]


class Mismatch(ValueError):
    """Two modules that do not take or return the same; says how they differ."""


class Other:
    """A module held against another, `module`. Raises Mismatch."""

    def __init__(self, other: t.Module, module: t.Module) -> None:
        self.other, flat = flatten(other), flatten(module)
        self.module = replace(flat, requires=(*flat.requires, *_in_terms_of(self.other, flat)))
        found = differences(self.other, self.module)
        if found:
            names = f"{other.qualified} and {module.qualified} cannot be compared"
            raise Mismatch(f"{names}: {'; '.join(found)}")
        self.outputs = output_names(self.other, self.module)

    def stand_in(self, candidate: Candidate) -> Candidate:
        """The other's generated function, called like one of the module."""
        other, module = self.other, self.module
        own = {python_name(name) for name in (*_variables(other), *other.consts)}
        own |= {"params"} if other.submodules else set()
        passed = [name for name, size in other.sizes.items() if size.origin == "passed"]

        def function(**given: Any) -> dict[str, Tensor]:
            keywords = {name: value for name, value in given.items() if name in own}
            sizes = _sizes_given(module, given)
            keywords |= {python_name(name): sizes[name] for name in passed}
            found = outputs(other, candidate.function(**keywords))
            return {name: found[self.outputs[name]] for name in module.outputs}

        return Candidate(f"{other.qualified} against {module.qualified}", function)

    def adapted(self, the_case: Case) -> Case | None:
        """A case of the module with the consts that the other lacks at their defaults; None
        where the other takes no such sizes and consts."""
        consts = dict(the_case.setting.consts)
        for name, const in self.module.consts.items():
            if name not in self.other.consts:
                default = default_of(const)
                assert default is not None
                consts[name] = default
        sizes = the_case.setting.sizes
        if not all(holds(condition, sizes, consts) for condition in self.module.requires):
            return None
        adapted = replace(the_case, setting=Setting(sizes, consts))
        return adapted if self.setting(adapted) is not None else None

    def case(self, adapted: Case) -> Case:
        """A case as the other takes it."""
        setting = self.setting(adapted)
        assert setting is not None
        cotangents = {self.outputs[name]: array for name, array in adapted.cotangents.items()}
        return replace(adapted, setting=setting, cotangents=cotangents)

    def setting(self, the_case: Case) -> Setting | None:
        """The other's sizes and consts at a case; None where it refuses them."""
        other, sizes = self.other, {}
        for name, size in other.sizes.items():
            if size.origin == "passed":
                sizes[name] = the_case.setting.sizes[name]
        for name, variable in _variables(other).items():
            for dim, length in zip(variable.dims, the_case.tensors[name].shape, strict=True):
                if isinstance(dim, t.SizeRef) and other.sizes[dim.name].value is None:
                    sizes.setdefault(dim.name, length)
        consts = {
            name: the_case.setting.consts[name] if name in self.module.consts else default_of(const)
            for name, const in other.consts.items()
        }
        known = {name: value for name, value in consts.items() if value is not None}
        try:
            setting = Setting(with_derived(other, sizes), known)
        except NoSetting:
            return None
        fits = all(
            shape_of(variable.dims, setting) == the_case.tensors[name].shape
            and _within(variable, the_case.tensors[name], setting)
            for name, variable in _variables(other).items()
        )
        kept = all(holds(condition, setting.sizes, known) for condition in other.requires)
        return setting if fits and kept else None


def differences(other: t.Module, module: t.Module) -> list[str]:
    """How what two flat modules take and return differs; nothing where they can be compared."""
    found = []
    for first, second in ((other, module), (module, other)):
        for name, variable in _variables(first).items():
            if name not in _variables(second):
                found.append(f"{second.qualified} has no {variable.kind} {name}")
        for name, const in first.consts.items():
            if name not in second.consts and const.default is None:
                found.append(f"{second.qualified} has no const {name}, which has no default")
    for name, size in other.sizes.items():
        if size.origin == "passed" and name not in module.sizes:
            found.append(f"{module.qualified} has no size {name}")
    for name, variable in _variables(other).items():
        if name in _variables(module):
            found += _unlike(name, variable, _variables(module)[name])
    names = output_names(other, module)
    if not names:
        lists = (", ".join(m.outputs) for m in (other, module))
        found.append("the outputs are {} and {}".format(*lists))
    for name, own in names.items():
        found += _unlike(f"the output {name}", other.definitions[own], module.definitions[name])
    return found


def output_names(other: t.Module, module: t.Module) -> dict[str, str]:
    """The other's outputs by the names of the module's; nothing where they do not match."""
    if set(other.outputs) == set(module.outputs):
        return {name: name for name in module.outputs}
    if len(other.outputs) == len(module.outputs) == 1:
        return {module.outputs[0]: other.outputs[0]}
    return {}


def _unlike(name: str, a: t.Variable | t.Definition, b: t.Variable | t.Definition) -> list[str]:
    if a.type != b.type:
        return [f"{name} is {a.type} in one and {b.type} in the other"]
    if len(a.dims) != len(b.dims):
        return [f"{name} has {len(a.dims)} axes in one and {len(b.dims)} in the other"]
    return []


def _in_terms_of(other: t.Module, module: t.Module) -> list[t.Expr]:
    """What the other requires of sizes and consts that both have, so that cases meet it."""
    names = {*module.sizes, *module.consts}
    return [
        condition
        for condition in other.requires
        if all(e.name in names for e in nodes(condition) if isinstance(e, t.SizeRef | t.ConstRef))
    ]


def _variables(module: t.Module) -> dict[str, t.Variable]:
    return {**module.inputs, **module.params, **module.randoms}


def _within(variable: t.Variable, array: Array, setting: Setting) -> bool:
    """Whether the elements lie in an integer's domain."""
    if variable.domain is None:
        return True
    return bool(np.all(array < int(evaluate(variable.domain, setting.sizes, {}))))


def _sizes_given(module: t.Module, given: Mapping[str, Any]) -> dict[str, int]:
    """The free sizes of a module, from the arguments of a call."""
    sizes = {name: given[key] for name in module.sizes if (key := python_name(name)) in given}
    for name, variable in _variables(module).items():
        tensor = given.get(python_name(name))
        for dim, length in zip(variable.dims, getattr(tensor, "shape", ()), strict=False):
            if isinstance(dim, t.SizeRef):
                sizes[dim.name] = length
    return sizes
