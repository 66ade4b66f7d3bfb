# Residual blocks: attention, then a feed-forward layer, each added to what it read.

import CausalSelfAttention, RotaryAttention from attention
import FeedForwardTanhGELU, SwiGLU from mlp
import LayerNorm, RMSNorm from norms

module PreNormBlock
"Pre-norm residual block with rotary attention, grouped keys and values, and a gated feed-forward layer, as in Llama."
source "Touvron et al., LLaMA, arXiv:2302.13971, section 2.2; Xiong et al., On Layer Normalization, arXiv:2002.04745"
source "arXiv:2602.00426, Part 1: residual blocks"

size  B, T, D, H, G, K, F
index b: B   t, u: T   d, e: D

input x[B, T, D]
const base = 10000
const eps = 1e-6
require base > 0, eps >= 0
use norm_attn: RMSNorm(eps = eps)
use attn: RotaryAttention(H = H, G = G, K = K, base = base)
use norm_ffn: RMSNorm(eps = eps)
use ffn: SwiGLU(F = F)
incremental t

x_n = norm_attn(x = x)
a = attn(x = x_n)
h[b,t,d] = x[b,t,d] + a[b,t,d]
h_n = norm_ffn(x = h)
f = ffn(x = h_n)
output y[b,t,d] = h[b,t,d] + f[b,t,d]

law causal: grad(y[b,t,d], x[b,u,e]) == 0   given u > t


module GPT2Block
"Pre-norm residual block with layer normalisation, multi-head attention without positions, and a feed-forward layer with the tanh GELU, as in GPT-2, whose projections in attention have biases besides."
source "Radford et al., Language Models are Unsupervised Multitask Learners, 2019, section 2.3"

size  B, T, D, H, K, F
index b: B   t, u: T   d, e: D

input x[B, T, D]
const eps = 1e-5
require eps >= 0
use norm_attn: LayerNorm(eps = eps)
use attn: CausalSelfAttention(H = H, K = K)
use norm_ffn: LayerNorm(eps = eps)
use ffn: FeedForwardTanhGELU(F = F)
incremental t

x_n = norm_attn(x = x)
a = attn(x = x_n)
h[b,t,d] = x[b,t,d] + a[b,t,d]
h_n = norm_ffn(x = h)
f = ffn(x = h_n)
output y[b,t,d] = h[b,t,d] + f[b,t,d]

law causal: grad(y[b,t,d], x[b,u,e]) == 0   given u > t


module PostNormBlock
"Residual block that normalises each sum, as in the original Transformer."
source "Vaswani et al., Attention Is All You Need, arXiv:1706.03762, section 3.1"

size  B, T, D, H, K, F
index b: B   t, u: T   d, e: D

input x[B, T, D]
const eps = 1e-5
require eps >= 0
use attn: CausalSelfAttention(H = H, K = K)
use norm_attn: LayerNorm(eps = eps)
use ffn: FeedForwardTanhGELU(F = F)
use norm_ffn: LayerNorm(eps = eps)
incremental t

a = attn(x = x)
sum_attn[b,t,d] = x[b,t,d] + a[b,t,d]
h = norm_attn(x = sum_attn)
f = ffn(x = h)
sum_ffn[b,t,d] = h[b,t,d] + f[b,t,d]
output y = norm_ffn(x = sum_ffn)

law causal: grad(y[b,t,d], x[b,u,e]) == 0   given u > t
