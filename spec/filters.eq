# Filters: which tokens a sampler may still draw, and the law q that it draws from.

module Temperature
"The law of the logits at temperature tau."
source "Ackley, Hinton and Sejnowski, A Learning Algorithm for Boltzmann Machines, Cognitive Science 9, 1985; TemperatureLogitsWarper of Hugging Face"

size  B, V
index b: B   v, w: V

input z[B, V]
const tau = 1
require tau > 0

output q[b,v] = softmax[v] z[b,v] / tau

law stochastic:      sum[v] q[b,v] == 1
law shift_invariant: q'[b,v] == q[b,v]   with z'[b,v] = z[b,v] + 3
law scale:           q'[b,v] == q[b,v]   with z'[b,v] = 2 * z[b,v], tau' = 2 * tau
law jacobian:        grad(q[b,v], z[b,w]) == q[b,v] * ([v == w] - q[b,w]) / tau


module GreedyLimit
"How far the law at temperature tau is from greedy decoding: the mass outside the largest logit, and what bounds it. With a gap between the two largest logits the bound vanishes as tau goes to 0."
source "arXiv:2602.00426, sampling; the limit of softmax(z / tau)"

size  B, V
index b: B   v: V

input z[B, V]
const tau = 1
require tau > 0

best[b] = argmax[v] z[b,v]
p[b,v] = softmax[v] z[b,v] / tau
output outside[b] = sum[v if v != best[b]] p[b,v]
output bound[b] = sum[v if v != best[b]] exp((z[b,v] - z[b,best[b]]) / tau)
gap[b] = min[v if v != best[b]] (z[b,best[b]] - z[b,v])

law bounded:  outside[b] <= bound[b]
law by_gap:   bound[b] <= (V - 1) * exp(-gap[b] / tau)
law colder:   outside'[b] <= outside[b]   with tau' = tau / 2
law complete: outside[b] + p[b,best[b]] == 1


module TopKFilter
"Exactly the top_k largest logits, of equal ones those of smaller index, renormalised; as with a stable sort."
source "Fan et al., Hierarchical Neural Story Generation, arXiv:1805.04833"

size  B, V
index b: B   v: V

input z[B, V]
const top_k
require top_k >= 1

place[b,v] = rank[v] z[b,v]
output q[b,v] = softmax[v if place[b,v] < top_k] z[b,v]

law stochastic: sum[v] q[b,v] == 1
law exactly_k:  count[v] (place[b,v] < top_k) == min(ceil(top_k), V)
law greedy:     q[b,v] == [v == argmax[v] z[b,v]]      with top_k = 1
law whole:      q[b,v] == softmax[v] z[b,v]            with top_k = V


module TopKTiesFilter
"All logits not below the k-th largest, so that ties at the boundary all stay, renormalised; as in Hugging Face and vLLM."
source "Fan et al., Hierarchical Neural Story Generation, arXiv:1805.04833; TopKLogitsWarper of Hugging Face"

size  B, V
index b: B   v, w: V

input z[B, V]
const top_k
require top_k >= 1

larger[b,v] = count[w] (z[b,w] > z[b,v])
output q[b,v] = softmax[v if larger[b,v] < top_k] z[b,v]

law stochastic:  sum[v] q[b,v] == 1
law at_least_k:  count[v] (larger[b,v] < top_k) >= min(top_k, V)
law ties_stay:   q[b,v] == q[b,w]   given z[b,v] == z[b,w]
law whole:       q[b,v] == softmax[v] z[b,v]   with top_k = V


module TopPFilter
"The smallest prefix of the law, sorted from the largest down (ties: the smaller index first), whose mass reaches top_p, renormalised: the token that crosses top_p stays. As in Hugging Face and vLLM."
source "Holtzman et al., The Curious Case of Neural Text Degeneration, arXiv:1904.09751, eq. 2 and 3"

size  B, V
index b: B   v, w: V

input z[B, V]
const top_p = 0.9
require 0 < top_p <= 1

