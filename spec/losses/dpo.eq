# Direct preference optimisation. lw, ll: log-probabilities of the preferred and the rejected answer
# under the policy; rw, rl: under the reference.

module DPO
"Direct preference optimisation from the log-probabilities of the preferred (w) and the rejected (l) answer under the policy (lw, ll) and under the reference (rw, rl)."
source "Rafailov et al., Direct Preference Optimization, arXiv:2305.18290, eq. 7; its gradient is the equation below eq. 7"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1

margin[b] = beta * ((lw[b] - rw[b]) - (ll[b] - rl[b]))
output loss = -mean[b] log(sigmoid(margin[b]))

law at_reference:      loss == log(2)   with lw[b] = rw[b], ll[b] = rl[b]
law gradient_w:        grad(loss, lw[b]) == -beta * sigmoid(beta * (ll[b] - rl[b]) - beta * (lw[b] - rw[b])) / B
law gradient_l:        grad(loss, ll[b]) == beta * sigmoid(beta * (ll[b] - rl[b]) - beta * (lw[b] - rw[b])) / B
law prompt_invariant:  loss' == loss   with lw'[b] = lw[b] + rw[b], ll'[b] = ll[b] + rw[b]
law bradley_terry:     loss == -mean[b] log(sigmoid(beta * (lw[b] - rw[b]) - beta * (ll[b] - rl[b])))


module ConservativeDPO
"DPO where a share epsilon of the preferences is taken to be flipped: cross-entropy to the smoothed label, as in the DPO repository."
source "Mitchell, A note on DPO with noisy preferences and relationship to IPO, 2023"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1
const epsilon = 0.1
require 0 <= epsilon < 1 / 2

margin[b] = beta * ((lw[b] - rw[b]) - (ll[b] - rl[b]))
output loss = -mean[b] ((1 - epsilon) * log(sigmoid(margin[b])) + epsilon * log(sigmoid(-margin[b])))

law at_reference: loss == log(2)   with lw[b] = rw[b], ll[b] = rl[b]
law gradient:     grad(loss, lw[b]) == beta * (sigmoid(margin[b]) - (1 - epsilon)) / B
law swapped:      loss' == loss + (1 - 2 * epsilon) * mean[b] margin[b]
  with lw'[b] = ll[b], ll'[b] = lw[b], rw'[b] = rl[b], rl'[b] = rw[b]


module RobustDPO
"DPO whose expectation, over preferences of which a share epsilon is flipped, is that of DPO on the true ones; `robust` in TRL."
source "Chowdhury et al., Provably Robust DPO, arXiv:2403.00409"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1
const epsilon = 0.1
require 0 <= epsilon < 1 / 2

margin[b] = beta * ((lw[b] - rw[b]) - (ll[b] - rl[b]))
output loss = -mean[b] ((1 - epsilon) * log(sigmoid(margin[b])) - epsilon * log(sigmoid(-margin[b]))) / (1 - 2 * epsilon)

law at_reference: loss == log(2)   with lw[b] = rw[b], ll[b] = rl[b]
law unbiased:     (1 - epsilon) * loss + epsilon * loss' == -mean[b] log(sigmoid(margin[b]))
  with lw'[b] = ll[b], ll'[b] = lw[b], rw'[b] = rl[b], rl'[b] = rw[b]


module IPO
"Identity preference optimisation: the log-ratio margin is regressed onto 1/(2 tau), with log-probabilities summed over the answer, as in the paper and the DPO repository."
source "Azar et al., A General Theoretical Paradigm to Understand Learning from Human Preferences, arXiv:2310.12036, eq. 17"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const tau = 0.1
require tau > 0

h[b] = (lw[b] - rw[b]) - (ll[b] - rl[b])
output loss = mean[b] (h[b] - 1 / (2 * tau)) ^ 2

law at_reference: loss == 1 / (4 * tau ^ 2)   with lw[b] = rw[b], ll[b] = rl[b]
law minimum:      loss == 0   with lw[b] = ll[b] + rw[b] - rl[b] + 1 / (2 * tau)
law gradient:     grad(loss, lw[b]) == 2 * (h[b] - 1 / (2 * tau)) / B


module IPOLengthAveraged
"Identity preference optimisation with log-probabilities averaged over the tokens of the answer, as in TRL and HALOs: lw[b,t] and its like are those of single tokens, m_w and m_l admit the tokens of the answers."
source "Azar et al., arXiv:2310.12036, eq. 17; TRL, dpo_trainer.py, loss_type ipo"

size  B, T
index b: B   t: T

input lw[B, T], ll[B, T], rw[B, T], rl[B, T]
input m_w[B, T] in bool = true
input m_l[B, T] in bool = true
const tau = 0.1
require tau > 0

h_w[b] = mean[t if m_w[b,t]] (lw[b,t] - rw[b,t])
h_l[b] = mean[t if m_l[b,t]] (ll[b,t] - rl[b,t])
output loss = mean[b] (h_w[b] - h_l[b] - 1 / (2 * tau)) ^ 2

law at_reference: loss == 1 / (4 * tau ^ 2)   with lw[b,t] = rw[b,t], ll[b,t] = rl[b,t]
law gradient:     grad(loss, lw[b,t]) == [m_w[b,t]] * 2 * (h_w[b] - h_l[b] - 1 / (2 * tau)) / (B * (count[t] (m_w[b,t])))


module HingeDPO
"Hinge loss on the margin of log-ratios: `hinge` in TRL, hinge-norm in the paper."
source "Liu et al., Statistical Rejection Sampling Improves Preference Optimization, arXiv:2309.06657"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1

margin[b] = beta * ((lw[b] - rw[b]) - (ll[b] - rl[b]))
output loss = mean[b] max(0, 1 - margin[b])

law at_reference: loss == 1   with lw[b] = rw[b], ll[b] = rl[b]
law bound:        loss >= 1 - mean[b] margin[b]


module KTO
"Kahneman-Tversky optimisation from single answers, each desirable or not: lp and rp are log-probabilities under policy and reference, lp_kl and rp_kl those of mismatched answers, whose mean log-ratio is the point of reference z0 and carries no gradient."
source "Ethayarajh et al., KTO, arXiv:2402.01306, eq. 8"

size  B, K
index b: B   k: K

input lp[B], rp[B]
input desirable[B] in bool
input lp_kl[K], rp_kl[K]
const beta = 0.1
const lambda_D = 1
const lambda_U = 1
require beta > 0

r[b] = lp[b] - rp[b]
z0 = stop(max(0, mean[k] (lp_kl[k] - rp_kl[k])))
weight[b] = if desirable[b] then lambda_D else lambda_U
v[b] = weight[b] * sigmoid(if desirable[b] then beta * (r[b] - z0) else beta * (z0 - r[b]))
output loss = mean[b] (weight[b] - v[b])

law no_gradient_of_z0: grad(loss, lp_kl[k]) == 0
law at_reference:      loss == mean[b] weight[b] / 2   with lp[b] = rp[b], lp_kl[k] = rp_kl[k]
law gradient:          grad(loss, lp[b]) == (if desirable[b] then -1 else 1) * beta * v[b] * sigmoid(if desirable[b] then -beta * (r[b] - z0) else -beta * (z0 - r[b])) / B
