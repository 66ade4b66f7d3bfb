"""Linear maps and norms against their equations, written out."""

from __future__ import annotations

import pytest
import torch
from lawful.runtime import ops
from torch import Tensor

F64 = torch.float64


def numbers(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=F64)


@pytest.mark.parametrize(
    ("x", "W", "inner", "equation"),
    [
        ((2, 3, 4), (5, 4), 1, "btd,fd->btf"),
        ((2, 3, 4), (5, 6, 4), 1, "btd,hkd->bthk"),
        ((2, 3, 5, 6), (4, 5, 6), 2, "bthk,dhk->btd"),
        ((0, 4), (5, 4), 1, "bd,fd->bf"),
    ],
)
def test_linear_sums_over_the_last_axes(
    x: tuple[int, ...], W: tuple[int, ...], inner: int, equation: str
) -> None:
    a, b = numbers(*x), numbers(*W)
    torch.testing.assert_close(ops.linear(a, b, inner=inner), torch.einsum(equation, a, b))
    turned = a.transpose(0, 1).contiguous().transpose(0, 1)
    torch.testing.assert_close(ops.linear(turned, b, inner=inner), torch.einsum(equation, a, b))


def test_norms_are_their_equations_far_from_zero_too() -> None:
    x, gain, shift = numbers(3, 8) + 1e4, numbers(8), numbers(8)
    centred = x - x.mean(-1, keepdim=True)
    scale = (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(
        ops.layer_norm(x.float(), gain.float(), shift.float(), eps=1e-5).double(),
        centred / scale * gain + shift,
        rtol=1e-3,
        atol=1e-2,
    )
    torch.testing.assert_close(
        ops.rms_norm(x, gain, eps=1e-5),
        gain * x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt(),
    )
