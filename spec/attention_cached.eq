# Attention that can be fed one position at a time from a cache.

module CachedAttention
"Causal self-attention whose keys and values are kept: a new position costs one row of scores, and its output is that row of the whole."
source "Pope et al., Efficiently Scaling Transformer Inference, arXiv:2211.05102, section 3; arXiv:2602.00426, Part 5"

size  B, T, D, H, K
index b: B   t, u: T   d, e: D   h: H   k: K
incremental t

input x[B, T, D]
param W_Q[H, K, D] ~ normal(std = 0.02)
param W_K[H, K, D] ~ normal(std = 0.02)
param W_V[H, K, D] ~ normal(std = 0.02)
param W_O[D, H, K] ~ normal(std = 0.02)

q[b,h,t,k] = sum[d] W_Q[h,k,d] * x[b,t,d]
r[b,h,u,k] = sum[d] W_K[h,k,d] * x[b,u,d]
v[b,h,u,k] = sum[d] W_V[h,k,d] * x[b,u,d]
s[b,h,t,u] = sum[k] q[b,h,t,k] * r[b,h,u,k] / sqrt(K)
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
o[b,h,t,k] = sum[u] a[b,h,t,u] * v[b,h,u,k]
output y[b,t,d] = sum[h,k] W_O[d,h,k] * o[b,h,t,k]

law causal: grad(y[b,t,d], x[b,u,e]) == 0   given u > t


module CachedSlidingWindowAttention
"Causal attention of one head to the last W keys, fed one position at a time: the cache need hold W keys and no more."
source "Jiang et al., Mistral 7B, arXiv:2310.06825, section 2: rolling buffer cache"

size  B, T, K, W
index b: B   t, u: T   i: K
incremental t

input q[B, T, K]
input k[B, T, K]
input v[B, T, K]

s[b,t,u] = sum[i] q[b,t,i] * k[b,u,i] / sqrt(K)
a[b,t,u] = softmax[u if t - W < u <= t] s[b,t,u]
output o[b,t,i] = sum[u] a[b,t,u] * v[b,u,i]

law causal: grad(o[b,t,i], v[b,u,i]) == 0   given u > t
law window: grad(o[b,t,i], v[b,u,i]) == 0   given u <= t - W
