module Plain
size B, N
index b: B  n: N
input x[B, N], y[B, N]
input c[B, N] in bool
output s[b] = sum[n] x[b,n]
output p[b] = prod[n] x[b,n]
output hi[b] = max[n] x[b,n]
output lo[b] = min[n] x[b,n]
output mu[b] = mean[n] x[b,n]
output lse[b] = logsumexp[n] x[b,n]
output am[b] = argmax[n] x[b,n]
output an[b] = argmin[n] x[b,n]
output k[b] = count[n] (x[b,n] > y[b,n])
output some[b] = any[n] c[b,n]
output every[b] = all[n] c[b,n]
output both = sum[b,n] x[b,n] * y[b,n]
output top = max[b,n] x[b,n]
output all_p = prod[b,n] x[b,n]

module Filtered
size B, N
index b: B  n: N
input x[B, N], y[B, N]
input c[B, N] in bool
output s[b] = sum[n if c[b,n]] x[b,n] * y[b,n]
output p[b] = prod[n if c[b,n]] x[b,n]
output hi[b] = max[n if c[b,n]] x[b,n]
output lo[b] = min[n if c[b,n]] x[b,n]
output mu[b] = mean[n if c[b,n]] x[b,n]
output lse[b] = logsumexp[n if c[b,n]] x[b,n]
output am[b] = argmax[n if c[b,n]] x[b,n]
output an[b] = argmin[n if c[b,n]] x[b,n]
output k[b] = count[n if c[b,n]] (x[b,n] > y[b,n])
output some[b] = any[n if c[b,n]] (x[b,n] > 0)
output every[b] = all[n if c[b,n]] (x[b,n] > 0)
output first[b] = min[n if c[b,n]] n
output last[b] = max[n if c[b,n]] n
output far = sum[b,n if c[b,n] and n > b] x[b,n]

module Rows
size B, N
index b: B  n, m: N
input x[B, N]
input c[B, N] in bool
output a[b,n] = softmax[n] x[b,n]
output la[b,n] = log_softmax[n] x[b,n]
output r[b,n] = rank[n] x[b,n]
output fa[b,n] = softmax[n if c[b,n]] x[b,n]
output fl[b,n] = log_softmax[n if c[b,n]] x[b,n]
output fr[b,n] = rank[n if c[b,n]] x[b,n]
output tri[b,n,m] = softmax[m if m <= n] x[b,m] * x[b,n]
output mixed[b,n] = x[b,n] * softmax[b] x[b,n]
output inner[b] = sum[n] softmax[n] x[b,n] * x[b,n]
output entropy[b] = -sum[n if c[b,n]] a[b,n] * la[b,n]

module Nothing
"Reductions without anything to reduce by."
size B, N
index b: B  n: N
input x[B]
output s[b] = sum[n] x[b]
output p[b] = prod[n] x[b]
output k[b] = count[n] (x[b] > 0)
output m[b] = max[n] x[b]
output r[b,n] = softmax[n] x[b]
output f[b] = sum[n if n > b] x[b]
input w[N]
output g[b] = sum[n] 1 + x[b] * w[0]
