"""The instances of a law at a case: the values of its indices that are tried."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NoReturn

from ..compiler import typed as t
from ..compiler.walk import nodes
from .exact import Scope
from .law_reader import Broken, LawReader, Layout
from .regimes import Case
from .settings import Const
from .symbolic import Structures

Indices = Mapping[str, int]

INSTANCES = 400
"""The most instances of a law that are tried at a case: of more, a random choice."""
WORLDS = 6
"""The most values that are tried of the indices that `with` mentions."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Instances that share their bindings: the indices that those mention, and all indices of
    each instance."""

    outer: Indices
    instances: Sequence[Indices]


@dataclass(slots=True)
class Tally:
    """What trying some instances gave. `broken` is the first that does not hold; `left_out`
    counts those of which no claim is made; `worst` is the largest error over what is allowed."""

    held: int = 0
    left_out: int = 0
    broken: Broken | None = None
    worst: float = 0.0


def instances(
    law: t.Law, sizes: Mapping[str, int], consts: Mapping[str, Const]
) -> Iterator[Indices]:
    """All instances that satisfy what `given` says of indices and sizes alone."""
    reader = LawReader(Layout(sizes, {}, 0), [], (consts, consts), _none, Structures())
    plain = [e for e in law.given if not any(isinstance(n, _NUMBERS) for n in nodes(e))]
    for values in product(*(range(reader.exact(bound.range, Scope({}))) for bound in law.free)):
        indices = {bound.name: i for bound, i in zip(law.free, values, strict=True)}
        if all(reader.exact(condition, Scope(indices)) for condition in plain):
            yield indices


def batches(law: t.Law, case: Case) -> list[Batch]:
    """The instances of a law that are tried at a case."""
    everything = list(instances(law, case.setting.sizes, case.setting.consts))
    rng = random.Random(f"{law.name}/{case.seed}/{case.regime}")
    mentioned = {
        n.name for fixed in law.bindings for n in nodes(fixed.value) if isinstance(n, t.IndexRef)
    }
    outer = [bound.name for bound in law.free if bound.name in mentioned]
    shared: dict[tuple[int, ...], list[Indices]] = {}
    for indices in rng.sample(everything, min(len(everything), INSTANCES)):
        shared.setdefault(tuple(indices[name] for name in outer), []).append(indices)
    found = [Batch(dict(zip(outer, key, strict=True)), some) for key, some in shared.items()]
    return found[:WORLDS]


_NUMBERS = (t.Element, t.ConstRef, t.Derivative)


def _none(derivative: t.Derivative, of: int) -> NoReturn:
    raise AssertionError("a condition on indices alone has no derivatives")
