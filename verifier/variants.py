"""Other modules that an implementation may be: those of its library that take what it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..compiler import typed as t
from .candidate import Candidate, outputs
from .exact import OracleError
from .observe import FINEST, Array, Observed, Of, Seen, gradients, reproduced
from .other import Mismatch, Other, output_names
from .probe import probe
from .reference import evaluate
from .regimes import Case
from .trial import Subject
from .truth import Truths

Family = Mapping[str, t.Module]
"""Modules by qualified name."""


def relatives(module: t.Module, modules: Family) -> dict[str, t.Module]:
    """The modules that take no other tensors than one does, and return as many, those of its own
    file first."""
    given = _signature(module)
    found = {
        name: other
        for name, other in modules.items()
        if name != module.qualified
        and _signature(other).items() <= given.items()
        and output_names(other, module)
    }
    file = module.qualified.rpartition(".")[0]
    return dict(sorted(found.items(), key=lambda entry: entry[0].rpartition(".")[0] != file))


def _signature(module: t.Module) -> dict[str, tuple[str, int]]:
    """The tensors that a module takes by name: their types, and how many axes they have."""
    variables = {**module.inputs, **module.params, **module.randoms}
    own = {name: (variable.type, len(variable.dims)) for name, variable in variables.items()}
    return own | {name: (use.module.qualified, 0) for name, use in module.submodules.items()}


def variant(seen: Observed, family: Family) -> str | None:
    """The name of the first relative that an implementation computes, if there is one."""
    if not seen.enough:
        return None
    for name, other in relatives(seen.subject.module, family).items():
        try:
            pair = Other(other, _narrowed(seen.subject.module, other))
        except Mismatch:
            continue
        if reproduced(seen, partial(_given, pair, seen.of)) and _confirmed(pair, seen):
            return name
    return None


def _narrowed(module: t.Module, other: t.Module) -> t.Module:
    """The module as one that takes no more than the other."""
    inputs = {name: x for name, x in module.inputs.items() if name in other.inputs}
    params = {name: x for name, x in module.params.items() if "." in name or name in other.params}
    randoms = {name: x for name, x in module.randoms.items() if name in other.randoms}
    return replace(module, inputs=inputs, params=params, randoms=randoms)


def _given(pair: Other, of: Of, one: Seen) -> Mapping[str, Array] | None:
    """What the other gives in a case; None where it takes no such sizes and consts."""
    adapted = _adapted(pair, one.case)
    if adapted is None:
        return None
    if of == "values":
        setting = adapted.setting
        store = evaluate(pair.other, setting.sizes, setting.consts, adapted.tensors)
        return {name: store[own] for name, own in pair.outputs.items()}
    zeros: dict[str, Array] = {name: np.zeros(x.shape) for name, x in one.found.items()}
    return zeros | gradients(pair.other, adapted)


def _adapted(pair: Other, the_case: Case) -> Case | None:
    """A case of the other; None where it takes no such sizes and consts."""
    setting = pair.setting(the_case)
    if setting is None:
        return None
    taken = {**pair.other.inputs, **pair.other.params, **pair.other.randoms}
    tensors = {name: the_case.tensors[name] for name in taken}
    cotangents = {pair.outputs[name]: array for name, array in the_case.cotangents.items()}
    return replace(the_case, setting=setting, tensors=tensors, cotangents=cotangents)


def _confirmed(pair: Other, seen: Observed) -> bool:
    """Whether verification in float64 passes the implementation as the other."""
    truths = Truths(pair.other)
    try:
        return all(
            probe(subject, truths, adapted, FINEST, seen.of) is None
            for adapted, subject in _subjects(pair, seen)
        )
    except OracleError:
        return False


def _subjects(pair: Other, seen: Observed) -> Iterator[tuple[Case, Subject]]:
    """Two cases of the other, and the implementation as one of it: what the other does not take
    is as in the case."""
    for one in seen.cases[:2]:
        adapted = _adapted(pair, one.case)
        call = seen.subject.arguments(one.case, FINEST, gradients=False).keywords

        def function(call: dict[str, Any] = call, **given: Any) -> dict[str, Any]:
            keywords = call | {name: x for name, x in given.items() if name in call}
            found = outputs(seen.subject.module, seen.subject.candidate.function(**keywords))
            return {pair.outputs[name]: x for name, x in found.items()}

        assert adapted is not None
        candidate = Candidate(seen.subject.candidate.name, function)
        yield adapted, replace(seen.subject, module=pair.other, candidate=candidate)
