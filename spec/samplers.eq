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


module GreedyDecoding
"The token of the largest logit, of equal ones the smallest index."
source "arXiv:2602.00426, sampling, in the limit of temperature 0"

size  B, V
index b: B   v: V

input z[B, V]

output x[b] = argmax[v] z[b,v]

law largest:         z[b,v] <= z[b,x[b]]
law first:           z[b,v] < z[b,x[b]]   given v < x[b]
law shift_invariant: x'[b] == x[b]        with z'[b,v] = z[b,v] + 3
law scale_invariant: x'[b] == x[b]        with z'[b,v] = z[b,v] / 4


module AncestralSampler
"One token by inverse transform from the law at temperature tau: the step of ancestral sampling."
source "arXiv:2602.00426, sampling; Devroye, Non-Uniform Random Variate Generation, Springer, 1986, section III.2"

size  B, V
index b: B   v, w: V

input z[B, V]
const tau = 1
random g[B] ~ uniform(0, 1)
require tau > 0

output q[b,v] = softmax[v] z[b,v] / tau
cumulated[b,v] = sum[w if w <= v] q[b,w]
output x[b] = min[v if g[b] < cumulated[b,v]] v

law stochastic: sum[v] q[b,v] == 1
law interval:   cumulated[b,x[b]] - q[b,x[b]] <= g[b] < cumulated[b,x[b]]


module GumbelMaxSampler
"One token as the largest of the logits at temperature tau, each with Gumbel noise of its own: its law is softmax(z / tau)."
source "Maddison, Tarlow and Minka, A* Sampling, arXiv:1411.0030, section 2"

size  B, V
index b: B   v: V

input z[B, V]
const tau = 1
random g[B, V] ~ gumbel()
require tau > 0

output x[b] = argmax[v] (z[b,v] / tau + g[b,v])

p[b,v] = softmax[v] z[b,v] / tau
law race:   x[b] == argmax[v] p[b,v] / exp(-g[b,v])
law common: x'[b] == x[b]   with z'[b,v] = z[b,v] + 3


module ExponentialRaceSampler
"One token as the winner of a race: token v arrives after e / p, with e exponential, and the first one is drawn; its law is p = softmax(z / tau). As in vLLM."
source "Devroye, Non-Uniform Random Variate Generation, Springer, 1986, section V.2; random_sample of vLLM"

size  B, V
index b: B   v: V

input z[B, V]
const tau = 1
random e[B, V] ~ exponential()
require tau > 0

p[b,v] = softmax[v] z[b,v] / tau
output x[b] = argmax[v] p[b,v] / e[b,v]

law gumbel: x[b] == argmax[v] (z[b,v] / tau - log(e[b,v]))
law common: x'[b] == x[b]   with z'[b,v] = z[b,v] + 3


module GumbelLaw
"The density with which the largest of z[v] + Gumbel noise is that of v and equals m, in logarithms. It is the law softmax(z) of the winner times the density of the largest: who wins is independent of how far, and has the law softmax(z)."
source "Maddison, Tarlow and Minka, A* Sampling, arXiv:1411.0030, section 2"

size  B, V
index b: B   v, w: V

input z[B, V]
input m[B]

# noise of w is below m - z[w] with probability exp(-exp(z[w] - m)), and has the derivative of that as its density
below[b,w] = -exp(z[b,w] - m[b])
output log_density[b,v] = z[b,v] - m[b] + sum[w] below[b,w]

whole[b] = logsumexp[v] z[b,v]
largest[b] = whole[b] - m[b] - exp(whole[b] - m[b])
law winner: log_density[b,v] == log_p[b,v] + largest[b]
law total:  logsumexp[v] log_density[b,v] == largest[b]
log_p[b,v] = log_softmax[v] z[b,v]
