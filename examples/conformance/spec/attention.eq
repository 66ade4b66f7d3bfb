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
