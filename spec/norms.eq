# Normalisation of the features of one position.

module RMSNorm
"Root-mean-square normalisation, the constant inside the root."
source "Zhang and Sennrich, Root Mean Square Layer Normalization, arXiv:1910.07467, eq. 4"

size  B, T, D
index b: B   t: T   d, e: D

input x[B, T, D]
param g[D] = 1
const eps = 1e-6
require eps >= 0

output y[b,t,d] = g[d] * x[b,t,d] / sqrt(mean[e] x[b,t,e] ^ 2 + eps)

law scale_free: y'[b,t,d] == y[b,t,d]   with x'[b,t,d] = 4 * x[b,t,d], eps' = 16 * eps


module RMSNormZeroCentred
"Root-mean-square normalisation whose gain is stored as its distance from 1, as in Gemma."
source "Zhang and Sennrich, Root Mean Square Layer Normalization, arXiv:1910.07467, eq. 4"
source "Gemma Team, Gemma, arXiv:2403.08295: the reference implementation, gemma/model.py"

size  B, T, D
index b: B   t: T   d, e: D

input x[B, T, D]
param g[D] = 0
const eps = 1e-6
require eps >= 0

output y[b,t,d] = (1 + g[d]) * x[b,t,d] / sqrt(mean[e] x[b,t,e] ^ 2 + eps)

law scale_free: y'[b,t,d] == y[b,t,d]   with x'[b,t,d] = 4 * x[b,t,d], eps' = 16 * eps


module RMSNormEpsOutside
"Root-mean-square normalisation, the constant added to the root: another function where rows are small."
source "Zhang and Sennrich, Root Mean Square Layer Normalization, arXiv:1910.07467: the authors' code, rmsnorm_torch.py"

size  B, T, D
index b: B   t: T   d, e: D

input x[B, T, D]
param g[D] = 1
const eps = 1e-8
require eps >= 0

output y[b,t,d] = g[d] * x[b,t,d] / (sqrt(mean[e] x[b,t,e] ^ 2) + eps)


module LayerNorm
"Layer normalisation: centred and divided by the standard deviation over the features, the constant inside the root."
source "Ba, Kiros and Hinton, Layer Normalization, arXiv:1607.06450, eq. 4; the constant as in torch.nn.LayerNorm"

size  B, T, D
index b: B   t: T   d, e: D

input x[B, T, D]
param g[D] = 1
param c[D] = 0
const eps = 1e-5
require eps >= 0

mu[b,t] = mean[e] x[b,t,e]
var[b,t] = mean[e] (x[b,t,e] - mu[b,t]) ^ 2
output y[b,t,d] = g[d] * (x[b,t,d] - mu[b,t]) / sqrt(var[b,t] + eps) + c[d]

law shift_free: y'[b,t,d] == y[b,t,d]   with x'[b,t,d] = x[b,t,d] + 3
law scale_free: y'[b,t,d] == y[b,t,d]   with x'[b,t,d] = 4 * x[b,t,d], eps' = 16 * eps
law centred:    mean[d] y[b,t,d] == 0   with g[d] = 1, c[d] = 0
