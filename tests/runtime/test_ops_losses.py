"""Log-probabilities of given classes: values, gradients of both orders, what traces, what is
held. Blocks and chunks are made small, so that there are several, the last one shorter."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from lawful.runtime import ops, ops_losses
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

F64 = torch.float64
Function = Callable[[Tensor, Tensor], Tensor]
B, T, V, D = 3, 6, 7, 2


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops_losses, "BLOCK", 2 * V)
    monkeypatch.setattr(ops_losses, "ROWS", 4)


def drawn(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=generator, dtype=F64).requires_grad_()


def classes(*shape: int) -> Tensor:
    return torch.randint(0, V, shape, generator=torch.Generator().manual_seed(1))


H, W, Z = drawn(B, T, D), drawn(V, D), drawn(B, T, V)
Y = classes(B, T)
ADMITTED = torch.arange(B * T).reshape(B, T) % 3 > 0


def plain(z: Tensor, y: Tensor) -> Tensor:
    return torch.log_softmax(z[..., : y.shape[-1], :], -1).gather(-1, y[..., None])[..., 0]


def row_by_row(h: Tensor, W: Tensor) -> Tensor:
    return ops.linear_log_prob(h, W, Y).square().mean()


def in_the_mean(h: Tensor, W: Tensor) -> Tensor:
    return ops.linear_cross_entropy(h, W, Y, ADMITTED).square()


HEADS: dict[Function, Function] = {
    row_by_row: lambda h, W: plain(h @ W.T, Y).square().mean(),
    in_the_mean: lambda h, W: plain(h @ W.T, Y)[ADMITTED].mean().square(),
}
heads = pytest.mark.parametrize("head", HEADS, ids=lambda f: f.__name__)


def slopes(f: Function, h: Tensor = H, W: Tensor = W) -> tuple[Tensor, ...]:
    return torch.autograd.grad(f(h, W), (h, W))


def close(got: tuple[Tensor, ...], expected: tuple[Tensor, ...], tolerance: float = 1e-12) -> None:
    for a, b in zip(got, expected, strict=True):
        assert torch.allclose(a.to(F64), b.to(F64), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("rows", [T, T - 1, 1])
def test_the_log_probability_of_a_class_and_its_derivatives(rows: int) -> None:
    y = Y[:, :rows]
    assert torch.allclose(ops.log_prob(Z, y), plain(Z, y), rtol=1e-14)
    assert gradcheck(lambda z: ops.log_prob(z, y), Z)
    assert gradgradcheck(lambda z: ops.log_prob(z, y), Z)


def test_one_row_other_layouts_and_classes_that_rows_share() -> None:
    assert torch.allclose(ops.log_prob(Z[0, 0], Y[0, 0]), plain(Z, Y)[0, 0])
    turned = Z.transpose(0, 1)
    assert torch.allclose(ops.log_prob(turned, Y.T), plain(Z, Y).T)
    (slope,) = torch.autograd.grad(ops.log_prob(turned, Y.T).square().sum(), Z)
    close((slope,), torch.autograd.grad(plain(Z, Y).square().sum(), Z))
    assert torch.allclose(ops.log_prob(Z, Y[:1].int()), plain(Z, Y[:1].expand(B, T)))


def test_rows_beyond_the_last_class_do_not_matter() -> None:
    z = Z.detach().clone()
    z[:, -1] = torch.nan
    z.requires_grad_()
    (slope,) = torch.autograd.grad(ops.log_prob(z, Y[:, :-1]).sum(), z)
    assert (slope[:, -1] == 0).all() and slope.isfinite().all()


def test_confident_logits_keep_their_accuracy() -> None:
    """A logit less the logsumexp of its row, rounded at the size of the logits, does not."""
    z, y = (1e4 + Z.detach()).float(), Y
    exact = plain(z.double(), y)
    assert torch.allclose(ops.log_prob(z, y).double(), exact, rtol=1e-6)
    rounded = z.gather(-1, y[..., None])[..., 0] - torch.logsumexp(z, -1)
    assert not torch.allclose(rounded.double(), exact, rtol=1e-6)


@heads
def test_linear_heads_and_their_derivatives(head: Function) -> None:
    assert torch.allclose(head(H, W), HEADS[head](H, W), rtol=1e-13)
    assert gradcheck(head, (H, W))
    assert gradgradcheck(head, (H, W))


@heads
def test_a_second_backward_pass_gives_the_same(head: Function) -> None:
    loss = head(H, W)
    once = [slope.clone() for slope in torch.autograd.grad(loss, (H, W), retain_graph=True)]
    again = torch.autograd.grad(loss, (H, W), retain_graph=True)
    close(again, tuple(once))
    close(torch.autograd.grad(loss, (W,)), tuple(once[1:]))


@heads
def test_a_gradient_by_one_operand_alone(head: Function) -> None:
    by_h, by_W = slopes(HEADS[head])
    close(torch.autograd.grad(head(H, W.detach()), H), (by_h,))
    close(torch.autograd.grad(head(H.detach(), W), W), (by_W,))
    with torch.no_grad():
        assert not head(H, W).requires_grad
    assert torch.allclose(head(H.detach(), W.detach()), head(H, W))


@heads
def test_what_traces_and_what_transforms(head: Function) -> None:
    expected = slopes(HEADS[head])
    close(torch.func.grad(head, (0, 1))(H, W), expected)
    close(slopes(torch.compile(head, fullgraph=True, backend="aot_eager")), expected)
    weights = torch.stack([W, 2 * W])
    losses = torch.func.vmap(lambda W: head(H, W))(weights)
    assert torch.allclose(losses, torch.stack([HEADS[head](H, w) for w in weights]))
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(W.detach(), torch.ones_like(W))
        tangent = torch.autograd.forward_ad.unpack_dual(head(H.detach(), dual)).tangent
    assert torch.allclose(tangent, expected[1].sum())


@heads
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bits_and_autocast_add_up_in_float32(head: Function, dtype: torch.dtype) -> None:
    narrow = H.to(dtype), W.to(dtype)
    exact = slopes(HEADS[head], *(x.detach().to(F64).requires_grad_() for x in narrow))
    got = slopes(head, *(x.detach().requires_grad_() for x in narrow))
    assert {slope.dtype for slope in got} == {dtype} == {head(*narrow).dtype}
    close(got, exact, 10 * torch.finfo(dtype).eps)
    with torch.autocast("cpu", dtype=dtype):
        loss = head(H.float(), W.float())
    assert loss.dtype == torch.float32
    close(torch.autograd.grad(loss, (H, W)), exact, 10 * torch.finfo(dtype).eps)


def test_a_float16_sum_that_would_overflow_does_not() -> None:
    """The derivative by W is 1e5 before it is divided by the number of rows."""
    h = torch.full((2000, 1), 100.0, dtype=torch.float16)
    W = torch.zeros(2, 1, dtype=torch.float16, requires_grad=True)
    y = torch.zeros(2000, dtype=torch.int64)
    (slope,) = torch.autograd.grad(ops.linear_cross_entropy(h, W, y), W)
    assert slope[:, 0].tolist() == [-50.0, 50.0]


def test_without_an_admitted_row_the_mean_is_undefined() -> None:
    assert ops.linear_cross_entropy(H, W, Y, torch.zeros_like(Y, dtype=torch.bool)).isnan()


def largest(f: Callable[[], object]) -> int:
    """The largest tensor that operations give, in elements."""
    sizes = [0]

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            out = func(*args, **(kwargs or {}))
            sizes.extend(x.numel() for x in (out,) if isinstance(x, Tensor))
            return out

    with Watch():
        f()
    return max(sizes)


@heads
def test_logits_of_a_head_are_never_held(head: Function) -> None:
    assert largest(lambda: slopes(head)) <= max(4 * V, H.numel()) < B * T * V
    assert largest(lambda: slopes(HEADS[head])) >= B * T * V
