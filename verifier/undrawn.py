"""What is left to compare where an implementation draws by itself: all that rests on no draw."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..compiler import typed as t
from ..compiler.names import python_name
from ..compiler.walk import nodes
from .candidate import Candidate, outputs
from .changes import reads, resting_on
from .reference_scales import needed


def unaccepted(module: t.Module, candidate: Candidate) -> tuple[str, ...]:
    """The random sources for which the implementation has no place: it draws by itself."""
    if candidate.accepts is None:
        return ()
    return tuple(name for name in module.randoms if python_name(name) not in candidate.accepts)


def drawn_by(module: t.Module, sources: Collection[str]) -> frozenset[str]:
    """Sources and the definitions that rest on them."""
    return frozenset(name for source in sources for name in resting_on(module, source))


def without(module: t.Module, drawn: Collection[str]) -> t.Module:
    """A flat module less some sources, all that rests on them, the laws that speak of it, and
    what only these needed."""
    outputs = tuple(name for name in module.outputs if name not in drawn)
    laws = tuple(law for law in module.laws if not _mentioned(law) & set(drawn))
    mentioned = {name for law in laws for name in _mentioned(law)}
    kept = needed(replace(module, outputs=(*outputs, *mentioned)))
    return replace(
        module,
        randoms={name: x for name, x in module.randoms.items() if name not in drawn},
        definitions={name: module.definitions[name] for name in kept},
        groups=tuple(g for g in module.groups if g.members[0].name in kept),
        outputs=outputs,
        laws=laws,
    )


def unread(module: t.Module) -> frozenset[str]:
    """The inputs and params that no definition reads."""
    read = {name for definition in module.definitions.values() for name in reads(definition)}
    return frozenset({*module.inputs, *module.params} - read)


def returning(candidate: Candidate, module: t.Module, names: Collection[str]) -> Candidate:
    """The implementation of a module, of whose outputs only these are looked at."""

    def call(**keywords: Any) -> dict[str, Tensor]:
        found = outputs(module, candidate.function(**keywords))
        return {name: found[name] for name in names}

    return replace(candidate, function=call)


def _mentioned(law: t.Law) -> set[str]:
    """The tensors of which a law speaks."""
    bound = (e for fixed in law.bindings for e in (fixed.target, fixed.value))
    parts = (law.claim, *law.given, *bound)
    return {node.tensor for part in parts for node in nodes(part) if isinstance(node, t.Element)}
