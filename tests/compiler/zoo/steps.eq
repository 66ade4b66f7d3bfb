import RMSNorm from lawful.norms
import SwiGLU from lawful.mlp

module Attn
"causal"
size  B, T, D, H, K
index b: B   t, u: T   d: D   h: H   k: K
input x[B, T, D]
param W_Q[H, K, D] ~ normal(std = 0.5)
param W_K[H, K, D] ~ normal(std = 0.5)
param W_V[H, K, D] ~ normal(std = 0.5)
param W_O[D, H, K] ~ normal(std = 0.5)
incremental t
q[b,h,t,k] = (sum[d] W_Q[h,k,d] * x[b,t,d]) + t
r[b,h,u,k] = sum[d] W_K[h,k,d] * x[b,u,d]
v[b,h,u,k] = sum[d] W_V[h,k,d] * x[b,u,d]
s[b,h,t,u] = sum[k] q[b,h,t,k] * r[b,h,u,k] / sqrt(K)
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
o[b,h,t,k] = sum[u] a[b,h,t,u] * v[b,h,u,k]
output y[b,t,d] = sum[h,k] W_O[d,h,k] * o[b,h,t,k]

module Lin
"A linear recurrence and a shift."
size B, T, K, D
index b: B  t: T  k: K  d: D
input g[B, T], r[B, T, K], v[B, T, D]
incremental t
w[b,t,k] = r[b,t,k] + (if t > 0 then r[b,t-1,k] else 0)
S[b,0,k,d]   = 0
S[b,t+1,k,d] = g[b,t] * S[b,t,k,d] + w[b,t,k] * v[b,t,d]
output o[b,t,k] = sum[d] S[b,t + 1,k,d]

module Blk
"block"
size B, T, D, H, K, F
index b: B t: T d: D
input x[B, T, D]
use norm: RMSNorm()
use attn: Attn(H = H, K = K)
use ff: SwiGLU(F = F)
incremental t
n = norm(x)
a = attn(n)
h[b,t,d] = x[b,t,d] + a[b,t,d]
f = ff(h)
output y[b,t,d] = h[b,t,d] + f[b,t,d]

module LM
"a language model"
size B, T, V, D, H, K, F, L
index b: B t: T v: V d: D l: L
input tok[B, T] in V
param E[V, D] ~ normal(std = 0.5)
use block[L]: Blk(H = H, K = K, F = F)
use norm: RMSNorm()
incremental t
h[0] = e
h[l+1] = block[l](x = h[l])
e[b,t,d] = E[tok[b,t],d]
n = norm(h[L])
output z[b,t,v] = sum[d] E[v,d] * n[b,t,d]
