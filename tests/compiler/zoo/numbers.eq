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
