module PaddedCausalAttention
"Causal attention in padded rows: padding is not read, and a query with nothing to read gives 0."
source "Vaswani et al., arXiv:1706.03762, section 3.2.3; Dao et al., FlashAttention, arXiv:2205.14135"

size  B, T, K
index b: B   t, u: T   i: K

input q[B, T, K]
input k[B, T, K]
input v[B, T, K]
input keep[B, T] in bool

s[b,t,u] = sum[i] q[b,t,i] * k[b,u,i] / sqrt(K)
a[b,t,u] = softmax[u if u <= t and keep[b,u]] s[b,t,u]
output o[b,t,i] = sum[u] a[b,t,u] * v[b,u,i]
