def twice(x) = 2 * x
def pick(c, x, y) = if c then x else y

module Sampler
"Gumbel sampling from the k largest."
size B, V
index b: B   v, w: V
const k = 5
const temperature
require temperature > 0
input z[B, V]
random g[B, V] ~ gumbel()
p[b,v] = softmax[v] z[b,v] / temperature
place[b,v] = rank[v] p[b,v]
kept[b,v] = place[b,v] < k
output x[b] = argmax[v if kept[b,v]] (log(p[b,v]) + g[b,v])
output logp[b] = log_softmax_at(log(p[b,x[b]]))
output n[b] = count[v] kept[b,v]
output any_kept[b] = any[v] kept[b,v]

law shift_invariant: p'[b,v] == p[b,v]  with z'[b,v] = z[b,v] + 3
law sums: sum[v] p[b,v] == 1
law cold: all[w] (z[b,w] <= z[b,x[b]])  with temperature = 1 / 1000, g[b,v] = 0
law order: place[b,v] < place[b,w]  given p[b,v] > p[b,w]

def log_softmax_at(x) = min(x, 0)

module Draw
size B, V
index b: B
input z[B, V], w[V]
random u[B, V] ~ gumbel()
random n[B] ~ normal(mean = 0, std = 1), e ~ exponential(), f[B] ~ uniform(0, 1)
r = Sampler(z = z, g = u, temperature = 0.7)
output y[b] = w[r.x[b]] + twice(r.logp[b]) + pick(n[b] > e, f[b], [b == 0])

module Masked
size B, T
index b: B   t: T   i: T
input x[B, T], m[B, T] in bool = true, c = 0.5, k in 3 = 2
n[b] = count[t] m[b,t]
output mean_of[b] = if n[b] > 0 then (sum[t if m[b,t]] x[b,t]) / n[b] + c else 0
output last[b] = if n[b] > 0 then x[b, n[b] - 1] else 0
output median[b] = x[b, argmin[i] abs(x[b,i])] + logsumexp[t if t % 2 == k] x[b,t]
output product[b] = prod[t] x[b,t] * [0 <= t < T]
output most[b] = max[t] x[b,t] - min[t] x[b,t] + max(x[b,0], 0, 1)
