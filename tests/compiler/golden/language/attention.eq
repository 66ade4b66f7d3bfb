module CausalSelfAttention
"Multi-head causal self-attention: bilinear scores, softmax, linear read-out."
source "arXiv:2602.00426, Appendix A"

size  B, T, D, H, K
index b: B   t, u: T   d, e: D   h: H   k: K
incremental t

input x[B, T, D]
param W_Q[H, K, D] ~ normal(std = 0.02)
param W_K[H, K, D] ~ normal(std = 0.02)
param W_V[H, K, D] ~ normal(std = 0.02)
param W_O[D, H, K] ~ normal(std = 0.02)

q[b,h,t,k] = sum[d] W_Q[h,k,d] * x[b,t,d]
r[b,h,u,k] = sum[d] W_K[h,k,d] * x[b,u,d]
v[b,h,u,k] = sum[d] W_V[h,k,d] * x[b,u,d]
s[b,h,t,u] = sum[k] q[b,h,t,k] * r[b,h,u,k] / sqrt(K)
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
o[b,h,t,k] = sum[u] a[b,h,t,u] * v[b,h,u,k]
output y[b,t,d] = sum[h,k] W_O[d,h,k] * o[b,h,t,k]

law stochastic: sum[u] a[b,h,t,u] == 1
law causal:     grad(y[b,t,d], x[b,u,e]) == 0   given u > t

module Norm
"Rows scaled to length one."
size B, T, D
index b: B   t: T   d: D
const eps = 1e-6
input x[B, T, D]
param g[D] = 1
output y[b,t,d] = g[d] * x[b,t,d] * rsqrt(eps + mean[d] x[b,t,d]^2)

module Block
size B, T, D, H, K
index b: B   t: T   d: D
input x[B, T, D]
use attn: CausalSelfAttention(H = H, K = K)
use norm: Norm(eps = 1e-5)
incremental t
n = norm(x)
a = attn(x = n)
output y[b,t,d] = x[b,t,d] + a[b,t,d]

module Stack
"A decoder, incremental through its submodules."
size B, T, D, H, K, L, V
index b: B   t: T   d: D   l: L   v: V
incremental t
input tok[B, T] in V
param E[V, D] ~ normal(std = 0.02)
use block[L]: Block(H = H, K = K)
e[b,t,d] = E[tok[b,t], d]
h[0]   = e
h[l+1] = block[l](x = h[l])
output z[b,t,v] = sum[d] E[v,d] * h[L][b,t,d]
