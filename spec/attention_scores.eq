# Causal attention with another score: what is done to q . k before the softmax.

module ALiBiAttention
"Attention with linear biases: each head fades with the distance at a slope of its own. Heads up to the largest power of two n take the slopes 2^(-8/n), 2^(-16/n), …; the others every second slope of 2n heads."
source "Press et al., ALiBi, arXiv:2108.12409, section 3; the authors' get_slopes for other numbers of heads"

size  B, H, T, K
index b: B   h, g: H   t, u: T   i: K

input q[B, H, T, K]
input k[B, H, T, K]
input v[B, H, T, K]

n = 2 ^ (count[g] (2 ^ (g + 1) <= H))
slope[h] = if h < n then 2 ^ (-8 * (h + 1) / n) else 2 ^ (-4 * (2 * (h - n) + 1) / n)
s[b,h,t,u] = sum[i] q[b,h,t,i] * k[b,h,u,i] / sqrt(K) - slope[h] * (t - u)
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
output o[b,h,t,i] = sum[u] a[b,h,t,u] * v[b,h,u,i]

law last_slope: slope[h] == 2 ^ -8   given h + 1 == n


module ALiBiAttentionByKey
"Attention with linear biases that grow with the key's position, as in BLOOM: the same function, since a softmax does not see what a whole row shares."
source "Press et al., ALiBi, arXiv:2108.12409, section 3; Hugging Face modeling_bloom.py, build_alibi_tensor"

size  B, H, T, K
index b: B   h, g: H   t, u: T   i: K

input q[B, H, T, K]
input k[B, H, T, K]
input v[B, H, T, K]

n = 2 ^ (count[g] (2 ^ (g + 1) <= H))
slope[h] = if h < n then 2 ^ (-8 * (h + 1) / n) else 2 ^ (-4 * (2 * (h - n) + 1) / n)
s[b,h,t,u] = sum[i] q[b,h,t,i] * k[b,h,u,i] / sqrt(K) + slope[h] * u
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
output o[b,h,t,i] = sum[u] a[b,h,t,u] * v[b,h,u,i]


module SoftcapAttention
"Scores squashed smoothly into (-cap, cap) before the mask, as in Gemma 2."
source "Gemma Team, Gemma 2, arXiv:2408.00118, section 2"

size  B, H, T, K
index b: B   h: H   t, u: T   i: K

input q[B, H, T, K]
input k[B, H, T, K]
input v[B, H, T, K]
const cap = 50
require cap > 0

s[b,h,t,u] = sum[i] q[b,h,t,i] * k[b,h,u,i] / sqrt(K)
capped[b,h,t,u] = cap * tanh(s[b,h,t,u] / cap)
a[b,h,t,u] = softmax[u if u <= t] capped[b,h,t,u]
output o[b,h,t,i] = sum[u] a[b,h,t,u] * v[b,h,u,i]

law bounded: abs(capped[b,h,t,u]) <= cap
law causal:  grad(o[b,h,t,i], v[b,h,u,i]) == 0   given u > t


module QKNormAttention
"Queries and keys divided by their root mean square, with learned gains for the features of a head, as in Qwen 3; gains of 1 as in nanochat."
source "Henry et al., Query-Key Normalization for Transformers, arXiv:2010.04245; Qwen Team, Qwen3, arXiv:2505.09388, section 2"

size  B, H, T, K
index b: B   h: H   t, u: T   i, j: K

input q[B, H, T, K]
input k[B, H, T, K]
input v[B, H, T, K]
param g_q[K] = 1
param g_k[K] = 1
const eps = 1e-6
require eps >= 0

q_n[b,h,t,i] = g_q[i] * q[b,h,t,i] / sqrt(mean[j] q[b,h,t,j] ^ 2 + eps)
k_n[b,h,u,i] = g_k[i] * k[b,h,u,i] / sqrt(mean[j] k[b,h,u,j] ^ 2 + eps)
s[b,h,t,u] = sum[i] q_n[b,h,t,i] * k_n[b,h,u,i] / sqrt(K)
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
output o[b,h,t,i] = sum[u] a[b,h,t,u] * v[b,h,u,i]

law scale_free: o'[b,h,t,i] == o[b,h,t,i]   with q'[b,h,t,i] = 4 * q[b,h,t,i], eps = 0


module SinkAttention
"A learned score for each head that takes part in the softmax and reads nothing, as in gpt-oss: one more key, whose value is 0."
source "OpenAI, gpt-oss Model Card, arXiv:2508.10925, section 2; gpt_oss/torch/model.py, sdpa"
source "Xiao et al., Attention Sinks, arXiv:2309.17453, section 3.3"

size  B, H, T, K, N = T + 1
index b: B   h: H   t, u: T   i: K   n: N

input q[B, H, T, K]
input k[B, H, T, K]
input v[B, H, T, K]
param sink[H] = 0

s[b,h,t,n] = if n < T then sum[i] q[b,h,t,i] * k[b,h,n,i] / sqrt(K) else sink[h]
a[b,h,t,n] = softmax[n if n <= t or n == T] s[b,h,t,n]
output o[b,h,t,i] = sum[u] a[b,h,t,u] * v[b,h,u,i]

law causal: grad(o[b,h,t,i], v[b,h,u,i]) == 0   given u > t


module SinkAttentionBySigmoid
"A learned score for each head that takes part in the softmax and reads nothing, applied after ordinary attention: its output times the sigmoid of logsumexp less the sink."
source "OpenAI, gpt-oss Model Card, arXiv:2508.10925, section 2; the form that kernels use who return the logsumexp"

size  B, H, T, K
index b: B   h: H   t, u: T   i: K

input q[B, H, T, K]
input k[B, H, T, K]
input v[B, H, T, K]
param sink[H] = 0

s[b,h,t,u] = sum[i] q[b,h,t,i] * k[b,h,u,i] / sqrt(K)
a[b,h,t,u] = softmax[u if u <= t] s[b,h,t,u]
lse[b,h,t] = logsumexp[u if u <= t] s[b,h,t,u]
output o[b,h,t,i] = sigmoid(lse[b,h,t] - sink[h]) * (sum[u] a[b,h,t,u] * v[b,h,u,i])
