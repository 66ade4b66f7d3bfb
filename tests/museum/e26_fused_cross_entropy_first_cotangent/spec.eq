module TokenLosses
"Cross-entropy of the logits W h at each position, without a reduction; 0 where the mask leaves a position out."
source "linkedin/Liger-Kernel, fused_linear_cross_entropy.py, reduction none"

size  N, D, V
index n: N   d: D   v: V

input h[N, D]
input y[N] in V
input m[N] in bool = true
param W[V, D] ~ normal(std = 0.02)

z[n,v] = sum[d] W[v,d] * h[n,d]
logp[n,v] = log_softmax[v] z[n,v]
output loss[n] = if m[n] then -logp[n,y[n]] else 0
