# Multi-head latent attention: keys and values are linear maps of one small latent vector.
# One row of a batch.

module LatentAttention
"Multi-head latent attention with keys and values written out for each head. A score has two parts: features without position, and R features that rotary positions turned, whose keys the heads share. Queries come projected."
source "DeepSeek-AI, DeepSeek-V2, arXiv:2405.04434, section 2.1, eq. 9 to 19; DeepSeek-V3 inference/model.py, naive"

size  H, T, K, R, L
index h: H   t, u: T   i: K   j: R   l: L

input q_n[H, T, K]
input q_r[H, T, R]
input c[T, L]
input k_r[T, R]
param W_UK[H, K, L] ~ normal(std = 0.02)
param W_UV[H, K, L] ~ normal(std = 0.02)

k_n[h,u,i] = sum[l] W_UK[h,i,l] * c[u,l]
v[h,u,i] = sum[l] W_UV[h,i,l] * c[u,l]
s[h,t,u] = (sum[i] q_n[h,t,i] * k_n[h,u,i] + sum[j] q_r[h,t,j] * k_r[u,j]) / sqrt(K + R)
a[h,t,u] = softmax[u if u <= t] s[h,t,u]
output o[h,t,i] = sum[u] a[h,t,u] * v[h,u,i]


module LatentAttentionAbsorbed
"Multi-head latent attention that never writes keys and values out: the key map is absorbed into the query, the value map follows the read-out, and attention runs on the latent vectors themselves."
source "DeepSeek-AI, DeepSeek-V2, arXiv:2405.04434, section 2.1.2; DeepSeek-V3 inference/model.py, absorb"

size  H, T, K, R, L
index h: H   t, u: T   i: K   j: R   l: L

input q_n[H, T, K]
input q_r[H, T, R]
input c[T, L]
input k_r[T, R]
param W_UK[H, K, L] ~ normal(std = 0.02)
param W_UV[H, K, L] ~ normal(std = 0.02)

q_l[h,t,l] = sum[i] W_UK[h,i,l] * q_n[h,t,i]
s[h,t,u] = (sum[l] q_l[h,t,l] * c[u,l] + sum[j] q_r[h,t,j] * k_r[u,j]) / sqrt(K + R)
a[h,t,u] = softmax[u if u <= t] s[h,t,u]
o_l[h,t,l] = sum[u] a[h,t,u] * c[u,l]
output o[h,t,i] = sum[l] W_UV[h,i,l] * o_l[h,t,l]
