"""What an implementation computes instead of its equations: the same with one term changed.

    module, what the implementation gave -> the change that reproduces it

Every change that the rules know is evaluated without rounding on a few cases, only as far as it
matters; one that gives what the implementation gave everywhere is then verified like a spec of
its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from ..compiler import typed as t
from .change_rules import GRADIENT_RULES, RULES
from .changes import Change, changes, resting_on, rests_on
from .observe import FINEST, Array, Observed, Seen, gradients, reproduced
from .probe import probe
from .reference import evaluate
from .truth import Truths

SECONDS = 2.0
"""How long changes are tried, in processor time."""


def blame(seen: Observed) -> Change | None:
    """The first change that reproduces an implementation, if any is found in time."""
    if not seen.enough:
        return None
    end = time.process_time() + SECONDS
    for change in changes(seen.subject.module, RULES if seen.of == "values" else GRADIENT_RULES):
        if time.process_time() > end:
            break
        if _reproduces(change, seen) and _confirmed(change, seen):
            return change
    return None


def _reproduces(change: Change, seen: Observed) -> bool:
    """Whether a changed module gives what the implementation gave."""
    module = change.applied()
    try:
        if seen.of == "values":
            return reproduced(seen, lambda one: _outputs(module, change, one))
        return reproduced(seen, lambda one: gradients(module, one.case))
    except Exception:  # a change may break what the checker sees to, as the ranges of subscripts
        return False


def _confirmed(change: Change, seen: Observed) -> bool:
    """Whether verification in float64 passes the implementation as the changed module."""
    changed = replace(seen.subject, module=change.applied())
    truths = Truths(changed.module)
    cases = [one.case for one in seen.cases[:2]]
    try:
        return all(probe(changed, truths, case, FINEST, seen.of) is None for case in cases)
    except Exception:  # as above
        return False


def _outputs(module: t.Module, change: Change, seen: Seen) -> dict[str, Array]:
    """The outputs of a changed module; what the change does not reach is known."""
    name, setting = change.spot.tensor, seen.case.setting
    reached = resting_on(module, name) & rests_on(module)
    rest = replace(
        module,
        definitions={n: d for n, d in module.definitions.items() if n in reached},
        groups=tuple(g for g in module.groups if g.members[0].name in reached),
        randoms={**module.randoms, **dict(_known(module, reached))},
    )
    tensors = {**seen.case.tensors, **seen.store}
    store = evaluate(rest, setting.sizes, setting.consts, tensors)
    return {n: store.get(n, seen.store[n]) for n in module.outputs}


def _known(module: t.Module, reached: set[str]) -> Iterator[tuple[str, t.Variable]]:
    """Definitions that need not be evaluated again, as random sources."""
    for name, d in module.definitions.items():
        if name not in reached:
            yield name, t.Variable(d.span, name, "random", d.dims, d.type)
