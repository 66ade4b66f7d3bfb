"""A training step of a small language model, in float32 and under autocast to bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from harness import Gate, Pair, Row
from torch import Tensor, nn

L, H, K, V, T, B = 6, 6, 64, 65, 256, 16


def pair(
    autocast: bool, L: int = L, H: int = H, K: int = K, V: int = V, T: int = T, B: int = B
) -> Pair:
    """Our model and loss against a model by hand, from the same weights, both with AdamW. What
    agrees is the first step: its loss and its gradients."""
    from lawful.generated.losses.cross_entropy import cross_entropy
    from lawful.generated.model import GPT2

    torch.manual_seed(0)
    D = H * K
    ours = GPT2(V=V, D=D, H=H, K=K, F=4 * D, L=L, Delta=T)
    peer = Peer(V, D, H, L, T)
    parts = list(_parts(ours, peer))
    with torch.no_grad():
        for _, mine, theirs, where in parts:
            theirs[where].copy_(mine.reshape(theirs[where].shape))
    tok, y = (torch.randint(V, (B, T)) for _ in range(2))
    step = partial(_step, autocast, tok, y)
    step_ours = step(ours, cross_entropy)
    step_peer = step(peer, F.cross_entropy)

    def our_step() -> dict[str, Tensor]:
        loss = step_ours()
        return {"loss": loss, **{name: _gradient(mine) for name, mine, _, _ in parts}}

    def peer_step() -> dict[str, Tensor]:
        loss = step_peer()
        return {"loss": loss} | {
            name: _gradient(theirs)[where].reshape(mine.shape)
            for name, mine, theirs, where in parts
        }

    linear = [(p.shape[0], p.shape[1]) for p in peer.parameters() if p.dim() > 1]
    least = partial(_least, [shape for shape in linear if shape != (T, D)], B * T)
    return Pair(our_step, peer_step, None if autocast else least, 3e-2 if autocast else 1e-3)


def _step(
    autocast: bool,
    tok: Tensor,
    y: Tensor,
    model: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
) -> Callable[[], Tensor]:
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5)

    def step() -> Tensor:
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            value = loss(model(tok).flatten(0, 1), y.flatten())
        value.backward()
        optimiser.step()
        return value

    return step


def _gradient(param: Tensor) -> Tensor:
    assert param.grad is not None
    return param.grad


def _parts(ours: Any, peer: Any) -> Iterator[tuple[str, Tensor, Tensor, slice]]:
    """Each parameter of ours by name, and the rows of the peer's that it is."""
    everything = slice(None)
    yield "E", ours.E, peer.tokens.weight, everything
    yield "pos", ours.pos, peer.positions.weight, everything
    norms = {"norm": (ours.norm, peer.norm)}
    for l, (mine, theirs) in enumerate(zip(ours.block, peer.blocks, strict=True)):
        norms[f"block.{l}.norm_attn"] = mine.norm_attn, theirs.norm_attn
        norms[f"block.{l}.norm_ffn"] = mine.norm_ffn, theirs.norm_ffn
        D = len(theirs.out.weight)
        for i, name in enumerate(("W_Q", "W_K", "W_V")):
            where = slice(i * D, (i + 1) * D)
            yield f"block.{l}.{name}", getattr(mine.attn, name), theirs.qkv.weight, where
        yield f"block.{l}.W_O", mine.attn.W_O, theirs.out.weight, everything
        yield f"block.{l}.W_in", mine.ffn.W_in, theirs.up.weight, everything
        yield f"block.{l}.c_in", mine.ffn.c_in, theirs.up.bias, everything
        yield f"block.{l}.W_out", mine.ffn.W_out, theirs.down.weight, everything
        yield f"block.{l}.c_out", mine.ffn.c_out, theirs.down.bias, everything
    for name, (norm, its) in norms.items():
        yield f"{name}.g", norm.g, its.weight, everything
        yield f"{name}.c", norm.c, its.bias, everything


def _least(shapes: Sequence[tuple[int, int]], N: int) -> None:
    """The products of N positions with each matrix, and those of the gradients."""
    for rows, columns in shapes:
        W, x, g = torch.ones(rows, columns), torch.ones(N, columns), torch.ones(N, rows)
        x @ W.T, g @ W, g.T @ x


class Peer(nn.Module):
    """A decoder as it is written by hand, in the manner of nanoGPT."""

    def __init__(self, V: int, D: int, H: int, L: int, T: int) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(V, D), nn.Embedding(T, D)
        self.blocks = nn.ModuleList(Block(D, H) for _ in range(L))
        self.norm = nn.LayerNorm(D)

    def forward(self, tok: Tensor) -> Tensor:
        x = self.tokens(tok) + self.positions(torch.arange(tok.shape[1], device=tok.device))
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.tokens.weight)


class Block(nn.Module):
    """Attention, then a feed-forward layer, each of what is normalised first."""

    def __init__(self, D: int, H: int) -> None:
        super().__init__()
        self.H = H
        self.norm_attn, self.norm_ffn = nn.LayerNorm(D), nn.LayerNorm(D)
        self.qkv, self.out = nn.Linear(D, 3 * D, bias=False), nn.Linear(D, D, bias=False)
        self.up, self.down = nn.Linear(D, 4 * D), nn.Linear(4 * D, D)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            part.unflatten(-1, (self.H, -1)).transpose(1, 2)
            for part in self.qkv(self.norm_attn(x)).chunk(3, dim=-1)
        )
        o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(o.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm_ffn(x)), approximate="tanh"))


def _row(autocast: bool) -> Row:
    how = "autocast to bfloat16" if autocast else "float32"
    return Row(
        "training.bf16" if autocast else "training.fp32",
        how,
        f"model.GPT2, losses.cross_entropy.CrossEntropy and AdamW, 10.6 million parameters, "
        f"B={B} T={T} L={L} D={H * K} H={H} V={V}, {how}",
        "a model by hand with F.scaled_dot_product_attention and F.cross_entropy",
        partial(pair, autocast),
        (Gate("time", 1.02),),
        "" if autocast else "the matrix products of the linear maps",
    )


ROWS = [_row(False), _row(True)]
