"""Attention of transformers, its masks and its blocks, by the names of our specs."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call
from transformers import Gemma2Config, GPT2Config, LlamaConfig, Qwen3Config
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import (
    causal_mask_function,
    create_causal_mask,
    create_sliding_window_causal_mask,
    eager_mask,
    sdpa_mask,
    sliding_window_causal_mask_function,
)
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.gemma2.modeling_gemma2 import Gemma2Attention, Gemma2RotaryEmbedding
from transformers.models.gemma2.modeling_gemma2 import eager_attention_forward as gemma2_eager
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention
from transformers.models.gpt_oss.modeling_gpt_oss import eager_attention_forward as gpt_oss_eager
from transformers.models.llama.modeling_llama import (
    LlamaAttention,
    LlamaDecoderLayer,
    LlamaRotaryEmbedding,
)
from transformers.models.llama.modeling_llama import eager_attention_forward as llama_eager
from transformers.models.qwen3.modeling_qwen3 import Qwen3Attention, Qwen3RotaryEmbedding

from examples.conformance.entry import Entry

# attention from queries, keys and values


def _layer(groups: int = 1, **settings: Any) -> Any:
    """As much of an attention layer as the attention functions read."""
    return SimpleNamespace(num_key_value_groups=groups, training=False, is_causal=False, **settings)


def eager_masked(q: Tensor, k: Tensor, v: Tensor, m: Tensor) -> Tensor:
    B, T, U = m.shape
    mask = eager_mask(B, T, U, mask_function=_admitted(m), dtype=q.dtype)
    return _eager(q, k, v, mask)


def sdpa_masked(q: Tensor, k: Tensor, v: Tensor, m: Tensor) -> Tensor:
    B, T, U = m.shape
    mask = sdpa_mask(B, T, U, mask_function=_admitted(m), allow_is_causal_skip=False)
    heads = (x[:, None] for x in (q, k, v))
    scaling = q.shape[-1] ** -0.5
    return sdpa_attention_forward(_layer(), *heads, mask, scaling=scaling)[0][:, :, 0]


def eager_causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    B, T, U = len(q), q.shape[1], k.shape[1]
    mask = eager_mask(B, T, U, q_offset=U - T, mask_function=causal_mask_function, dtype=q.dtype)
    return _eager(q, k, v, mask)


def eager_window(q: Tensor, k: Tensor, v: Tensor, W: int) -> Tensor:
    B, T, U = len(q), q.shape[1], k.shape[1]
    seen = sliding_window_causal_mask_function(W)
    mask = eager_mask(B, T, U, q_offset=U - T, mask_function=seen, dtype=q.dtype)
    return _eager(q, k, v, mask)


def _admitted(m: Tensor) -> Any:
    return lambda b, h, t, u: m[b, t, u]


def _eager(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    heads = (x[:, None] for x in (q, k, v))
    return llama_eager(_layer(), *heads, mask, q.shape[-1] ** -0.5)[0][:, :, 0]


def eager_grouped(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return _heads(llama_eager, _layer(len(q) // len(k)), q, k, v)


def eager_softcap(q: Tensor, k: Tensor, v: Tensor, cap: float) -> Tensor:
    return _heads(gemma2_eager, _layer(), q, k, v, softcap=cap)


def eager_sink(q: Tensor, k: Tensor, v: Tensor, sink: Tensor) -> Tensor:
    return _heads(gpt_oss_eager, _layer(sinks=sink), q, k, v)


def bloom_alibi(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    H, T, _ = q.shape
    bias = build_alibi_tensor(torch.ones(1, T), H, q.dtype)
    hidden = torch.ones(T, T, dtype=torch.bool).triu(1)
    mask = bias.expand(H, T, T).masked_fill(hidden, -torch.inf)
    return F.scaled_dot_product_attention(q, k, v, mask)


def _heads(function: Any, layer: Any, q: Tensor, k: Tensor, v: Tensor, **settings: Any) -> Tensor:
    """Causal attention of one row, heads first."""
    T = q.shape[1]
    mask = eager_mask(1, T, T, mask_function=causal_mask_function, dtype=q.dtype)
    heads = (x[None] for x in (q, k, v))
    scaling = q.shape[-1] ** -0.5
    out: Tensor = function(layer, *heads, mask, scaling=scaling, **settings)[0]
    return out[0].transpose(0, 1)


# layers with their projections


def _positions(x: Tensor) -> Tensor:
    return torch.arange(x.shape[1]).expand(x.shape[:2])


def _causal(config: Any, x: Tensor) -> Tensor | None:
    mask: Tensor | None = create_causal_mask(
        config=config, inputs_embeds=x, attention_mask=None, cache=None, position_ids=_positions(x)
    )
    return mask


def _projections(W_Q: Tensor, W_K: Tensor, W_V: Tensor, W_O: Tensor) -> dict[str, Tensor]:
    return {
        "q_proj.weight": W_Q.flatten(0, 1),
        "k_proj.weight": W_K.flatten(0, 1),
        "v_proj.weight": W_V.flatten(0, 1),
        "o_proj.weight": W_O.flatten(1),
    }


def _llama_config(W_Q: Tensor, W_K: Tensor, base: float, kind: str, **settings: Any) -> Any:
    H, K, D = W_Q.shape
    config = LlamaConfig(
        hidden_size=H * K,  # it asks for a multiple of H, which nothing else relies on
        num_attention_heads=H,
        num_key_value_heads=len(W_K),
        head_dim=K,
        rope_parameters={"rope_type": "default", "rope_theta": base},
        **settings,
    )
    config.hidden_size = D
    config._attn_implementation = kind
    return config


def _llama(
    kind: str, x: Tensor, W_Q: Tensor, W_K: Tensor, W_V: Tensor, W_O: Tensor, base: float
) -> Tensor:
    config = _llama_config(W_Q, W_K, base, kind)
    turned = LlamaRotaryEmbedding(config)(x, _positions(x))
    args = (x, turned, _causal(config, x))
    layer = LlamaAttention(config, 0).eval()
    y: Tensor = functional_call(layer, _projections(W_Q, W_K, W_V, W_O), args)[0]
    return y


def llama_attention_eager(
    x: Tensor, W_Q: Tensor, W_K: Tensor, W_V: Tensor, W_O: Tensor, base: float
) -> Tensor:
    return _llama("eager", x, W_Q, W_K, W_V, W_O, base)


def llama_attention_sdpa(
    x: Tensor, W_Q: Tensor, W_K: Tensor, W_V: Tensor, W_O: Tensor, base: float
) -> Tensor:
    return _llama("sdpa", x, W_Q, W_K, W_V, W_O, base)


def gemma2_attention(
    x: Tensor,
    W_Q: Tensor,
    W_K: Tensor,
    W_V: Tensor,
    W_O: Tensor,
    W: int,
    base: float,
    cap: float,
    Q: int,
) -> Tensor:
    H, K, D = W_Q.shape
    config = Gemma2Config(
        hidden_size=H * K,  # as for Llama
        num_attention_heads=H,
        num_key_value_heads=len(W_K),
        head_dim=K,
        num_hidden_layers=1,
        layer_types=["sliding_attention"],
        sliding_window=W,
        attn_logit_softcapping=cap,
        query_pre_attn_scalar=Q,
        rope_parameters={"rope_type": "default", "rope_theta": base},
    )
    config.hidden_size = D
    config._attn_implementation = "eager"
    turned = Gemma2RotaryEmbedding(config)(x, _positions(x))
    mask = create_sliding_window_causal_mask(
        config=config, inputs_embeds=x, attention_mask=None, cache=None, position_ids=_positions(x)
    )
    layer = Gemma2Attention(config, 0).eval()
    params = _projections(W_Q, W_K, W_V, W_O)
    y: Tensor = functional_call(layer, params, (x, turned, mask))[0]
    return y


def qwen3_attention(
    x: Tensor,
    W_Q: Tensor,
    W_K: Tensor,
    W_V: Tensor,
    W_O: Tensor,
    g_q: Tensor,
    g_k: Tensor,
    base: float,
    eps: float,
) -> Tensor:
    H, K, D = W_Q.shape
    config = Qwen3Config(
        hidden_size=D,
        num_attention_heads=H,
        num_key_value_heads=len(W_K),
        head_dim=K,
        num_hidden_layers=1,
        rms_norm_eps=eps,
        rope_parameters={"rope_type": "default", "rope_theta": base},
    )
    config._attn_implementation = "eager"
    turned = Qwen3RotaryEmbedding(config)(x, _positions(x))
    params = {
        **_projections(W_Q, W_K, W_V, W_O),
        "q_norm.weight": g_q,
        "k_norm.weight": g_k,
    }
    args = (x, turned, _causal(config, x))
    y: Tensor = functional_call(Qwen3Attention(config, 0).eval(), params, args)[0]
    return y


def _gpt2_config(W_Q: Tensor, **settings: Any) -> GPT2Config:
    config = GPT2Config(n_embd=W_Q.shape[2], n_head=len(W_Q), **settings)
    config._attn_implementation = "eager"
    return config


def _fused(*W: Tensor) -> Tensor:
    return torch.cat([w.flatten(0, 1) for w in W]).T


def gpt2_attention(
    x: Tensor,
    W_Q: Tensor,
    W_K: Tensor,
    W_V: Tensor,
    W_O: Tensor,
    c_Q: Tensor,
    c_K: Tensor,
    c_V: Tensor,
    c_O: Tensor,
) -> Tensor:
    config = _gpt2_config(W_Q)
    params = {
        "c_attn.weight": _fused(W_Q, W_K, W_V),
        "c_attn.bias": torch.cat([c.flatten() for c in (c_Q, c_K, c_V)]),
        "c_proj.weight": W_O.flatten(1).T,
        "c_proj.bias": c_O,
    }
    layer = GPT2Attention(config, layer_idx=0).eval()
    args, keywords = (x,), {"attention_mask": _causal(config, x)}
    y: Tensor = functional_call(layer, params, args, keywords)[0]
    return y


# whole blocks


def _interleaved(W: Tensor) -> Tensor:
    """The rows of a head's map for features (2j, 2j+1) in the order of split halves, as the
    scripts that convert Llama's weights have them."""
    return torch.cat([W[:, 0::2], W[:, 1::2]], 1)


