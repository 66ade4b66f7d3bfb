# Attention of one head that is fed one position at a time; whole layers are in attention.eq.

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
