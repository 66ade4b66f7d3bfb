# Generation step by step, from a model that looks at the last token alone.

module MarkovGeneration
"T tokens from a table of logits, one after the other: each is drawn by inverse transform from the law that the token before it gives, at temperature tau."
source "arXiv:2602.00426, generation: sample, append, repeat"

size  B, T, V
index b: B   t: T   a, v, w: V

input z[V, V]
input start[B] in V
const tau = 1
random g[B, T] ~ uniform(0, 1)
require tau > 0

p[a,v] = softmax[v] z[a,v] / tau
cumulated[a,v] = sum[w if w <= v] p[a,w]
output x[b,0] = start[b]
output x[b,t+1] = min[v if g[b,t] < cumulated[x[b,t],v]] v

law drawn: cumulated[x[b,t],x[b,t + 1]] - p[x[b,t],x[b,t + 1]] <= g[b,t] < cumulated[x[b,t],x[b,t + 1]]


module MarkovGreedy
"T tokens from a table of logits, each the likeliest after the one before it."
source "arXiv:2602.00426, generation at temperature 0"

size  B, T, V
index b: B   t: T   a, v: V

input z[V, V]
input start[B] in V

output x[b,0] = start[b]
output x[b,t+1] = argmax[v] z[x[b,t],v]

law best: z[x[b,t],v] <= z[x[b,t],x[b,t + 1]]
law same: x'[b,t] == x[b,t]   with z'[a,v] = z[a,v] + 3


module MarkovMarginals
"The law of the token at each step, every course that leads there summed over."
source "arXiv:2602.00426, the autoregressive factorisation of P(x), marginalised"

size  T, V
index t: T   v, w: V

input z_start[V]
input z[V, V]

p[w,v] = softmax[v] z[w,v]
output mu[0,v] = softmax[v] z_start[v]
output mu[t+1,v] = sum[w] mu[t,w] * p[w,v]

law stochastic: sum[v] mu[t,v] == 1
law forgetful:  mu[T,v] == softmax[v] z_start[v]   with z[w,v] = z_start[v]
law bounded:    mu[t + 1,v] <= max[w] p[w,v]