def llama_block(
    x: Tensor, base: float, eps: float, params: Mapping[str, Tensor], **_: int
) -> Tensor:
    W_Q, W_K = _interleaved(params["attn.W_Q"]), _interleaved(params["attn.W_K"])
    width = len(params["ffn.W_gate"])
    config = _llama_config(W_Q, W_K, base, "eager", intermediate_size=width, rms_norm_eps=eps)
    projections = _projections(W_Q, W_K, params["attn.W_V"], params["attn.W_O"])
    weights = {
        **{f"self_attn.{name}": weight for name, weight in projections.items()},
        "input_layernorm.weight": params["norm_attn.g"],
        "post_attention_layernorm.weight": params["norm_ffn.g"],
        "mlp.gate_proj.weight": params["ffn.W_gate"],
        "mlp.up_proj.weight": params["ffn.W_up"],
        "mlp.down_proj.weight": params["ffn.W_down"],
    }
    keywords = {
        "attention_mask": _causal(config, x),
        "position_embeddings": LlamaRotaryEmbedding(config)(x, _positions(x)),
    }
    y: Tensor = functional_call(LlamaDecoderLayer(config, 0).eval(), weights, (x,), keywords)
    return y


_EAGER = "eager_attention_forward"

ENTRIES = (
    Entry(
        f"Llama {_EAGER}, eager_mask",
        "lawful.attention_masks.MaskedAttention",
        eager_masked,
        "any mask, added as the most negative finite number",
        why=(
            "A key that is masked out has the most negative finite number added to its score. "
            "Where a query may look at no key, all its scores are that number, and it reads the "
            "mean of all values in place of 0; the library does not say what it should read. In "
            "float64 the softmax is in float32."
        ),
    ),
    Entry(
        "sdpa_attention_forward, sdpa_mask",
        "lawful.attention_masks.MaskedAttention",
        sdpa_masked,
        "any mask, as booleans; a query that may look at nothing reads 0",
    ),
    Entry(
        f"Llama {_EAGER}, causal eager_mask",
        "attention.CausalAttentionToCache",
        eager_causal,
        "aligned at the bottom right, by q_offset; no fewer keys than queries",
        why="The softmax is in float32 whatever the dtype.",
    ),
    Entry(
        f"Llama {_EAGER}, sliding-window eager_mask",
        "lawful.attention_masks.SlidingWindowAttention",
        eager_window,
        "the last W keys, the query's own among them",
        why="The softmax is in float32 whatever the dtype.",
    ),
    Entry(
        f"Llama {_EAGER}, grouped",
        "lawful.attention_heads.GroupedQueryAttention",
        eager_grouped,
        "query head h reads key-value head h // (H // G), by repeat_kv",
        why="The softmax is in float32 whatever the dtype.",
    ),
    Entry(
        f"Gemma2 {_EAGER}, softcap",
        "lawful.attention_scores.SoftcapAttention",
        eager_softcap,
        "scores capped before the mask",
        why="The softmax is in float32 whatever the dtype.",
    ),
    Entry(
        f"GPT-OSS {_EAGER}",
        "lawful.attention_scores.SinkAttention",
        eager_sink,
        "a sink that takes part in the softmax and reads nothing",
    ),
    Entry(
        "BLOOM build_alibi_tensor",
        "lawful.attention_scores.ALiBiAttentionByKey",
        bloom_alibi,
        "biases that grow with the key's position; torch's attention reads them",
    ),
    Entry(
        "LlamaAttention, eager",
        "lawful.attention.RotaryAttentionHalves",
        llama_attention_eager,
        "split halves, grouped key-value heads",
        why="Softmax and angles are in float32 whatever the dtype.",
    ),
    Entry(
        "LlamaAttention, sdpa",
        "lawful.attention.RotaryAttentionHalves",
        llama_attention_sdpa,
        "split halves, grouped key-value heads",
        why="Angles are in float32 whatever the dtype.",
    ),
    Entry(
        "Gemma2Attention, sliding, eager",
        "attention.SoftcapWindowAttention",
        gemma2_attention,
        "softcap before the window mask, scores scaled by query_pre_attn_scalar",
        why="Softmax and angles are in float32 whatever the dtype.",
    ),
    Entry(
        "Qwen3Attention, eager",
        "attention.QKNormRotaryAttention",
        qwen3_attention,
        "queries and keys normalised before they are turned",
        why="Norms, softmax and angles are in float32 whatever the dtype.",
    ),
    Entry(
        "GPT2Attention, eager",
        "attention.BiasedCausalSelfAttention",
        gpt2_attention,
        "one fused projection, biases on all",
        why=("It takes a view of its input, and raises an error where that is not contiguous."),
    ),
    Entry(
        "LlamaDecoderLayer, eager",
        "lawful.blocks.PreNormBlock",
        llama_block,
        "the interleaved rotation, by weights permuted as in the conversion of Llama's",
        why="Norms, softmax and angles are in float32 whatever the dtype.",
    ),
)
