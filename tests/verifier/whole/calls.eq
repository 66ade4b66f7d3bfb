module Moments
"Several outputs and no params."
size N
index n: N
input x[N]
const eps = 0.25
require eps > 0
output m = mean[n] x[n]
output s = sqrt(mean[n] (x[n] - m) ^ 2 + eps)

module Linear
size B, D
index b: B  d, e: D
input x[B, D]
param W[D, D] ~ normal(std = 1)
output y[b,e] = sum[d] W[e,d] * x[b,d]

module Standardise
size B, N
index b: B  n: N
input x[B, N]
r[b] = Moments(x = x[b], eps = 2)
output y[b,n] = (x[b,n] - r.m[b]) / r.s[b]

module Shared
"One submodule called twice, its result an argument."
size B, D
index b: B  d: D
input x[B, D]
use f: Linear()
output y = f(x = f(x = x))

module Residual
size B, D
index b: B  d: D
input x[B, D]
param a[D] = 1
use f: Linear()
use g: Linear()
n = Standardise(x = x)
u = f(x = n)
v[b,d] = tanh(u[b,d]) * a[d]
w = g(x = v)
output y[b,d] = x[b,d] + w[b,d]

module Tower
"A stack of layers that hold submodules."
size B, D, L
index b: B  l: L
input x[B, D]
use block[L]: Residual()
h[0] = x
h[l+1] = block[l](x = h[l])
output y = h[L]

module Twice
"A stack of stacks."
size B, D, L, M
index b: B  d: D  m: M
input x[B, D]
use tower[M]: Tower(L = L)
h[0,b,d] = 2 * x[b,d]
h[m+1] = tower[m](x = h[m])
output y = h[M]

module Downwards
size B, D, L
index b: B  d: D  l: L
input x[B, D]
use f[L]: Linear()
output h[L] = x
output h[l] = f[l](x = h[l+1])

module Parallel
"Leading axes, of the stack and of the rows."
size B, D, L
index b: B  d: D  l: L
input x[L, B, D]
use f[L]: Linear()
y[l] = f[l](x = x[l])
r[b,l] = Moments(x = y[l,b])
output z[l,b,d] = y[l,b,d] * r.m[b,l]

module Recurrent
size B, T, D
index b: B  t: T  d, e: D
input x[B, T, D]
param W[D, D] ~ normal(std = 1)
h[b,0,d] = 0
h[b,t+1,d] = tanh(x[b,t,d] + sum[e] W[d,e] * h[b,t,e])
output y[b,t,d] = h[b,t+1,d]

module DeepRecurrent
"A recurrence inside each layer of a recurrence."
size B, T, D, L
index b: B  t: T  d: D  l: L
input x[B, T, D]
use rnn[L]: Recurrent()
h[0] = x
a[l] = rnn[l](x = h[l])
h[l+1,b,t,d] = h[l,b,t,d] + a[l,b,t,d]
output y = h[L]

module Coupled
"Two sequences of whole tensors; a base and a step read the other one's newest."
size B, D, L
index b: B  d, e: D  l: L
input x[B, D]
use f[L]: Linear()
use g: Linear()
h[0] = x
c[0] = g(x = h[0])
h[l+1] = f[l](x = c[l])
c[l+1] = g(x = h[l+1])
output y[b,d] = c[L][b,d] + h[1,b,d]

module Transposed
"An axis of the base has the name of the step index."
size L
index l, m: L
input x[L, L]
h[0,l] = Scaled(x = x[l], c = l + 1)
h[l+1,m] = Scaled(x = h[l,m], c = 2)
output y = h[L]

module Scaled
size N, P = 2 * N - 1
index n: N  p: P
input x[N]
input c
const shift = 1
input keep[N] in bool = true
output y[n] = if keep[n] then c * x[n] + shift * P + sum[p if p < n] x[p] / P else 0

module Picked
"Tokens, masks, integers for reals, and draws, handed on."
size B, V
index b: B  v: V
input tok[B] in V
input p[B, V]
input m[V] in bool
random g[B] ~ uniform(0, 1)
require V >= 2
k[b] = tok[b] // 2
a[b] = Scaled(x = p[b], c = k[b] / 3, shift = 0.5, keep = m)
s = Draw(p = a, g = g, n = k)
output i = s.i
output y[b] = s.y[b] * 2

module Draw
size B, V
index b: B  v: V
input p[B, V]
input n[B]
random g[B] ~ uniform(0, 1)
output i[b] = argmax[v] (p[b,v] + g[b] * v)
output y[b] = p[b,i[b]] * g[b]
output z[b] = n[b]
