module ScaledAttention
"Causal attention whose scores are divided by the root of a constant of the model, as query_pre_attn_scalar in Gemma 2."
source "Gemma Team, Gemma 2, arXiv:2408.00118; gemma_pytorch, config.py"

size  H, T, K
index h: H   t, u: T   i: K

input q[H, T, K]
input k[H, T, K]
input v[H, T, K]
const width
require width > 0

s[h,t,u] = sum[i] q[h,t,i] * k[h,u,i] / sqrt(width)
a[h,t,u] = softmax[u if u <= t] s[h,t,u]
output o[h,t,i] = sum[u] a[h,t,u] * v[h,u,i]
