# Causal attention with fewer keys and values than queries.

module MultiHeadAttention
"A key-value head of its own for each query head: grouped-query attention at G = H."
source "Vaswani et al., Attention Is All You Need, arXiv:1706.03762, section 3.2.2"

size  B, H, G, T, K
require H == G
index b: B   h: H   t, u: T   i: K

input q[B, H, T, K]
input k[B, G, T, K]
input v[B, G, T, K]

s[b,h,t,u] = sum[i] q[b,h,t,i] * k[b,h,u,i] / sqrt(K)
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
output o[b,h,t,i] = sum[u] a[b,h,t,u] * v[b,h,u,i]


module GroupedQueryAttention
"H query heads share G key-value heads: query head h reads key-value head h // (H // G), as in Llama. G = H is multi-head, G = 1 multi-query attention."
source "Ainslie et al., GQA, arXiv:2305.13245, section 2.2"

size  B, H, G, T, K, M = H // G
require H == G * M
index b: B   h: H   t, u: T   i: K

input q[B, H, T, K]
input k[B, G, T, K]
input v[B, G, T, K]

s[b,h,t,u] = sum[i] q[b,h,t,i] * k[b,h // M,u,i] / sqrt(K)
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
output o[b,h,t,i] = sum[u] a[b,h,t,u] * v[b,h // M,u,i]


module GroupedQueryAttentionByRepeat
"Grouped-query attention with keys and values written out for every query head: each M times in a row, as repeat_kv and repeat_interleave do."
source "Ainslie et al., GQA, arXiv:2305.13245, section 2.2; llama/model.py, repeat_kv"

size  B, H, G, T, K, M = H // G
require H == G * M
index b: B   h: H   t, u: T   i: K

input q[B, H, T, K]
input k[B, G, T, K]
input v[B, G, T, K]

k_rep[b,h,u,i] = k[b,h // M,u,i]
v_rep[b,h,u,i] = v[b,h // M,u,i]
s[b,h,t,u] = sum[i] q[b,h,t,i] * k_rep[b,h,u,i] / sqrt(K)
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
output o[b,h,t,i] = sum[u] a[b,h,t,u] * v_rep[b,h,u,i]


module MultiQueryAttention
"All query heads share one key-value head."
source "Shazeer, Fast Transformer Decoding: One Write-Head is All You Need, arXiv:1911.02150, section 3"

size  B, H, T, K
index b: B   h: H   t, u: T   i: K

input q[B, H, T, K]
input k[B, T, K]
input v[B, T, K]

s[b,h,t,u] = sum[i] q[b,h,t,i] * k[b,u,i] / sqrt(K)
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
output o[b,h,t,i] = sum[u] a[b,h,t,u] * v[b,u,i]
