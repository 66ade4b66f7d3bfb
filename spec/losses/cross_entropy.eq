# Cross-entropy over N positions and V classes, and its usual companions.

module CrossEntropy
"Mean negative log-probability of the target class over the positions that the mask admits, as torch's cross_entropy takes it with an ignored index. Without an admitted position it is undefined."
source "arXiv:2602.00426, Part 1: pre-training by next-token prediction"

size  N, V
index n: N   v: V

input z[N, V]
input y[N] in V
input m[N] in bool = true

logp[n,v] = log_softmax[v] z[n,v]
output loss = -mean[n if m[n]] logp[n,y[n]]

law gradient:        grad(loss, z[n,v]) == [m[n]] * (exp(logp[n,v]) - [v == y[n]]) / count[n] (m[n])
law shift_invariant: loss' == loss   with z'[n,v] = z[n,v] + z[n,0]
law non_negative:    loss >= 0
law uniform:         loss == log(V)   with z[n,v] = 0


module LabelSmoothing
"Cross-entropy whose target gives epsilon of its mass to all V classes alike, the right one among them, as torch's label_smoothing does."
source "Szegedy et al., Rethinking the Inception Architecture, arXiv:1512.00567, section 7"

size  N, V
index n: N   v: V

input z[N, V]
input y[N] in V
input m[N] in bool = true
const epsilon = 0.1
require 0 <= epsilon <= 1

logp[n,v] = log_softmax[v] z[n,v]
nll[n] = -logp[n,y[n]]
uniform[n] = -mean[v] logp[n,v]
output loss = mean[n if m[n]] ((1 - epsilon) * nll[n] + epsilon * uniform[n])

law hard_target: loss == -mean[n if m[n]] logp[n,y[n]]   with epsilon = 0
law gradient:    grad(loss, z[n,v]) == [m[n]] * (exp(logp[n,v]) - (1 - epsilon) * [v == y[n]] - epsilon / V) / count[n] (m[n])


module MixedTargetCrossEntropy
"Cross-entropy to the mixture of the target class and the uniform law: label smoothing, written as what it is."
source "Szegedy et al., Rethinking the Inception Architecture, arXiv:1512.00567, section 7"

size  N, V
index n: N   v: V

input z[N, V]
input y[N] in V
input m[N] in bool = true
const epsilon = 0.1
require 0 <= epsilon <= 1

q[n,v] = (1 - epsilon) * [v == y[n]] + epsilon / V
logp[n,v] = log_softmax[v] z[n,v]
output loss = -mean[n if m[n]] (sum[v] q[n,v] * logp[n,v])

law stochastic: sum[v] q[n,v] == 1


module LabelSmoothingOthers
"Cross-entropy whose target gives epsilon of its mass to the V - 1 wrong classes alike, as fairseq does."
source "fairseq, criterions/label_smoothed_cross_entropy.py"

size  N, V
index n: N   v: V

input z[N, V]
input y[N] in V
input m[N] in bool = true
const epsilon = 0.1
require V >= 2, 0 <= epsilon <= 1

logp[n,v] = log_softmax[v] z[n,v]
nll[n] = -logp[n,y[n]]
others[n] = -(sum[v if v != y[n]] logp[n,v]) / (V - 1)
output loss = mean[n if m[n]] ((1 - epsilon) * nll[n] + epsilon * others[n])

law hard_target:   loss == -mean[n if m[n]] logp[n,y[n]]   with epsilon = 0
law equal_targets: loss == -mean[n if m[n]] (mean[v] logp[n,v])   with epsilon = (V - 1) / V


module ZLoss
"Penalty on the square of the logarithm of the softmax's normaliser, which keeps logits from drifting: a mean over the positions that the mask admits, as in OLMo; t5x sums."
source "Chowdhery et al., PaLM, arXiv:2204.02311, section 5"

size  N, V
index n: N   v: V

input z[N, V]
input m[N] in bool = true
const c = 1e-4
require c >= 0

lse[n] = logsumexp[v] z[n,v]
output loss = c * mean[n if m[n]] lse[n] ^ 2

law gradient: grad(loss, z[n,v]) == [m[n]] * 2 * c * lse[n] * exp(z[n,v] - lse[n]) / count[n] (m[n])


module CrossEntropyZLoss
"Cross-entropy with the penalty on the normaliser."
source "Chowdhery et al., PaLM, arXiv:2204.02311, section 5"

size  N, V
index n: N   v: V

input z[N, V]
input y[N] in V
input m[N] in bool = true
const c = 1e-4
require c >= 0

lse[n] = logsumexp[v] z[n,v]
nll[n] = lse[n] - z[n,y[n]]
output loss = mean[n if m[n]] (nll[n] + c * lse[n] ^ 2)

law gradient: grad(loss, z[n,v]) == [m[n]] * ((1 + 2 * c * lse[n]) * exp(z[n,v] - lse[n]) - [v == y[n]]) / count[n] (m[n])
