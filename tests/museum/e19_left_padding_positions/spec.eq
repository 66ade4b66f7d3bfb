module PaddedEmbedding
"Token and learned position embeddings of padded rows: a token's position is the number of tokens before it, and padding reads 0."

size  B, T, V, D
index b: B   t, u: T   d: D

input tok[B, T] in V
input keep[B, T] in bool
param E[V, D] ~ normal(std = 0.02)
param P[T, D] ~ normal(std = 0.02)

before[b,t] = min(count[u] (u < t and keep[b,u]), T - 1)
output y[b,t,d] = if keep[b,t] then E[tok[b,t],d] + P[before[b,t],d] else 0
