def huber(v, d) = if abs(v) <= d then v ^ 2 / 2 else d * (abs(v) - d / 2)

module Functions
size N, M = 2 * N
index n: N
input x[N]
const γ = 0.5
output a[n] = exp(x[n]) + log(x[n]) + log1p(x[n]) - expm1(x[n]) * sqrt(x[n] + 1)
output b[n] = sin(x[n]) + cos(x[n]) + tanh(x[n]) + erf(x[n]) + abs(x[n]) ^ 2
output c[n] = sign(x[n]) + floor(x[n]) + ceil(x[n]) + min(x[n], 1, M) + max(x[n], γ)
output d[n] = stop(x[n]) + rounded(x[n], bfloat16) + pi
output e[n] = sigmoid(x[n]) + log_sigmoid(x[n]) + softplus(x[n]) + relu(x[n]) + silu(x[n])
output f[n] = gelu(x[n]) + gelu_tanh(x[n]) + clip(x[n], -γ, γ) + rsqrt(x[n]) + huber(x[n], γ)

module Operators
size B, N
index b: B   n: N
input x[B, N]
input c[B, N] in bool
input k[B] in N
output s[b] = sum[n] x[b,n] + prod[n] x[b,n] + mean[n] x[b,n] + logsumexp[n] x[b,n]
output h[b] = max[n] x[b,n] - min[n if c[b,n]] x[b,n]
output i[b] = argmax[n] x[b,n] + argmin[n if n >= k[b]] x[b,n] + count[n] c[b,n]
output j[b] = any[n] c[b,n] and all[n] c[b,n]
output r[b,n] = softmax[n if n <= k[b]] x[b,n] - log_softmax[n] x[b,n] + rank[n] x[b,n]
output g[b] = x[b,k[b]] + sum[b, n if c[b,n]] x[b,n]
output top = mean[b] softmax[b] x[b,0]

module Split
size N
index n: N
input x[N]
const c = 2
output low[n] = x[n] - c
output high[n] = x[n] + c

module Linear
size B, D
index b: B   d, e: D
input x[B, D]
param W[D, D] ~ normal(std = 1)
output y[b,e] = sum[d] W[e,d] * x[b,d]

module Wholes
size B, D, L
index b: B   d: D   l: L
input x[B, D]
use f[L]: Linear()
use g: Linear()
r[b] = Split(x = x[b], c = 3)
u = g(x = g(x))
h[0] = x
h[l+1] = f[l](x = h[l])
output low = r.low
output y[b,d] = h[L][b,d] + r.high[b,d] + u[b,d]

module Sequences
size B, T
index b: B   t: T
input d[B, T]
const gamma = 0.99
output A[b,T] = 0
output A[b,t] = d[b,t] + gamma * A[b,t+1]
output seen[b,0] = false
output seen[b,t+1] = seen[b,t] or d[b,t] > 0
