module TopKTopPSampler
"One token by inverse transform: temperature, then the top_k largest logits (ties: the smaller index first), then the smallest prefix of the sorted law whose mass reaches top_p, renormalised."
source "Fan et al., arXiv:1805.04833 (top-k); Holtzman et al., arXiv:1904.09751 (top-p); the order of Hugging Face and vLLM"

size  B, V
index b: B   v, w: V

input z[B, V]
const tau = 1
const top_k
const top_p = 1
random g[B] ~ uniform(0, 1)
require tau > 0, top_k >= 1, 0 < top_p <= 1

place[b,v] = rank[v] z[b,v]
p[b,v] = softmax[v if place[b,v] < top_k] z[b,v] / tau
before[b,v] = sum[w if place[b,w] < place[b,v]] p[b,w]
kept[b,v] = place[b,v] < top_k and before[b,v] < top_p
output q[b,v] = [kept[b,v]] * p[b,v] / (sum[w if kept[b,w]] p[b,w])
cumulated[b,v] = sum[w if w <= v] q[b,w]
output x[b] = min[v if g[b] < cumulated[b,v]] v
