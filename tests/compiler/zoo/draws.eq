module Draws
size B, V
index b: B  v: V
input z[B, V]
random g[B, V] ~ gumbel()
random e[B, V] ~ exponential()
random n[B] ~ normal(mean = 1, std = 2)
random u[B] ~ uniform(-1, 1)
output token[b] = argmax[v] (z[b,v] + g[b,v])
output race[b] = argmax[v] exp(z[b,v] / 1e4) / (e[b,v] + 1e-3)
output noisy[b,v] = z[b,v] * n[b] + u[b]
