# Scaled dot-product attention from queries, keys and values: who may look at whom.
# T queries, U keys, in B rows: batch and heads are one axis here, since each head is on its own.
# Where T and U differ, the two causal alignments are different functions.

module Attention
"Every query looks at every key."
source "Vaswani et al., Attention Is All You Need, arXiv:1706.03762, eq. 1"

size  B, T, U, K
index b: B   t: T   u: U   i: K

input q[B, T, K]
input k[B, U, K]
input v[B, U, K]

s[b,t,u] = sum[i] q[b,t,i] * k[b,u,i] / sqrt(K)
a[b,t,u] = softmax[u] s[b,t,u]
output o[b,t,i] = sum[u] a[b,t,u] * v[b,u,i]

law stochastic: sum[u] a[b,t,u] == 1
law linear:     o'[b,t,i] == 2 * o[b,t,i]   with v'[b,u,i] = 2 * v[b,u,i]
law readout:    grad(o[b,t,i], v[b,u,i]) == a[b,t,u]


module MaskedAttention
"Attention under any mask; a query that may look at nothing reads 0, as in FlashAttention's reference."
source "Vaswani et al., arXiv:1706.03762, section 3.2.3; Dao et al., FlashAttention, arXiv:2205.14135"

size  B, T, U, K
index b: B   t: T   u: U   i: K

input q[B, T, K]
input k[B, U, K]
input v[B, U, K]
input m[B, T, U] in bool

s[b,t,u] = sum[i] q[b,t,i] * k[b,u,i] / sqrt(K)
a[b,t,u] = softmax[u if m[b,t,u]] s[b,t,u]
output o[b,t,i] = sum[u] a[b,t,u] * v[b,u,i]

law nothing_to_see: o[b,t,i] == 0   given not any[u] m[b,t,u]
law masked_out:     grad(o[b,t,i], v[b,u,i]) == 0   given not m[b,t,u]


module CausalAttention
"Causal attention aligned at the bottom right: the last query sees every key, as when the keys of earlier positions are cached, and as in FlashAttention. With fewer keys than queries the first queries see nothing and read 0."
source "Vaswani et al., arXiv:1706.03762, section 3.2.3; Dao et al., FlashAttention, arXiv:2205.14135"

size  B, T, U, K
index b: B   t: T   u: U   i: K

input q[B, T, K]
input k[B, U, K]
input v[B, U, K]

s[b,t,u] = sum[i] q[b,t,i] * k[b,u,i] / sqrt(K)
a[b,t,u] = softmax[u if u <= t + U - T] s[b,t,u]
output o[b,t,i] = sum[u] a[b,t,u] * v[b,u,i]

law causal: grad(o[b,t,i], v[b,u,i]) == 0   given u > t + U - T
law last:   sum[u] a[b,t,u] == 1   given t == T - 1


module CausalAttentionTopLeft
"Causal attention aligned at the top left: query t sees keys up to t, as with is_causal in PyTorch."
source "Vaswani et al., arXiv:1706.03762, section 3.2.3; torch.nn.functional.scaled_dot_product_attention"

size  B, T, U, K
index b: B   t: T   u: U   i: K

input q[B, T, K]
input k[B, U, K]
input v[B, U, K]

s[b,t,u] = sum[i] q[b,t,i] * k[b,u,i] / sqrt(K)
a[b,t,u] = softmax[u if u <= t] s[b,t,u]
output o[b,t,i] = sum[u] a[b,t,u] * v[b,u,i]

law causal: grad(o[b,t,i], v[b,u,i]) == 0   given u > t
law first:  o[b,t,i] == v[b,0,i]   given t == 0


module SlidingWindowAttention
"Causal attention to the last W keys, the query's own among them, aligned at the bottom right, as in Mistral and Hugging Face."
source "Jiang et al., Mistral 7B, arXiv:2310.06825, section 2; Beltagy et al., Longformer, arXiv:2004.05150, section 3.1"

size  B, T, U, K, W
index b: B   t: T   u: U   i: K

input q[B, T, K]
input k[B, U, K]
input v[B, U, K]

s[b,t,u] = sum[i] q[b,t,i] * k[b,u,i] / sqrt(K)
a[b,t,u] = softmax[u if t + U - T - W < u <= t + U - T] s[b,t,u]
output o[b,t,i] = sum[u] a[b,t,u] * v[b,u,i]

law causal: grad(o[b,t,i], v[b,u,i]) == 0   given u > t + U - T
law window: grad(o[b,t,i], v[b,u,i]) == 0   given u <= t + U - T - W


module SlidingWindowAttentionInclusive
"Causal attention to a key and the W keys before it, W + 1 in all, aligned at the bottom right, as with window_size = (W, 0) in FlashAttention."
source "Dao, FlashAttention-2, arXiv:2307.08691; flash_attn_func, window_size"

size  B, T, U, K, W
index b: B   t: T   u: U   i: K

input q[B, T, K]
input k[B, U, K]
input v[B, U, K]

s[b,t,u] = sum[i] q[b,t,i] * k[b,u,i] / sqrt(K)
a[b,t,u] = softmax[u if t + U - T - W <= u <= t + U - T] s[b,t,u]
output o[b,t,i] = sum[u] a[b,t,u] * v[b,u,i]

law causal: grad(o[b,t,i], v[b,u,i]) == 0   given u > t + U - T
law window: grad(o[b,t,i], v[b,u,i]) == 0   given u < t + U - T - W
