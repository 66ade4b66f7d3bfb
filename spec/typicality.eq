# Filters that look at how surprising a token is, next to the entropy of the law.

module LocallyTypical
"Tokens in the order of how far their surprise -log p is from the entropy, until their mass reaches mass; tokens that are as far as the last one stay. As in Hugging Face."
source "Meister et al., Locally Typical Sampling, arXiv:2202.00666"

size  B, V
index b: B   v, w: V

input z[B, V]
const mass = 0.95
require 0 < mass <= 1

logp[b,v] = log_softmax[v] z[b,v]
H[b] = -sum[v] exp(logp[b,v]) * logp[b,v]
far[b,v] = abs(-logp[b,v] - H[b])
nearer[b,v] = sum[w if far[b,w] < far[b,v]] exp(logp[b,w])
kept[b,v] = nearer[b,v] < mass
output q[b,v] = softmax[v if kept[b,v]] z[b,v]

law stochastic: sum[v] q[b,v] == 1
law reaches:    (sum[v if kept[b,v]] exp(logp[b,v])) >= mass
law ties_stay:  q[b,v] == q[b,w]   given z[b,v] == z[b,w]


module EpsilonSampling
"Tokens of probability at least epsilon, and the largest in any case, renormalised; as in Hugging Face."
source "Hewitt, Manning and Liang, Truncation Sampling as Language Model Desmoothing, arXiv:2210.15191"

size  B, V
index b: B   v, w: V

input z[B, V]
const epsilon = 3e-4
require 0 < epsilon < 1

p[b,v] = softmax[v] z[b,v]
kept[b,v] = p[b,v] >= epsilon or z[b,v] >= max[w] z[b,w]
output q[b,v] = softmax[v if kept[b,v]] z[b,v]

law stochastic: sum[v] q[b,v] == 1
law best_stays: q[b,v] >= p[b,v]   given z[b,v] == max[w] z[b,w]


module EtaSampling
"Tokens of probability at least min(epsilon, sqrt(epsilon) exp(-entropy)), and the largest in any case, renormalised; as in Hugging Face."
source "Hewitt, Manning and Liang, Truncation Sampling as Language Model Desmoothing, arXiv:2210.15191"

size  B, V
index b: B   v, w: V

input z[B, V]
const epsilon = 3e-4
require 0 < epsilon < 1

logp[b,v] = log_softmax[v] z[b,v]
H[b] = -sum[v] exp(logp[b,v]) * logp[b,v]
eta[b] = min(epsilon, sqrt(epsilon) * exp(-H[b]))
kept[b,v] = exp(logp[b,v]) >= eta[b] or z[b,v] >= max[w] z[b,w]
output q[b,v] = softmax[v if kept[b,v]] z[b,v]

law stochastic: sum[v] q[b,v] == 1
law best_stays: q[b,v] >= exp(logp[b,v])   given z[b,v] == max[w] z[b,w]


module XTC
"Exclude top choices: with the given chance, of the tokens above the threshold only the least probable stays, beside all those below; as in MLX."
source "p-e-w, Exclude Top Choices (XTC), oobabooga/text-generation-webui pull request 6335; apply_xtc of ml-explore/mlx-lm"

size  B, V
index b: B   v, w: V

input z[B, V]
const threshold = 0.1, chance = 0.5
random u[B] ~ uniform(0, 1)
require 0 < threshold <= 1, 0 <= chance <= 1

p[b,v] = softmax[v] z[b,v]
least[b] = min[w if p[b,w] > threshold] p[b,w]
excluded[b,v] = u[b] < chance and p[b,v] > least[b]
output q[b,v] = softmax[v if not excluded[b,v]] z[b,v]

law stochastic: sum[v] q[b,v] == 1
law untouched:  q[b,v] == p[b,v]   with chance = 0
law below_stay: q[b,v] >= p[b,v]   given p[b,v] <= threshold
