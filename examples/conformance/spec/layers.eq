# Layers as libraries have them, where the library of lawful has no such convention.

module GeGLU
"Gated feed-forward layer whose gate goes through the tanh approximation of the GELU, as in Gemma."
source "Shazeer, GLU Variants Improve Transformer, arXiv:2002.05202, eq. 6; Gemma Team, arXiv:2403.08295"

size  B, T, D, F
index b: B   t: T   d: D   f: F

input x[B, T, D]
param W_gate[F, D] ~ normal(std = 0.02)
param W_up[F, D]   ~ normal(std = 0.02)
param W_down[D, F] ~ normal(std = 0.02)

gate[b,t,f] = sum[d] W_gate[f,d] * x[b,t,d]
up[b,t,f] = sum[d] W_up[f,d] * x[b,t,d]
output y[b,t,d] = sum[f] W_down[d,f] * gelu_tanh(gate[b,t,f]) * up[b,t,f]


module DeepSeekGate
"Sigmoid scores; a bias takes part in the choice of the top_k experts and not in their weights, which are scaled to sum to `scale`; one group of experts."
source "DeepSeek-AI, DeepSeek-V3, arXiv:2412.19437, section 2.1.2, eq. 12 to 16; modeling_deepseek_v3.py, for the 1e-20"

size  N, E
require E >= 2
index n: N   e, f: E

input z[N, E]
input bias[E]
const top_k = 2
const scale = 1
require top_k >= 1, scale > 0

place[n,e] = rank[e] (sigmoid(z[n,e]) + bias[e])
output g[n,e] = if place[n,e] < top_k
    then scale * sigmoid(z[n,e]) / (sum[f if place[n,f] < top_k] sigmoid(z[n,f]) + 1e-20)
    else 0


module RotaryInterleavedAt10000
"Rotary positions on neighbouring features (2j, 2j+1), the base fixed, as in GPT-J."
source "Su et al., RoFormer, arXiv:2104.09864, eq. 15 and 34; modeling_gptj.py"

size  B, T, K, P = K // 2
require K % 2 == 0
index b: B   t: T   k: K   j: P

input x[B, T, K]

angle[t,j] = t * 10000 ^ (-2 * j / K)
output y[b,t,k] = if k % 2 == 0
    then x[b,t,k] * cos(angle[t,k // 2]) - x[b,t,k + 1] * sin(angle[t,k // 2])
    else x[b,t,k] * cos(angle[t,k // 2]) + x[b,t,k - 1] * sin(angle[t,k // 2])
