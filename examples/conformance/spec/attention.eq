# Attention layers as libraries have them, where the library of lawful has no such convention.

module BiasedCausalSelfAttention
"Multi-head causal self-attention with biases on all four projections, as in GPT-2 and torch.nn.MultiheadAttention; the heads share the model's width."
source "Radford et al., Language Models are Unsupervised Multitask Learners, 2019; torch.nn.MultiheadAttention"

size  B, T, H, K, D = H * K
index b: B   t, u: T   d: D   h: H   k: K

input x[B, T, D]
param W_Q[H, K, D] ~ normal(std = 0.02)
param W_K[H, K, D] ~ normal(std = 0.02)
param W_V[H, K, D] ~ normal(std = 0.02)
param W_O[D, H, K] ~ normal(std = 0.02)
param c_Q[H, K] = 0
param c_K[H, K] = 0
param c_V[H, K] = 0
param c_O[D] = 0

q[b,h,t,k] = sum[d] W_Q[h,k,d] * x[b,t,d] + c_Q[h,k]
r[b,h,u,k] = sum[d] W_K[h,k,d] * x[b,u,d] + c_K[h,k]
v[b,h,u,k] = sum[d] W_V[h,k,d] * x[b,u,d] + c_V[h,k]
s[b,h,t,u] = sum[k] q[b,h,t,k] * r[b,h,u,k] / sqrt(K)
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
o[b,h,t,k] = sum[u] a[b,h,t,u] * v[b,h,u,k]
output y[b,t,d] = sum[h,k] W_O[d,h,k] * o[b,h,t,k] + c_O[d]


module SoftcapWindowAttention
"Causal self-attention of Gemma 2: rotary positions on split halves, grouped key-value heads, scores divided by the root of a whole number Q and capped, and a window of the last W keys."
source "Gemma Team, Gemma 2, arXiv:2408.00118, section 2; modeling_gemma2.py"

size  B, T, D, H, G, K, W, Q, M = H // G, P = K // 2
require H == G * M, K % 2 == 0
index b: B   t, u: T   d: D   h: H   g: G   k: K   j: P

input x[B, T, D]
const base = 10000
const cap = 50
require base > 0, cap > 0
param W_Q[H, K, D] ~ normal(std = 0.02)
param W_K[G, K, D] ~ normal(std = 0.02)
param W_V[G, K, D] ~ normal(std = 0.02)
param W_O[D, H, K] ~ normal(std = 0.02)

angle[t,j] = t * base ^ (-2 * j / K)
q[b,h,t,k] = sum[d] W_Q[h,k,d] * x[b,t,d]
r[b,g,u,k] = sum[d] W_K[g,k,d] * x[b,u,d]
v[b,g,u,k] = sum[d] W_V[g,k,d] * x[b,u,d]
q_rot[b,h,t,k] = if k < P
    then q[b,h,t,k] * cos(angle[t,k]) - q[b,h,t,k + P] * sin(angle[t,k])
    else q[b,h,t,k] * cos(angle[t,k - P]) + q[b,h,t,k - P] * sin(angle[t,k - P])
r_rot[b,g,u,k] = if k < P
    then r[b,g,u,k] * cos(angle[u,k]) - r[b,g,u,k + P] * sin(angle[u,k])
    else r[b,g,u,k] * cos(angle[u,k - P]) + r[b,g,u,k - P] * sin(angle[u,k - P])
s[b,h,t,u] = sum[k] q_rot[b,h,t,k] * r_rot[b,h // M,u,k] / sqrt(Q)
capped[b,h,t,u] = cap * tanh(s[b,h,t,u] / cap)
a[b,h,t,u] = softmax[u if t - W < u <= t] capped[b,h,t,u]
o[b,h,t,k] = sum[u] a[b,h,t,u] * v[b,h // M,u,k]
output y[b,t,d] = sum[h,k] W_O[d,h,k] * o[b,h,t,k]


module QKNormRotaryAttention
"Causal self-attention of Qwen 3: queries and keys divided by their root mean square, with learned gains, then rotary positions on split halves; grouped key-value heads."
source "Qwen Team, Qwen3, arXiv:2505.09388, section 2; modeling_qwen3.py"

size  B, T, D, H, G, K, M = H // G, P = K // 2
require H == G * M, K % 2 == 0
index b: B   t, u: T   d: D   h: H   g: G   k, i: K   j: P

input x[B, T, D]
const base = 10000
const eps = 1e-6
require base > 0, eps > 0
param W_Q[H, K, D] ~ normal(std = 0.02)
param W_K[G, K, D] ~ normal(std = 0.02)
param W_V[G, K, D] ~ normal(std = 0.02)
param W_O[D, H, K] ~ normal(std = 0.02)
param g_q[K] = 1
param g_k[K] = 1

angle[t,j] = t * base ^ (-2 * j / K)
q[b,h,t,k] = sum[d] W_Q[h,k,d] * x[b,t,d]
r[b,g,u,k] = sum[d] W_K[g,k,d] * x[b,u,d]
v[b,g,u,k] = sum[d] W_V[g,k,d] * x[b,u,d]
q_n[b,h,t,k] = g_q[k] * q[b,h,t,k] / sqrt(mean[i] q[b,h,t,i] ^ 2 + eps)
r_n[b,g,u,k] = g_k[k] * r[b,g,u,k] / sqrt(mean[i] r[b,g,u,i] ^ 2 + eps)
q_rot[b,h,t,k] = if k < P
    then q_n[b,h,t,k] * cos(angle[t,k]) - q_n[b,h,t,k + P] * sin(angle[t,k])
    else q_n[b,h,t,k] * cos(angle[t,k - P]) + q_n[b,h,t,k - P] * sin(angle[t,k - P])
r_rot[b,g,u,k] = if k < P
    then r_n[b,g,u,k] * cos(angle[u,k]) - r_n[b,g,u,k + P] * sin(angle[u,k])
    else r_n[b,g,u,k] * cos(angle[u,k - P]) + r_n[b,g,u,k - P] * sin(angle[u,k - P])
s[b,h,t,u] = sum[k] q_rot[b,h,t,k] * r_rot[b,h // M,u,k] / sqrt(K)
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
o[b,h,t,k] = sum[u] a[b,h,t,u] * v[b,h // M,u,k]
output y[b,t,d] = sum[h,k] W_O[d,h,k] * o[b,h,t,k]


module CausalAttentionToCache
"Causal attention aligned at the bottom right, to no fewer keys than there are queries, as when the keys of earlier positions are cached."
source "Vaswani et al., arXiv:1706.03762, section 3.2.3"

size  B, T, U, K
require U >= T
index b: B   t: T   u: U   i: K

input q[B, T, K]
input k[B, U, K]
input v[B, U, K]

s[b,t,u] = sum[i] q[b,t,i] * k[b,u,i] / sqrt(K)
a[b,t,u] = softmax[u if u <= t + U - T] s[b,t,u]
output o[b,t,i] = sum[u] a[b,t,u] * v[b,u,i]
