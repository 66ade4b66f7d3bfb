# Continual learning: new data without forgetting the old.

module DiagonalFisher
"The diagonal of the Fisher information of a linear softmax model, in closed form: the mean over examples and over the model's own answers of the squared slope of the log-probability."
source "Kirkpatrick et al., Overcoming Catastrophic Forgetting in Neural Networks, arXiv:1612.00796, section 2; Kunstner, Balles and Hennig, arXiv:1905.12558"

size  N, D, V
index n: N   d: D   v, w: V

input x[N, D]
param W[V, D] ~ normal(std = 0.02)

z[n,v] = sum[d] W[v,d] * x[n,d]
logp[n,v] = log_softmax[v] z[n,v]
p[n,v] = exp(logp[n,v])
others[n,v] = sum[w if w != v] p[n,w]
output F[v,d] = mean[n] p[n,v] * others[n,v] * x[n,d] ^ 2

law definition: F[v,d] == (sum[n,w] p[n,w] * grad(logp[n,w], W[v,d]) ^ 2) / N
law score:      sum[w] p[n,w] * grad(logp[n,w], W[v,d]) == 0


module EmpiricalFisher
"The diagonal of the empirical Fisher information: the mean square of the slopes that the examples of the old task have; as in Avalanche."
source "Kunstner, Balles and Hennig, Limitations of the Empirical Fisher Approximation, arXiv:1905.12558; compute_importances of Avalanche"

size  N, I
index n: N   i: I

input g[N, I]

output F[i] = mean[n] g[n,i] ^ 2

law variance: F[i] == (mean[n] g[n,i]) ^ 2 + (mean[n] (g[n,i] - average[i]) ^ 2)
average[i] = mean[n] g[n,i]
law scale: F'[i] == 4 * F[i]   with g'[n,i] = 2 * g[n,i]


module ElasticWeightConsolidation
"The loss of the new task, and what holds each parameter to its old value: half lam times its Fisher information, times the squared distance. Avalanche leaves out the half: its lambda is half of this one."
source "Kirkpatrick et al., Overcoming Catastrophic Forgetting in Neural Networks, arXiv:1612.00796, eq. 3"

size  I
index i: I

input new_loss
input theta[I]
input old[I]
input F[I]
const lam = 0.4

output loss = new_loss + lam / 2 * (sum[i] F[i] * (theta[i] - old[i]) ^ 2)

law at_old: loss == new_loss                                        with theta[i] = old[i]
law pull:   grad(loss, theta[i]) == lam * F[i] * (theta[i] - old[i])
law free:   grad(loss, theta[i]) == 0                                with lam = 0


module ExperienceReplay
"Loss on new examples and on replayed old ones, each averaged over those that its mask admits, mixed with the share rho of the old; a part without examples counts nothing."
source "Rolnick et al., Experience Replay for Continual Learning, arXiv:1811.11682"

size  N, M
index n: N   m: M

input new[N]
input old[M]
input use_new[N] in bool = true
input use_old[M] in bool = true
const rho = 0.25
require 0 <= rho <= 1

on_new = if any[n] use_new[n] then mean[n if use_new[n]] new[n] else 0
on_old = if any[m] use_old[m] then mean[m if use_old[m]] old[m] else 0
output loss = (1 - rho) * on_new + rho * on_old

law new_only: loss == on_new   with rho = 0
law old_only: loss == on_old   with rho = 1
law masked:   grad(loss, new[n]) == 0   given not use_new[n]
law level:    loss == 3   with new[n] = 3, old[m] = 3, use_new[n] = true, use_old[m] = true


module KLToOldModel
"How far the model has moved from the one before: KL(old || new) at temperature tau, on average over examples, as in learning without forgetting."
source "Li and Hoiem, Learning without Forgetting, arXiv:1606.09282, the distillation loss less the entropy of the old model"

size  N, V
index n: N   v: V

input z_new[N, V]
input z_old[N, V]
const tau = 2
require tau > 0

log_new[n,v] = log_softmax[v] z_new[n,v] / tau
log_old[n,v] = log_softmax[v] z_old[n,v] / tau
kl[n] = sum[v] exp(log_old[n,v]) * (log_old[n,v] - log_new[n,v])
output loss = mean[n] kl[n]

law same:         loss == 0   with z_new[n,v] = z_old[n,v]
law non_negative: kl[n] >= 0
law slope:        grad(loss, z_new[n,v]) == (exp(log_new[n,v]) - exp(log_old[n,v])) / (tau * N)
law shift:        loss' == loss   with z_new'[n,v] = z_new[n,v] + 3


module KLToOldModelReverse
"KL(new || old), the penalty of reinforcement learning from feedback, over the whole vocabulary."
source "Ouyang et al., InstructGPT, arXiv:2203.02155, section 3.5, the KL term in its full form"

size  N, V
index n: N   v: V

input z_new[N, V]
input z_old[N, V]

log_new[n,v] = log_softmax[v] z_new[n,v]
log_old[n,v] = log_softmax[v] z_old[n,v]
kl[n] = sum[v] exp(log_new[n,v]) * (log_new[n,v] - log_old[n,v])
output loss = mean[n] kl[n]

law same:         loss == 0   with z_new[n,v] = z_old[n,v]
law non_negative: kl[n] >= 0
law slope:        grad(loss, z_new[n,v]) == exp(log_new[n,v]) * (log_new[n,v] - log_old[n,v] - kl[n]) / N
