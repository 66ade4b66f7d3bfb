module Spread
"Scalars and numbers along an axis."
size B, N
index b: B n, m: N
input x[B, N], w
input c[N] in bool
const q = 1
output p[b,n] = prod[m] x[b,m]
output s[n] = sum[b, m] x[b,m] * x[b,m]
output k[n] = count[m] c[m]
output a[n] = any[m] c[m]
output t[n] = argmax[m] x[0,m]
output f[n] = w
output g[n] = [N > 2] * w
output h[n] = N > 2
output i[n] = N
output j[n] = q
output l[n] = if q > 2 then w else 2 * w
output o[n] = if N > 2 then 1 else q

module NumberFilters
"Conditions and bodies that are numbers when the function is called."
size B, N
index b: B n, m: N
input x[B, N]
const q = 1
output s[b] = sum[n if q > 0] x[b,n]
output p[b] = prod[n if q > 0] x[b,n]
output hi[b] = max[n if N > 3] x[b,n]
output lo[b] = min[n if N > 3] x[b,n]
output l[b] = logsumexp[n if N > 3] x[b,n]
output k[b] = count[n if N > 3] (x[b,n] > 0)
output an[b] = any[n if N > 3] (x[b,n] > 0)
output al[b] = all[n if N > 3] (x[b,n] > 0)
output sm[b,n] = softmax[n if N > 3] x[b,n]
output ls[b,n] = log_softmax[n if q < 0] x[b,n]
output r[b,n] = rank[n if N > 3] x[b,n]
output am[b] = if N > 3 then argmax[n if N > 3] x[b,n] else 0
output ms[b] = if N > 3 then mean[n if N > 3] x[b,n] else x[b,0]
output cc = count[n] (N > 2)
output c2 = count[n] (true)
output c3 = sum[n] 1
output c4 = any[n if N > 2] (true)
output c5 = max[n if N > 2] q
output c6 = sum[n if x[0,n] > 0] q
output c7 = max[n if x[0,n] > 0] q
output c8[n] = softmax[n if x[0,n] > 0] q
output c9 = count[n if x[0,n] > 0] (q > 0)
output d0 = logsumexp[n if x[0,n] > 0] q
output d1 = argmin[n] q
output d2 = prod[n if x[0,n] > 0] q
output d3 = prod[n] 2
output d4 = mean[n] q
output d5 = min[n, m if n > m] (n - m)
output d6[n] = rank[n] q
output d7 = any[n if x[0,n] > 0] (q > 0)
output d8 = all[n if q > 0] (q > 1)

module Lazy
"What a number excludes is not looked at."
size B, T
index b: B t: T
input x[B, T]
const q = 1
output a[b] = sum[t if T > 3] x[b,3] * x[b,t]
output c[b] = any[t] (T > 3 and x[b,3] > x[b,t])
output d[b] = sum[t if q != 0] x[b,t] / q
output e[b] = (sum[t if q > 0] log(q) * x[b,t]) + (sum[t if q > 0] x[b,t] * (1 / q))
output f[b] = if T > 2 and x[b,2] > 0 then x[b,2] else x[b,0]
output g[b] = if T <= 2 or x[b,2] > 0 then x[b,0] else x[b,2]
output h[b,t] = softmax[t if T > 3] x[b,3] * x[b,t]
output i[b,t] = if T > 3 then x[b,3] else x[b,t]


module Extremes
"Products of numbers, one of them infinite; a sum without real inputs to it."
size N
index n: N
input x[N]
output a[n] = 0 * (-inf) * x[n] + 2 * x[n]
output c = sum[n if x[n] > 0] 0 * log(0)

module NoReals
"Integers alone: the real outputs are of torch's default dtype."
size N
index n: N
input k[N] in N
output half[n] = k[n] / 2
output root[n] = sqrt(k[n] + 1)


module LogAdd
"Sums of exponentials, some of them of numbers."
size N
index n: N
input x[N]
const c = 1
output a[n] = log(exp(x[n]) + exp(c))
output b[n] = log(exp(x[n]) + 1)
output d[n] = log(1 / (1 + exp(-x[n])))
output e[n] = log(exp(c) + exp(2 * c)) + x[n]
output f = log(sum[n] exp(x[n] + c))
output g[n] = exp(c) / (exp(c) + exp(x[n]))
output h[n] = exp(x[n]) / sum[n] exp(x[n])
output j[n] = log(sum[n if n > 0] exp(x[n]))
output k = log(sum[n] exp(c)) + x[0]


module LoopNumbers
"The step of a loop is a number: filters, guards and branches."
size B, T, D
index b: B t: T d: D
input x[B, T, D]
h[b,0] = 0
h[b,t+1] = (sum[d if t > 0] x[b,t-1,d]) + (sum[d if t + 1 < T] x[b,t+1,d]) + h[b,t] / 2
m[b,0] = -inf
m[b,t+1] = max[d if t > 0 and x[b,t,d] > 0] x[b,t-1,d]
p[b,0,d] = 0
p[b,t+1,d] = softmax[d if t > 0] (x[b,t,d] + p[b,t,d])
k[b,0] = 0
k[b,t+1] = k[b,t] + count[d if t > 1] (x[b,t,d] > 0)
q[b,0] = 0
q[b,t+1] = if any[d] (t > 0 and x[b,t-1,d] > 0) then argmax[d if t > 0] x[b,t-1,d] else q[b,t]
output y[b,t] = h[b,t+1]
output z[b] = m[b,T]
output w[b,t,d] = p[b,t+1,d]
output n[b] = k[b,T]
output o[b,t] = q[b,t]


module Declared
"Numbers in declarations."
size N
index n: N
const beta = 1
require sqrt(beta) > 0, sigmoid(beta) > 0.1, softplus(beta) * silu(beta) > 0, log1p(beta) < inf
input x[N], y = sqrt(2) * pi, z = sigmoid(1)
random u[N] ~ uniform(low = -sqrt(2), high = erf(beta) + sigmoid(beta))
param w[N] ~ normal(std = sqrt(2) * sigmoid(beta))
param v = softplus(1)
output r[n] = x[n] * y * z * w[n] * v + u[n]
