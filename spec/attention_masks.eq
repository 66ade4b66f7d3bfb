# Scaled dot-product attention from queries, keys and values: who may look at whom.
# T queries, U keys. Where T and U differ, the two causal alignments are different functions.

module Attention
"Every query looks at every key."
source "Vaswani et al., Attention Is All You Need, arXiv:1706.03762, eq. 1"

size  B, H, T, U, K
index b: B   h: H   t: T   u: U   i: K

input q[B, H, T, K]
input k[B, H, U, K]
input v[B, H, U, K]

s[b,h,t,u] = sum[i] q[b,h,t,i] * k[b,h,u,i] / sqrt(K)
a[b,h,t,u] = softmax[u] s[b,h,t,u]
output o[b,h,t,i] = sum[u] a[b,h,t,u] * v[b,h,u,i]

law stochastic: sum[u] a[b,h,t,u] == 1
law linear:     o'[b,h,t,i] == 2 * o[b,h,t,i]   with v'[b,h,u,i] = 2 * v[b,h,u,i]
law readout:    grad(o[b,h,t,i], v[b,h,u,i]) == a[b,h,t,u]


module MaskedAttention
"Attention under any mask; a query that may look at nothing reads 0, as in FlashAttention's reference."
source "Vaswani et al., arXiv:1706.03762, section 3.2.3; Dao et al., FlashAttention, arXiv:2205.14135"

size  B, H, T, U, K
index b: B   h: H   t: T   u: U   i: K

input q[B, H, T, K]
input k[B, H, U, K]
input v[B, H, U, K]
input m[B, T, U] in bool

s[b,h,t,u] = sum[i] q[b,h,t,i] * k[b,h,u,i] / sqrt(K)
a[b,h,t,u] = softmax[u if m[b,t,u]] s[b,h,t,u]
output o[b,h,t,i] = sum[u] a[b,h,t,u] * v[b,h,u,i]

law nothing_to_see: o[b,h,t,i] == 0   given not any[u] m[b,t,u]
law masked_out:     grad(o[b,h,t,i], v[b,h,u,i]) == 0   given not m[b,t,u]


module CausalAttention
"Causal attention aligned at the bottom right: the last query sees every key, as when the keys of earlier positions are cached, and as in FlashAttention. With fewer keys than queries the first queries see nothing and read 0."
source "Vaswani et al., arXiv:1706.03762, section 3.2.3; Dao et al., FlashAttention, arXiv:2205.14135"

size  B, H, T, U, K
index b: B   h: H   t: T   u: U   i: K

input q[B, H, T, K]
input k[B, H, U, K]
input v[B, H, U, K]

s[b,h,t,u] = sum[i] q[b,h,t,i] * k[b,h,u,i] / sqrt(K)
a[b,h,t,u] = softmax[u if u <= t + U - T] s[b,h,t,u]
output o[b,h,t,i] = sum[u] a[b,h,t,u] * v[b,h,u,i]

law causal: grad(o[b,h,t,i], v[b,h,u,i]) == 0   given u > t + U - T
law last:   sum[u] a[b,h,t,u] == 1   given t == T - 1


module CausalAttentionTopLeft
"Causal attention aligned at the top left: query t sees keys up to t, as with is_causal in PyTorch."
source "Vaswani et al., arXiv:1706.03762, section 3.2.3; torch.nn.functional.scaled_dot_product_attention"

size  B, H, T, U, K
index b: B   h: H   t: T   u: U   i: K

input q[B, H, T, K]
input k[B, H, U, K]
input v[B, H, U, K]

s[b,h,t,u] = sum[i] q[b,h,t,i] * k[b,h,u,i] / sqrt(K)
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
output o[b,h,t,i] = sum[u] a[b,h,t,u] * v[b,h,u,i]

law causal: grad(o[b,h,t,i], v[b,h,u,i]) == 0   given u > t
law first:  o[b,h,t,i] == v[b,h,0,i]   given t == 0


module SlidingWindowAttention
"Causal attention to the last W keys, the query's own among them, aligned at the bottom right, as in Mistral and Hugging Face."
source "Jiang et al., Mistral 7B, arXiv:2310.06825, section 2; Beltagy et al., Longformer, arXiv:2004.05150, section 3.1"

size  B, H, T, U, K, W
index b: B   h: H   t: T   u: U   i: K

input q[B, H, T, K]
input k[B, H, U, K]
input v[B, H, U, K]

s[b,h,t,u] = sum[i] q[b,h,t,i] * k[b,h,u,i] / sqrt(K)
a[b,h,t,u] = softmax[u if t + U - T - W < u <= t + U - T] s[b,h,t,u]
output o[b,h,t,i] = sum[u] a[b,h,t,u] * v[b,h,u,i]

law causal: grad(o[b,h,t,i], v[b,h,u,i]) == 0   given u > t + U - T
law window: grad(o[b,h,t,i], v[b,h,u,i]) == 0   given u <= t + U - T - W


module SlidingWindowAttentionInclusive
"Causal attention to a key and the W keys before it, W + 1 in all, aligned at the bottom right, as with window_size = (W, 0) in FlashAttention."
source "Dao, FlashAttention-2, arXiv:2307.08691; flash_attn_func, window_size"

size  B, H, T, U, K, W
index b: B   h: H   t: T   u: U   i: K

input q[B, H, T, K]
input k[B, H, U, K]
input v[B, H, U, K]

s[b,h,t,u] = sum[i] q[b,h,t,i] * k[b,h,u,i] / sqrt(K)
a[b,h,t,u] = softmax[u if t + U - T - W <= u <= t + U - T] s[b,h,t,u]
output o[b,h,t,i] = sum[u] a[b,h,t,u] * v[b,h,u,i]

law causal: grad(o[b,h,t,i], v[b,h,u,i]) == 0   given u > t + U - T
law window: grad(o[b,h,t,i], v[b,h,u,i]) == 0   given u < t + U - T - W
