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


module Multi
"several inputs, outputs, kinds; no time axis on some"
size B, T, V, D
index b: B t, u: T v: V d: D
input x[B, T, D], tok[B, T] in V, ok[T, B] in bool, bias[D], lim in V
param E[V, D] ~ normal(std = 1)
random g[B, T, V] ~ gumbel(), w[D] ~ normal(0, 1)
incremental t
e[b,t,d] = E[tok[b,t],d] + bias[d] * w[d]
h[b,0,d] = bias[d]
h[b,t+1,d] = tanh(h[b,t,d] + e[b,t,d] * x[b,t,d])
k[t+1,b] = k[t,b] + [ok[t,b]]
k[0,b] = 0
z[b,t,v] = sum[d] E[v,d] * h[b,t+1,d]
output pick[t,b] = argmax[v if v <= lim] (z[b,t,v] + g[b,t,v])
output many[b,t] = k[t+1,b]
output seen[b,t] = any[u if u < t] (ok[u,b] and tok[b,u] == tok[b,t])
output y[d,t,b] = h[b,t+1,d] + (if t > 1 then x[b,t-2,d] else 0)
output top[b,t,d] = max[u if u <= t and t - u < 3] x[b,u,d]
output r[b,t] = count[u if u <= t] (x[b,u,0] >= x[b,t,0])


module Cell
"A cell of two outputs; a scalar and a boolean input."
size B, T, H
index b: B t: T i: H
input x[B, T, H], s, on[B, T] in bool
param w[H] ~ normal(std = 1)
const k = 2
incremental t
h[b,0,i] = 0
h[b,t+1,i] = if on[b,t] then tanh(w[i] * h[b,t,i] + x[b,t,i] * s) else h[b,t,i]
output y[b,t,i] = h[b,t+1,i] * k
output q[b,t] = count[i] (h[b,t,i] > 0)


module CellLayers
"A stack of incremental modules of two outputs, with what stands between them."
size B, T, H, L
index b: B t, u: T i: H l: L
input x[B, T, H], on[B, T] in bool
use cell[L]: Cell(k = 1)
use last: Cell()
incremental t
h[0] = x
r[l] = cell[l](x = h[l], s = l + 1, on = on)
h[l+1] = p[l]
p[l,b,t,i] = r.y[l,b,t,i] + h[l,b,t,i] + r.q[l,b,t]
f = last(x = h[L], s = 1, on = on2)
on2[b,t] = on[b,t] and (if t > 0 then not on[b,t-1] else true)
output y[b,t,i] = f.y[b,t,i]
output q[b,t] = f.q[b,t] + (sum[l] r.q[l,b,t])
output att[b,t,i] = sum[u if u <= t] f.y[b,u,i]
