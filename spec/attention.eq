# Causal self-attention: a bilinear score, a softmax, a linear read-out.

module CausalSelfAttention
"Multi-head causal self-attention: bilinear scores, softmax, linear read-out."
source "arXiv:2602.00426, Appendix A"

size  B, T, D, H, K
index b: B   t, u: T   d, e: D   h: H   k: K

input x[B, T, D]
param W_Q[H, K, D] ~ normal(std = 0.02)
param W_K[H, K, D] ~ normal(std = 0.02)
param W_V[H, K, D] ~ normal(std = 0.02)
param W_O[D, H, K] ~ normal(std = 0.02)
incremental t

q[b,h,t,k] = sum[d] W_Q[h,k,d] * x[b,t,d]
r[b,h,u,k] = sum[d] W_K[h,k,d] * x[b,u,d]
v[b,h,u,k] = sum[d] W_V[h,k,d] * x[b,u,d]
s[b,h,t,u] = sum[k] q[b,h,t,k] * r[b,h,u,k] / sqrt(K)
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
o[b,h,t,k] = sum[u] a[b,h,t,u] * v[b,h,u,k]
output y[b,t,d] = sum[h,k] W_O[d,h,k] * o[b,h,t,k]

top[b,h,t] = max[u if u <= t] s[b,h,t,u]
mass[b,h,t] = sum[u if u <= t] exp(s[b,h,t,u] - top[b,h,t])
law stochastic:  sum[u] a[b,h,t,u] == 1
law causal:      grad(y[b,t,d], x[b,u,e]) == 0   given u > t
law first:       o[b,h,t,k] == v[b,h,0,k]   given t == 0
law max_shifted: a[b,h,t,u] == exp(s[b,h,t,u] - top[b,h,t]) / mass[b,h,t]   given u <= t


module BilinearAttention
"One head of causal attention as the paper defines it: a bilinear score in the inputs, a softmax, a linear read-out. W_QK is a product of a query and a key map into width dimensions."
source "arXiv:2602.00426, Part 1: bilinear-softmax-linear attention"

size  B, T, D
index b: B   t, u: T   d, e: D

input x[B, T, D]
const width
require width > 0
param W_QK[D, D] ~ normal(std = 0.02)
param W_V[D, D]  ~ normal(std = 0.02)
incremental t

s[b,t,u] = sum[d,e] x[b,t,d] * W_QK[d,e] * x[b,u,e] / sqrt(width)
a[b,t,u] = softmax[u if u <= t] s[b,t,u]
v[b,u,d] = sum[e] W_V[d,e] * x[b,u,e]
output y[b,t,d] = sum[u] a[b,t,u] * v[b,u,d]

law stochastic: sum[u] a[b,t,u] == 1
law causal:     grad(y[b,t,d], x[b,u,e]) == 0   given u > t


module RotaryAttention
"Causal self-attention with rotary positions on interleaved pairs (2j, 2j+1) and grouped key-value heads: query head h reads key-value head h // (H // G)."
source "Su et al., RoFormer, arXiv:2104.09864, section 3.2"
source "Ainslie et al., GQA, arXiv:2305.13245"

size  B, T, D, H, G, K, M = H // G, P = K // 2
require H == G * M, K % 2 == 0
index b: B   t, u: T   d, e: D   h: H   g: G   k: K   j: P

input x[B, T, D]
const base = 10000
param W_Q[H, K, D] ~ normal(std = 0.02)
param W_K[G, K, D] ~ normal(std = 0.02)
param W_V[G, K, D] ~ normal(std = 0.02)
param W_O[D, H, K] ~ normal(std = 0.02)
incremental t

angle[t,j] = t * base ^ (-2 * j / K)
q[b,h,t,k] = sum[d] W_Q[h,k,d] * x[b,t,d]
r[b,g,u,k] = sum[d] W_K[g,k,d] * x[b,u,d]
v[b,g,u,k] = sum[d] W_V[g,k,d] * x[b,u,d]
q_rot[b,h,t,k] = if k % 2 == 0
    then q[b,h,t,k] * cos(angle[t,k // 2]) - q[b,h,t,k + 1] * sin(angle[t,k // 2])
    else q[b,h,t,k] * cos(angle[t,k // 2]) + q[b,h,t,k - 1] * sin(angle[t,k // 2])
r_rot[b,g,u,k] = if k % 2 == 0
    then r[b,g,u,k] * cos(angle[u,k // 2]) - r[b,g,u,k + 1] * sin(angle[u,k // 2])
    else r[b,g,u,k] * cos(angle[u,k // 2]) + r[b,g,u,k - 1] * sin(angle[u,k // 2])
s[b,h,t,u] = sum[k] q_rot[b,h,t,k] * r_rot[b,h // M,u,k] / sqrt(K)
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
o[b,h,t,k] = sum[u] a[b,h,t,u] * v[b,h // M,u,k]
output y[b,t,d] = sum[h,k] W_O[d,h,k] * o[b,h,t,k]

law causal: grad(y[b,t,d], x[b,u,e]) == 0   given u > t


module RotaryAttentionHalves
"Causal self-attention with rotary positions on split halves (j, j + K/2), as in GPT-NeoX and Hugging Face Llama, and grouped key-value heads."
source "Black et al., GPT-NeoX-20B, arXiv:2204.06745, section 2.1"
source "Ainslie et al., GQA, arXiv:2305.13245"

size  B, T, D, H, G, K, M = H // G, P = K // 2
require H == G * M, K % 2 == 0
index b: B   t, u: T   d, e: D   h: H   g: G   k: K   j: P

input x[B, T, D]
const base = 10000
param W_Q[H, K, D] ~ normal(std = 0.02)
param W_K[G, K, D] ~ normal(std = 0.02)
param W_V[G, K, D] ~ normal(std = 0.02)
param W_O[D, H, K] ~ normal(std = 0.02)
incremental t

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
s[b,h,t,u] = sum[k] q_rot[b,h,t,k] * r_rot[b,h // M,u,k] / sqrt(K)
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
o[b,h,t,k] = sum[u] a[b,h,t,u] * v[b,h // M,u,k]
output y[b,t,d] = sum[h,k] W_O[d,h,k] * o[b,h,t,k]

law causal: grad(y[b,t,d], x[b,u,e]) == 0   given u > t
