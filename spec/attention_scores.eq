# Causal attention with another score: what is done to q . k before the softmax. One row of a batch: H heads.

module ALiBiAttention
"Attention with linear biases: each head fades with the distance at a slope of its own. Heads up to the largest power of two n take the slopes 2^(-8/n), 2^(-16/n), …; the others every second slope of 2n heads."
source "Press et al., ALiBi, arXiv:2108.12409, section 3; the authors' get_slopes for other numbers of heads"

size  H, T, K
index h, g: H   t, u: T   i: K

input q[H, T, K]
input k[H, T, K]
input v[H, T, K]

n = 2 ^ (count[g] (2 ^ (g + 1) <= H))
slope[h] = if h < n then 2 ^ (-8 * (h + 1) / n) else 2 ^ (-4 * (2 * (h - n) + 1) / n)
s[h,t,u] = sum[i] q[h,t,i] * k[h,u,i] / sqrt(K) - slope[h] * (t - u)
a[h,t,u] = softmax[u if u <= t] s[h,t,u]
output o[h,t,i] = sum[u] a[h,t,u] * v[h,u,i]

law last_slope: slope[h] == 2 ^ -8   given h + 1 == n


module ALiBiAttentionByKey
"Attention with linear biases that grow with the key's position, as in BLOOM: the same function, since a softmax does not see what a whole row shares."
source "Press et al., ALiBi, arXiv:2108.12409, section 3; Hugging Face modeling_bloom.py, build_alibi_tensor"

size  H, T, K
index h, g: H   t, u: T   i: K

input q[H, T, K]
input k[H, T, K]
input v[H, T, K]

n = 2 ^ (count[g] (2 ^ (g + 1) <= H))
slope[h] = if h < n then 2 ^ (-8 * (h + 1) / n) else 2 ^ (-4 * (2 * (h - n) + 1) / n)
s[h,t,u] = sum[i] q[h,t,i] * k[h,u,i] / sqrt(K) + slope[h] * u
a[h,t,u] = softmax[u if u <= t] s[h,t,u]
output o[h,t,i] = sum[u] a[h,t,u] * v[h,u,i]


module SoftcapAttention
"Scores squashed smoothly into (-cap, cap) before the mask, as in Gemma 2."
source "Gemma Team, Gemma 2, arXiv:2408.00118, section 2"

size  H, T, K
index h: H   t, u: T   i: K

input q[H, T, K]
input k[H, T, K]
input v[H, T, K]
const cap = 50
require cap > 0

s[h,t,u] = sum[i] q[h,t,i] * k[h,u,i] / sqrt(K)
capped[h,t,u] = cap * tanh(s[h,t,u] / cap)
a[h,t,u] = softmax[u if u <= t] capped[h,t,u]
output o[h,t,i] = sum[u] a[h,t,u] * v[h,u,i]

law bounded: abs(capped[h,t,u]) <= cap
law causal:  grad(o[h,t,i], v[h,u,i]) == 0   given u > t


module QKNormAttention
"Queries and keys divided by their root mean square, with learned gains for the features of a head, as in Qwen 3; gains of 1 as in nanochat."
source "Henry et al., Query-Key Normalization for Transformers, arXiv:2010.04245; Qwen Team, Qwen3, arXiv:2505.09388, section 2"

size  H, T, K
index h: H   t, u: T   i, j: K

input q[H, T, K]
input k[H, T, K]
input v[H, T, K]
param g_q[K] = 1
param g_k[K] = 1
const eps = 1e-6
require eps >= 0

q_n[h,t,i] = g_q[i] * q[h,t,i] / sqrt(mean[j] q[h,t,j] ^ 2 + eps)
k_n[h,u,i] = g_k[i] * k[h,u,i] / sqrt(mean[j] k[h,u,j] ^ 2 + eps)
s[h,t,u] = sum[i] q_n[h,t,i] * k_n[h,u,i] / sqrt(K)
a[h,t,u] = softmax[u if u <= t] s[h,t,u]
output o[h,t,i] = sum[u] a[h,t,u] * v[h,u,i]

law scale_free: o'[h,t,i] == o[h,t,i]   with q'[h,t,i] = 4 * q[h,t,i], eps = 0


module SinkAttention
"A learned score for each head that takes part in the softmax and reads nothing, as in gpt-oss: one more key, whose value is 0."
source "OpenAI, gpt-oss Model Card, arXiv:2508.10925, section 2; gpt_oss/torch/model.py, sdpa"
source "Xiao et al., Attention Sinks, arXiv:2309.17453, section 3.3"

size  H, T, K, N = T + 1
index h: H   t, u: T   i: K   n: N

input q[H, T, K]
input k[H, T, K]
input v[H, T, K]
param sink[H] = 0

s[h,t,n] = if n < T then sum[i] q[h,t,i] * k[h,n,i] / sqrt(K) else sink[h]
a[h,t,n] = softmax[n if n <= t or n == T] s[h,t,n]
output o[h,t,i] = sum[u] a[h,t,u] * v[h,u,i]

law at_most_one: sum[u] a[h,t,u] <= 1
law causal:      grad(o[h,t,i], v[h,u,i]) == 0   given u > t


module SinkAttentionBySigmoid
"A learned score for each head that takes part in the softmax and reads nothing, applied after ordinary attention: its output times the sigmoid of logsumexp less the sink."
source "OpenAI, gpt-oss Model Card, arXiv:2508.10925, section 2; the form that kernels use who return the logsumexp"

size  H, T, K
index h: H   t, u: T   i: K

input q[H, T, K]
input k[H, T, K]
input v[H, T, K]
param sink[H] = 0

s[h,t,u] = sum[i] q[h,t,i] * k[h,u,i] / sqrt(K)
a[h,t,u] = softmax[u if u <= t] s[h,t,u]
lse[h,t] = logsumexp[u if u <= t] s[h,t,u]
output o[h,t,i] = sigmoid(lse[h,t] - sink[h]) * (sum[u] a[h,t,u] * v[h,u,i])
