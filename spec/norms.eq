module RMSNorm
"Root-mean-square normalisation, the constant inside the root."
source "Zhang and Sennrich, Root Mean Square Layer Normalization, arXiv:1910.07467, eq. 4"

size  B, T, D
index b: B   t: T   d, e: D

input x[B, T, D]
param g[D] = 1
const eps = 1e-6
require eps >= 0

output y[b,t,d] = g[d] * x[b,t,d] / sqrt(mean[e] x[b,t,e] ^ 2 + eps)
