# Causal attention with fewer keys and values than queries. One row of a batch.

module MultiHeadAttention
"A key-value head of its own for each query head: grouped-query attention at G = H."
source "Vaswani et al., Attention Is All You Need, arXiv:1706.03762, section 3.2.2"

size  H, G, T, K
require H == G
index h: H   t, u: T   i: K

input q[H, T, K]
input k[G, T, K]
input v[G, T, K]

s[h,t,u] = sum[i] q[h,t,i] * k[h,u,i] / sqrt(K)
a[h,t,u] = softmax[u if u <= t] s[h,t,u]
output o[h,t,i] = sum[u] a[h,t,u] * v[h,u,i]


module GroupedQueryAttention
"H query heads share G key-value heads: query head h reads key-value head h // (H // G), as in Llama. G = H is multi-head, G = 1 multi-query attention."
source "Ainslie et al., GQA, arXiv:2305.13245, section 2.2"

size  H, G, T, K, M = H // G
require H == G * M
index h: H   t, u: T   i: K

input q[H, T, K]
input k[G, T, K]
input v[G, T, K]

s[h,t,u] = sum[i] q[h,t,i] * k[h // M,u,i] / sqrt(K)
a[h,t,u] = softmax[u if u <= t] s[h,t,u]
output o[h,t,i] = sum[u] a[h,t,u] * v[h // M,u,i]


module GroupedQueryAttentionByRepeat
"Grouped-query attention with keys and values written out for every query head: each M times in a row, as repeat_kv and repeat_interleave do."
source "Ainslie et al., GQA, arXiv:2305.13245, section 2.2; llama/model.py, repeat_kv"

size  H, G, T, K, M = H // G
require H == G * M
index h: H   t, u: T   i: K

input q[H, T, K]
input k[G, T, K]
input v[G, T, K]

k_rep[h,u,i] = k[h // M,u,i]
v_rep[h,u,i] = v[h // M,u,i]
s[h,t,u] = sum[i] q[h,t,i] * k_rep[h,u,i] / sqrt(K)
a[h,t,u] = softmax[u if u <= t] s[h,t,u]
output o[h,t,i] = sum[u] a[h,t,u] * v_rep[h,u,i]


module MultiQueryAttention
"All query heads share one key-value head."
source "Shazeer, Fast Transformer Decoding: One Write-Head is All You Need, arXiv:1911.02150, section 3"

size  H, T, K
index h: H   t, u: T   i: K

input q[H, T, K]
input k[T, K]
input v[T, K]

s[h,t,u] = sum[i] q[h,t,i] * k[u,i] / sqrt(K)
a[h,t,u] = softmax[u if u <= t] s[h,t,u]
output o[h,t,i] = sum[u] a[h,t,u] * v[u,i]
