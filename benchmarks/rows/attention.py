"""An attention layer with rotary positions, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from harness import Gate, Pair, Row, Side, gradients
from torch import Tensor

H, K = 8, 64
BASE = 10000.0
PROJECTIONS = {"W_Q": "q_proj", "W_K": "k_proj", "W_V": "v_proj", "W_O": "o_proj"}

Layer = Callable[[Tensor], Tensor]


def pair(
    B: int,
    T: int,
    compiled: bool = False,
    peer: str = "llama",
    H: int = H,
    K: int = K,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    tolerance: float = 1e-4,
) -> Pair:
    """Our layer against one of `PEERS`, both compiled or neither."""
    from lawful.generated.attention import RotaryAttentionHalves

    torch.manual_seed(0)
    D = H * K
    ours = RotaryAttentionHalves(D=D, H=H, G=H, K=K, base=BASE, device=device, dtype=dtype)
    x, cotangent = (torch.randn(B, T, D, device=device, dtype=dtype) for _ in range(2))
    params = dict(ours.named_parameters())
    theirs, weights = PEERS[peer](params, x)
    least, least_weights = _least(params, x)
    layers = (torch.compile(ours), torch.compile(theirs)) if compiled else (ours, theirs)
    a = _side(layers[0], x, params, cotangent)
    b = _side(layers[1], x, {name: weights[name] for name in params}, cotangent)
    floor = _side(least, x, least_weights, cotangent)
    return Pair(a, lambda: _shaped(b(), params), floor, tolerance)


def _side(layer: Layer, x: Tensor, params: Mapping[str, Tensor], cotangent: Tensor) -> Side:
    at = x.clone().requires_grad_()
    return lambda: gradients({"y": layer(at)}, {"x": at, **params}, cotangent)


def _shaped(found: Mapping[str, Tensor], params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A peer's gradients in the shapes of our parameters."""
    shapes = {f"gradient of {name}": param.shape for name, param in params.items()}
    return {name: t.reshape(shapes.get(name, t.shape)) for name, t in found.items()}


# peers: a layer, and its parameters by the names of ours


def _llama(params: Mapping[str, Tensor], x: Tensor) -> tuple[Layer, dict[str, Tensor]]:
    """LlamaAttention with sdpa. A model computes the angles once for all its layers, so it is
    given them."""
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaAttention, LlamaRotaryEmbedding

    H, K, D = params["W_Q"].shape
    config = LlamaConfig(
        hidden_size=D,
        num_attention_heads=H,
        num_key_value_heads=H,
        head_dim=K,
        rope_parameters={"rope_type": "default", "rope_theta": BASE},
        attn_implementation="sdpa",
    )
    layer = LlamaAttention(config, 0).to(x.device, x.dtype)
    positions = torch.arange(x.shape[1], device=x.device)[None]
    turned = LlamaRotaryEmbedding(config).to(x.device)(x, positions)
    weights = {name: getattr(layer, theirs).weight for name, theirs in PROJECTIONS.items()}
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(params[name].reshape(weight.shape))

    def forward(x: Tensor) -> Tensor:
        return layer(x, position_embeddings=turned, attention_mask=None)[0]

    return forward, weights


def _by_hand(
    attend: Callable[[Tensor, Tensor, Tensor], Tensor],
    params: Mapping[str, Tensor],
    x: Tensor,
    rotated: bool = True,
) -> tuple[Layer, dict[str, Tensor]]:
    """A layer around a function from queries, keys and values to what attention gives."""
    H, K, D = params["W_Q"].shape
    weights = {
        name: param.detach().reshape(D, D).clone().requires_grad_()
        for name, param in params.items()
    }
    angle = torch.arange(x.shape[1], device=x.device)[:, None] * BASE ** (
        -2 * torch.arange(K // 2, device=x.device) / K
    )
    cos, sin = (torch.cat([f(angle)] * 2, dim=-1).to(x.dtype) for f in (torch.cos, torch.sin))

    def turn(x: Tensor) -> Tensor:
        if not rotated:
            return x
        first, second = x.chunk(2, dim=-1)
        return x * cos + torch.cat([-second, first], dim=-1) * sin

    def forward(x: Tensor) -> Tensor:
        q, k, v = (
            F.linear(x, weights[name]).unflatten(-1, (H, K)).transpose(1, 2)
            for name in ("W_Q", "W_K", "W_V")
        )
        o = attend(turn(q), turn(k), v).transpose(1, 2).flatten(2)
        return F.linear(o, weights["W_O"])

    return forward, weights


def _sdpa(params: Mapping[str, Tensor], x: Tensor) -> tuple[Layer, dict[str, Tensor]]:
    return _by_hand(partial(F.scaled_dot_product_attention, is_causal=True), params, x)


def _flex(params: Mapping[str, Tensor], x: Tensor) -> tuple[Layer, dict[str, Tensor]]:
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    T = x.shape[1]
    mask = create_block_mask(lambda b, h, t, u: u <= t, None, None, T, T, device=x.device)
    return _by_hand(partial(torch.compile(flex_attention), block_mask=mask), params, x)


PEERS: dict[str, Callable[..., Any]] = {"llama": _llama, "sdpa": _sdpa, "flex": _flex}


def _least(params: Mapping[str, Tensor], x: Tensor) -> tuple[Layer, dict[str, Tensor]]:
    """Projections and attention alone, without rotations."""
    causal = partial(F.scaled_dot_product_attention, is_causal=True)
    return _by_hand(causal, params, x, rotated=False)


def _row(B: int, T: int, compiled: bool) -> Row:
    how = ", both compiled" if compiled else ""
    return Row(
        f"attention.b{B}_t{T}" + ("_compiled" if compiled else ""),
        f"B={B} T={T}{how}",
        f"attention.RotaryAttentionHalves, forward and backward, B={B} T={T} H={H} K={K}, "
        f"float32{how}",
        "transformers LlamaAttention, sdpa",
        partial(pair, B, T, compiled),
        (Gate("time", 1.05, 0.95 if compiled else None), Gate("memory", 0.9)),
        "projections and scaled_dot_product_attention without rotary positions, eager",
        ("transformers",),
    )


def _point(T: int) -> Row:
    return Row(
        f"attention.over_t.{T}",
        f"T={T}",
        f"attention.RotaryAttentionHalves, forward and backward, B=1 T={T} H={H} K={K}, float32",
        "transformers LlamaAttention, sdpa",
        partial(pair, 1, T),
        needs=("transformers",),
        sweep=("attention: T", T),
    )


ROWS = [_row(B, T, compiled) for compiled in (False, True) for B, T in ((4, 512), (1, 2048))]
ROWS += [_point(T) for T in (64, 128, 256, 512, 1024, 2048)]
