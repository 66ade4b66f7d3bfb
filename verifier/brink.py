"""Consts just beside what they are compared with, so that a comparison made in a coarser format
falls the other way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from ..compiler import typed as t
from ..compiler.walk import nodes
from .index_conditions import scalar_parts
from .reference import evaluate
from .settings import Setting, holds

BESIDE = 2.0**-12
"""How far beside, relatively: less than formats of 16 bits tell apart, more than float32's
rounding decides."""
TRIES = 20


def comparisons(module: t.Module) -> Iterator[tuple[str, str]]:
    """The tensors of a flat module that are compared with a const, each with the const."""
    for part in scalar_parts(module):
        for node in nodes(part.body):
            if isinstance(node, t.Compare):
                yield from _sides(module, node.left, node.right)
                yield from _sides(module, node.right, node.left)


def _sides(module: t.Module, tensor: t.Expr, const: t.Expr) -> Iterator[tuple[str, str]]:
    if not isinstance(tensor, t.Element) or not isinstance(const, t.ConstRef):
        return
    if tensor.type == "real" and tensor.tensor in module.definitions:
        yield tensor.tensor, const.name


def at_the_brink(
    module: t.Module,
    setting: Setting,
    tensors: Mapping[str, npt.NDArray[Any]],
    draw: np.random.Generator,
) -> Setting:
    """The setting with one const moved beside a value that it is compared with, where there is
    one and that meets every requirement."""
    found = list(dict.fromkeys(comparisons(module)))
    values = evaluate(module, setting.sizes, setting.consts, tensors)
    for _ in range(TRIES if found else 0):
        tensor, const = found[int(draw.integers(len(found)))]
        known = values[tensor][np.isfinite(values[tensor]) & (values[tensor] != 0)]
        if not known.size:
            continue
        beside = draw.choice(known) * (1 + draw.choice([-BESIDE, BESIDE]))
        consts = {**setting.consts, const: Fraction(float(np.float32(beside)))}
        if all(holds(condition, setting.sizes, consts) for condition in module.requires):
            return replace(setting, consts=consts)
    return setting
