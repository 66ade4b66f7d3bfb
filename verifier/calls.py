"""The calls on which most checks rest, made before anything is known that they could be
compared with.

One with other numbers, one with those of the case in the same memory, and one in inference
mode with tensors of its own: answers kept by shape, by address or for good come out wrong, and
a result that a later call overwrites is seen to change.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..compiler.names import python_name
from .candidate import outputs, tensors
from .regimes import Case
from .trial import Calls, Subject, identical

Tensors = Mapping[str, Tensor]


def called(subject: Subject, the_case: Case, dtype: str) -> Calls:
    """Call the implementation three times. What it raises for the numbers of the case is passed
    on."""
    call, later = (subject.arguments(the_case, dtype, gradients=False) for _ in range(2))
    given, given_later = tensors(call.keywords), tensors(later.keywords)
    before = _copies(given)
    _disturb(subject, given)
    other: Tensors = {}
    with contextlib.suppress(Exception):
        other = _returned(subject, call.keywords)
    other = {name: x for name, x in other.items() if not _within(x, given)}
    other_before = _copies(other)
    for name, x in given.items():
        x.copy_(before[name])
    result = _returned(subject, call.keywords)
    first = _copies(result)
    with torch.inference_mode():
        again = _copies(_returned(subject, later.keywords))
    changed = _changed(given, before) | _changed(given_later, before)
    overwritten = _changed(other, other_before) | _changed(result, first)
    return Calls(before, changed, first, again, overwritten)


def _returned(subject: Subject, keywords: Mapping[str, Any]) -> dict[str, Tensor]:
    return outputs(subject.module, subject.candidate.function(**keywords))


def _copies(of: Tensors) -> dict[str, Tensor]:
    return {name: x.detach().clone() for name, x in of.items()}


def _changed(now: Tensors, before: Tensors) -> frozenset[str]:
    return frozenset(name for name, old in before.items() if not identical(now[name], old))


def _disturb(subject: Subject, given: Tensors) -> None:
    """Give tensors other numbers that they might have: their own in another order, with the
    other sign or truth value where that is in their range."""
    randoms = {python_name(name) for name in subject.module.randoms}
    for name, x in given.items():
        other = x.flatten().flip(0).reshape(x.shape)
        if x.dtype == torch.bool:
            other = ~other
        elif x.is_floating_point() and name not in randoms:
            other = -other
        x.copy_(other)


def _within(x: Tensor, given: Tensors) -> bool:
    """Whether a tensor shares memory with one of those given, as a view may."""
    memory = {other.untyped_storage().data_ptr() for other in given.values()}
    return x.untyped_storage().data_ptr() in memory