p[b,v] = softmax[v] z[b,v]
place[b,v] = rank[v] z[b,v]
before[b,v] = sum[w if place[b,w] < place[b,v]] p[b,w]
kept[b,v] = before[b,v] < top_p
output q[b,v] = softmax[v if kept[b,v]] z[b,v]

law stochastic: sum[v] q[b,v] == 1
law reaches:    (sum[v if kept[b,v]] p[b,v]) >= top_p
law smallest:   (sum[w if kept[b,w] and place[b,w] < place[b,v]] p[b,w]) < top_p   given kept[b,v]
law in_ratio:   q[b,v] * p[b,w] == q[b,w] * p[b,v]   given kept[b,v], kept[b,w]


module TopPInclusiveFilter
"Top-p as in Llama's and Gemma's own code: a token stays where the mass before it is at most top_p, so that one token more stays than in TopPFilter where a prefix has a mass of exactly top_p."
source "Holtzman et al., arXiv:1904.09751, eq. 2 and 3; sample_top_p of meta-llama/llama"

size  B, V
index b: B   v, w: V

input z[B, V]
const top_p = 0.9
require 0 < top_p <= 1

p[b,v] = softmax[v] z[b,v]
place[b,v] = rank[v] z[b,v]
before[b,v] = sum[w if place[b,w] < place[b,v]] p[b,w]
kept[b,v] = before[b,v] <= top_p
output q[b,v] = softmax[v if kept[b,v]] z[b,v]

law stochastic: sum[v] q[b,v] == 1
law reaches:    (sum[v if kept[b,v]] p[b,v]) >= top_p
law in_ratio:   q[b,v] * p[b,w] == q[b,w] * p[b,v]   given kept[b,v], kept[b,w]


module TopPThenTemperature
"Top-p on the law at temperature 1, then the temperature on what is left: the default order of llama.cpp. Hugging Face and vLLM divide by the temperature first."
source "Holtzman et al., arXiv:1904.09751, eq. 2 and 3; the default sampler chain of llama.cpp"

size  B, V
index b: B   v, w: V

input z[B, V]
const top_p = 0.9, tau = 0.7
require 0 < top_p <= 1, tau > 0

p[b,v] = softmax[v] z[b,v]
place[b,v] = rank[v] z[b,v]
before[b,v] = sum[w if place[b,w] < place[b,v]] p[b,w]
kept[b,v] = before[b,v] < top_p
output q[b,v] = softmax[v if kept[b,v]] z[b,v] / tau

law stochastic: sum[v] q[b,v] == 1
law support:    q'[b,v] == 0   given not kept[b,v] with tau' = 2 * tau


module MinPFilter
"Tokens whose probability is at least min_p of the largest, renormalised; as in Hugging Face and vLLM."
source "Nguyen et al., Turning Up the Heat: Min-p Sampling for Creative and Coherent LLM Outputs, arXiv:2407.01082, section 3"

size  B, V
index b: B   v, w: V

input z[B, V]
const min_p = 0.1
require 0 < min_p <= 1

p[b,v] = softmax[v] z[b,v]
kept[b,v] = p[b,v] >= min_p * (max[w] p[b,w])
output q[b,v] = softmax[v if kept[b,v]] z[b,v]

law stochastic: sum[v] q[b,v] == 1
law best_stays: any[v] (kept[b,v] and z[b,v] == max[w] z[b,w])
law shift:      q'[b,v] == q[b,v]   with z'[b,v] = z[b,v] + 3


module MinPLogitsFilter
"Min-p on the logits: the same law as MinPFilter, without a probability that could underflow; as in MLX."
source "Nguyen et al., arXiv:2407.01082, section 3; apply_min_p of ml-explore/mlx-lm"

size  B, V
index b: B   v, w: V

input z[B, V]
const min_p = 0.1
require 0 < min_p <= 1

kept[b,v] = z[b,v] >= (max[w] z[b,w]) + log(min_p)
output q[b,v] = softmax[v if kept[b,v]] z[b,v]

law stochastic: sum[v] q[b,v] == 1
law best_stays: any[v] (kept[b,v] and z[b,v] == max[w] z[b,w])
