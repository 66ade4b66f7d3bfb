"""A linear head with cross-entropy, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from harness import Gate, Pair, Row, Side, gradients
from torch import Tensor

D = 768

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def pair(
    N: int,
    V: int,
    D: int = D,
    peer: str = "torch",
    compiled: bool = False,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    tolerance: float = 1e-4,
) -> Pair:
    """Our loss of the head's inputs against one of `PEERS`, both compiled or neither."""
    from lawful.generated.losses.sharded import linear_cross_entropy

    torch.manual_seed(0)
    h = torch.randn(N, D, device=device, dtype=dtype).requires_grad_()
    W = (torch.randn(V, D, device=device, dtype=dtype) * 0.02).requires_grad_()
    y = torch.randint(V, (N,), device=device)

    def ours(h: Tensor, W: Tensor, y: Tensor) -> Tensor:
        return linear_cross_entropy(h, y, W=W)

    losses: tuple[Loss, Loss] = (ours, PEERS[peer]())
    if compiled:
        losses = (torch.compile(losses[0]), torch.compile(losses[1]))
    a, b = (_side(loss, h, W, y) for loss in losses)
    return Pair(a, b, partial(_least, h.detach(), W.detach()), tolerance)


def _side(loss: Loss, h: Tensor, W: Tensor, y: Tensor) -> Side:
    return lambda: gradients({"loss": loss(h, W, y)}, {"h": h, "W": W})


def _torch() -> Loss:
    return lambda h, W, y: F.cross_entropy(h @ W.T, y)


def _liger() -> Loss:
    from liger_kernel.transformers import LigerFusedLinearCrossEntropyLoss

    loss = LigerFusedLinearCrossEntropyLoss()
    return lambda h, W, y: loss(W, h, y)


PEERS: dict[str, Callable[[], Loss]] = {"torch": _torch, "liger": _liger}


def _least(h: Tensor, W: Tensor) -> object:
    """The three products: logits, and from as many cotangents both gradients."""
    z = h @ W.T
    return z @ W, z.T @ h


def _row(name: str, N: int, V: int, gates: tuple[Gate, ...], sweep: str | None = None) -> Row:
    return Row(
        name,
        f"V={V}" if sweep else f"N={N} D={D} V={V}",
        f"losses.sharded.LinearCrossEntropy, forward and backward, N={N} D={D} V={V}, float32",
        "matmul and F.cross_entropy",
        partial(pair, N, V),
        gates,
        "the three matrix products",
        sweep=(sweep, V) if sweep else None,
    )


ROWS = [
    _row("cross_entropy.n2048", 2048, 50257, (Gate("time", 1.0, 0.95), Gate("memory", 0.2, 0.13)))
]
ROWS += [
    _row(f"cross_entropy.over_v.{V}", 256, V, (), "linear head and cross-entropy: V")
    for V in (1024, 4096, 16384, 65536)
]
