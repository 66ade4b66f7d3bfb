"""Layers of transformers that act on one position or turn features, by the names of our specs."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from transformers import Gemma2Config, GPT2Config, GptOssConfig, LlamaConfig
from transformers.activations import ACT2FN
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3TopkRouter
from transformers.models.gemma2.modeling_gemma2 import Gemma2MLP, Gemma2RMSNorm
from transformers.models.gpt2.modeling_gpt2 import GPT2MLP
from transformers.models.gpt_oss.modeling_gpt_oss import GptOssExperts, GptOssTopKRouter
from transformers.models.gptj.modeling_gptj import apply_rotary_pos_emb as apply_gptj
from transformers.models.gptj.modeling_gptj import create_sinusoidal_positions
from transformers.models.llama.modeling_llama import (
    LlamaMLP,
    LlamaRMSNorm,
    LlamaRotaryEmbedding,
    apply_rotary_pos_emb,
)
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock, MixtralTopKRouter
from transformers.models.qwen2_moe.modeling_qwen2_moe import Qwen2MoeTopKRouter

from examples.conformance.entry import Entry

# norms and feed-forward layers


def llama_rms_norm(x: Tensor, g: Tensor, eps: float) -> Tensor:
    y: Tensor = functional_call(LlamaRMSNorm(len(g), eps), {"weight": g}, (x,))
    return y


def gemma2_rms_norm(x: Tensor, g: Tensor, eps: float) -> Tensor:
    y: Tensor = functional_call(Gemma2RMSNorm(len(g), eps), {"weight": g}, (x,))
    return y


def llama_mlp(x: Tensor, W_gate: Tensor, W_up: Tensor, W_down: Tensor) -> Tensor:
    F, D = W_gate.shape
    config = LlamaConfig(hidden_size=D, intermediate_size=F, num_attention_heads=1, head_dim=2)
    return _gated(LlamaMLP(config), x, W_gate, W_up, W_down)


def gemma2_mlp(x: Tensor, W_gate: Tensor, W_up: Tensor, W_down: Tensor) -> Tensor:
    F, D = W_gate.shape
    config = Gemma2Config(hidden_size=D, intermediate_size=F, num_attention_heads=1)
    return _gated(Gemma2MLP(config), x, W_gate, W_up, W_down)


def _gated(mlp: torch.nn.Module, x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    params = {"gate_proj.weight": gate, "up_proj.weight": up, "down_proj.weight": down}
    y: Tensor = functional_call(mlp, params, (x,))
    return y


def gpt2_mlp(x: Tensor, W_in: Tensor, c_in: Tensor, W_out: Tensor, c_out: Tensor) -> Tensor:
    F, D = W_in.shape
    params = {
        "c_fc.weight": W_in.T,
        "c_fc.bias": c_in,
        "c_proj.weight": W_out.T,
        "c_proj.bias": c_out,
    }
    mlp = GPT2MLP(F, GPT2Config(n_embd=D, n_head=1)).eval()
    y: Tensor = functional_call(mlp, params, (x,))
    return y


def relu2(x: Tensor, W_in: Tensor, W_out: Tensor) -> Tensor:
    return torch.nn.functional.linear(ACT2FN["relu2"](x @ W_in.T), W_out)


# experts


def mixtral_gate(z: Tensor, top_k: float) -> Tensor:
    return _gate(MixtralTopKRouter, z, top_k)


def gpt_oss_gate(z: Tensor, top_k: float) -> Tensor:
    return _gate(GptOssTopKRouter, z, top_k, bias=torch.zeros_like(z[0]))


def qwen2_moe_gate(z: Tensor, top_k: float) -> Tensor:
    return _gate(Qwen2MoeTopKRouter, z, top_k, norm_topk_prob=False)


def deepseek_gate(z: Tensor, bias: Tensor, top_k: float, scale: float) -> Tensor:
    return _gate(
        DeepseekV3TopkRouter,
        z,
        top_k,
        e_score_correction_bias=bias,
        n_group=1,
        topk_group=1,
        norm_topk_prob=True,
        routed_scaling_factor=scale,
    )


def _gate(router: Any, z: Tensor, top_k: float, **settings: Any) -> Tensor:
    """The weights of all experts, from a router whose logits are its inputs."""
    E = z.shape[1]
    kept = min(math.ceil(top_k), E)
    config = SimpleNamespace(
        hidden_size=E, num_local_experts=E, num_experts=E, num_experts_per_tok=kept, **settings
    )
    tensors = {name: x for name, x in settings.items() if isinstance(x, Tensor)}
    params = {"weight": torch.eye(E, dtype=z.dtype), **tensors}
    _, scores, chosen = functional_call(router(config), params, (z,))
    return torch.zeros_like(z).scatter(1, chosen, scores.to(z.dtype))


def mixtral_experts(
    x: Tensor, W_router: Tensor, W_gate: Tensor, W_up: Tensor, W_down: Tensor, top_k: float
) -> Tensor:
    E, F, D = W_gate.shape
    config = SimpleNamespace(
        hidden_size=D,
        intermediate_size=F,
        num_local_experts=E,
        num_experts_per_tok=min(math.ceil(top_k), E),
        hidden_act="silu",
        router_jitter_noise=0.0,
        _experts_implementation="eager",
    )
    params = {
        "gate.weight": W_router,
        "experts.gate_up_proj": torch.cat([W_gate, W_up], 1),
        "experts.down_proj": W_down,
    }
    y: Tensor = functional_call(MixtralSparseMoeBlock(config), params, (x[None],))
    return y[0]


def gpt_oss_expert(
    x: Tensor,
    W_in: Tensor,
    c_in: Tensor,
    W_out: Tensor,
    c_out: Tensor,
    alpha: float,
    limit: float,
) -> Tensor:
    D, F = W_out.shape
    config = GptOssConfig(
        hidden_size=D,
        intermediate_size=F,
        num_local_experts=1,
        swiglu_alpha=alpha,
        swiglu_limit=limit,
        num_attention_heads=1,
        num_key_value_heads=1,
    )
    config._experts_implementation = "eager"
    params = {
        "gate_up_proj": W_in.T[None],
        "gate_up_proj_bias": c_in[None],
        "down_proj": W_out.T[None],
        "down_proj_bias": c_out[None],
    }
    rows = x.flatten(0, 1)
    all_to_one = torch.zeros(len(rows), 1, dtype=torch.long)
    args = (rows, all_to_one, torch.ones(len(rows), 1, dtype=x.dtype))
    y: Tensor = functional_call(GptOssExperts(config), params, args)
    return y.view_as(x)


# rotary positions


def _rotary(x: Tensor, positions: Tensor, trained: int, **rope: Any) -> Tensor:
    config = LlamaConfig(
        hidden_size=x.shape[-1],
        num_attention_heads=1,
        head_dim=x.shape[-1],
        max_position_embeddings=trained,
        rope_parameters=rope,
    )
    cos, sin = LlamaRotaryEmbedding(config)(x, positions)
    return apply_rotary_pos_emb(x[:, None], x[:, None], cos, sin)[0][:, 0]


def _straight(x: Tensor) -> Tensor:
    return torch.arange(x.shape[1]).expand(x.shape[:2])


def rotary(x: Tensor, base: float) -> Tensor:
    return _rotary(x, _straight(x), 64, rope_type="default", rope_theta=base)


def rotary_at_positions(x: Tensor, pos: Tensor, N: int, base: float) -> Tensor:
    return _rotary(x, pos, N, rope_type="default", rope_theta=base)


def rotary_linear(x: Tensor, s: float, base: float) -> Tensor:
    return _rotary(x, _straight(x), 64, rope_type="linear", rope_theta=base, factor=s)


def rotary_dynamic(x: Tensor, N: int, s: float, base: float) -> Tensor:
    return _rotary(x, _straight(x), N, rope_type="dynamic", rope_theta=base, factor=s)


def rotary_yarn(
    x: Tensor, s: float, base: float, trained: float, fast: float, slow: float
) -> Tensor:
    return _rotary(
        x,
        _straight(x),
        round(s * trained),
        rope_type="yarn",
        rope_theta=base,
        factor=s,
        original_max_position_embeddings=trained,
        beta_fast=fast,
        beta_slow=slow,
    )


def rotary_gptj(x: Tensor) -> Tensor:
    sin, cos = create_sinusoidal_positions(x.shape[1], x.shape[2]).chunk(2, dim=-1)
    turned = apply_gptj(x[:, :, None], sin[None], cos[None])
    return turned[:, :, 0].to(x.dtype)


ENTRIES = (
    Entry(
        "LlamaRMSNorm",
        "lawful.norms.RMSNorm",
        llama_rms_norm,
        "the constant inside the root; the normalised row is rounded before the gain",
        why="Computed in float32 whatever the dtype.",
    ),
    Entry(
        "Gemma2RMSNorm",
        "lawful.norms.RMSNormZeroCentred",
        gemma2_rms_norm,
        "the gain stored as its distance from 1, and applied before the rounding",
        why="Computed in float32 whatever the dtype.",
    ),
    Entry("LlamaMLP", "lawful.mlp.SwiGLU", llama_mlp, "silu(gate) times up"),
    Entry("Gemma2MLP", "layers.GeGLU", gemma2_mlp, "the tanh GELU of the gate, times up"),
    Entry(
        "GPT2MLP, gelu_new",
        "lawful.mlp.FeedForwardTanhGELU",
        gpt2_mlp,
        "the tanh approximation, written out",
        why=("It takes a view of its input, and raises an error where that is not contiguous."),
    ),
    Entry("ACT2FN relu2", "lawful.mlp.SquaredReLU", relu2, "the square of the ReLU"),
    Entry(
        "MixtralTopKRouter",
        "lawful.moe.RenormalisedGate",
        mixtral_gate,
        "softmax over all experts, the chosen renormalised",
        why=(
            "torch.topk takes any of equal logits, the spec the first: a convention that neither "
            "states. The softmax is in float32 whatever the dtype."
        ),
    ),
    Entry(
        "GptOssTopKRouter",
        "lawful.moe.GateOfChosen",
        gpt_oss_gate,
        "softmax over the chosen experts",
        why=(
            "torch.topk takes any of equal logits, the spec the first: a convention that neither "
            "states."
        ),
    ),
    Entry(
        "Qwen2MoeTopKRouter, norm_topk_prob off",
        "lawful.moe.SoftmaxGate",
        qwen2_moe_gate,
        "softmax over all experts, the chosen as they are",
        why=(
            "torch.topk takes any of equal logits, the spec the first: a convention that neither "
            "states. The softmax is in float32 whatever the dtype."
        ),
    ),
    Entry(
        "DeepseekV3TopkRouter, one group",
        "layers.DeepSeekGate",
        deepseek_gate,
        "the bias chooses and does not weigh",
        why="Scores and weights are in float32 whatever the dtype.",
    ),
    Entry(
        "MixtralSparseMoeBlock",
        "lawful.moe.MixtureOfExperts",
        mixtral_experts,
        "the chosen renormalised, which is the softmax over them",
        why=(
            "Weights are the softmax over all experts, renormalised over the chosen ones. The "
            "router's gradient for an expert that no token chose is 0, of which rounding leaves "
            "some 1e-8 here. The softmax is in float32 whatever the dtype."
        ),
    ),
    Entry(
        "GptOssExperts, one expert",
        "lawful.mlp.ClampedSwiGLU",
        gpt_oss_expert,
        "the gate cut off above, the linear branch on both sides and raised by 1",
    ),
    Entry(
        "LlamaRotaryEmbedding, apply_rotary_pos_emb",
        "lawful.rope.RotaryHalves",
        rotary,
        "split halves",
        why="Angles are in float32 whatever the dtype.",
    ),
    Entry(
        "LlamaRotaryEmbedding, position_ids",
        "lawful.rope.RotaryAtPositions",
        rotary_at_positions,
        "split halves, positions given",
        why="Angles are in float32 whatever the dtype.",
    ),
    Entry(
        "LlamaRotaryEmbedding, linear",
        "lawful.rope_scaling.RotaryInterpolated",
        rotary_linear,
        "positions divided by the factor",
        why="Angles are in float32 whatever the dtype.",
    ),
    Entry(
        "LlamaRotaryEmbedding, dynamic",
        "lawful.rope_scaling.RotaryDynamicNTK",
        rotary_dynamic,
        "the factor follows the length",
        why="Angles are in float32 whatever the dtype.",
    ),
    Entry(
        "LlamaRotaryEmbedding, yarn",
        "lawful.rope_scaling.RotaryYaRN",
        rotary_yarn,
        "the ends of the ramp rounded outwards",
        why=(
            "Angles are in float32 whatever the dtype. In bfloat16 nothing is compared: rounding "
            "to bfloat16, as the reference does it, would decide which pair the ramp starts at."
        ),
    ),
    Entry(
        "GPT-J create_sinusoidal_positions, apply_rotary_pos_emb",
        "layers.RotaryInterleavedAt10000",
        rotary_gptj,
        "neighbouring features, base 10000",
        why="Angles are in float32 whatever the dtype.",
    ),
)
