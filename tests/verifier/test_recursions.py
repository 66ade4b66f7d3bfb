"""A recursion of sums may be computed as a scan, which adds in another order: no more than that."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from lawful import verify
from lawful.runtime import ops
from lawful.verifier.reference_noise import Arithmetic
from lawful.verifier.report import Report
from torch import Tensor

NAME = "lawful.rl.recursions.DiscountedReturnRecursion"


def scan(*, r: Tensor, gamma: float) -> Tensor:
    return ops.discounted_sum(r, gamma, -1, reverse=True)


def step_by_step(*, r: Tensor, gamma: float) -> Tensor:
    found = [torch.zeros_like(r[:, 0])]
    for x in reversed(r.unbind(1)):
        found.append(x + gamma * found[-1])
    return torch.stack(found[:0:-1], 1)


def a_little_off(*, r: Tensor, gamma: float) -> Tensor:
    """In values alone, and where there is a sum, all of whose terms matter."""
    found = scan(r=r, gamma=gamma)
    if gamma != 0:
        found[:, :-1] += 1e-4 * r[:, 1:].detach()
    return found


def through_sixteen_bits(*, r: Tensor, gamma: float) -> Tensor:
    found = scan(r=r, gamma=gamma)
    near = found.detach()[:, :-1]
    if gamma != 0:
        found[:, :-1] += near.to(torch.bfloat16).to(r.dtype) - near
    return found


def verified(function: Callable[..., Tensor]) -> Report:
    return verify(NAME, function, dtypes=("float32",), level="full")


@pytest.mark.parametrize("function", [scan, step_by_step])
def test_either_order_is_the_equation(function: Callable[..., Tensor]) -> None:
    assert verified(function).ok


def test_without_allowing_for_another_order_a_scan_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Arithmetic, "accumulate", Arithmetic.add)
    assert verified(step_by_step).ok
    assert verified(scan).verdict == "WRONG"


@pytest.mark.parametrize("function", [a_little_off, through_sixteen_bits])
def test_more_than_another_order_is_wrong(function: Callable[..., Tensor]) -> None:
    assert verified(function).verdict == "WRONG"
