module SwiGLU
"Gated feed-forward layer: a linear map of silu(gate) times up."
source "Shazeer, GLU Variants Improve Transformer, arXiv:2002.05202, eq. 6"

size  B, T, D, F
index b: B   t: T   d: D   f: F

input x[B, T, D]
param W_gate[F, D] ~ normal(std = 0.02)
param W_up[F, D]   ~ normal(std = 0.02)
param W_down[D, F] ~ normal(std = 0.02)

gate[b,t,f] = sum[d] W_gate[f,d] * x[b,t,d]
up[b,t,f] = sum[d] W_up[f,d] * x[b,t,d]
hidden[b,t,f] = silu(gate[b,t,f]) * up[b,t,f]
output y[b,t,d] = sum[f] W_down[d,f] * hidden[b,t,f]
