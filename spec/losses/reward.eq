# Reward models.

module BradleyTerry
"Reward-model loss: the negative log-probability, under the Bradley-Terry model, that the preferred answer (w) beats the rejected one (l) by the margin."
source "Ouyang et al., InstructGPT, arXiv:2203.02155, eq. 1; the margin of Touvron et al., Llama 2, arXiv:2307.09288, eq. 2"

size  B
index b: B

input r_w[B], r_l[B]
input margin[B] = 0

output loss = -mean[b] log(sigmoid(r_w[b] - r_l[b] - margin[b]))

law level:           loss == log(2)   with r_w[b] = r_l[b] + margin[b]
law shift_invariant: loss' == loss    with r_w'[b] = r_w[b] + margin[b], r_l'[b] = r_l[b] + margin[b]
law gradient:        grad(loss, r_w[b]) == -sigmoid(r_l[b] + margin[b] - r_w[b]) / B
law opposed:         grad(loss, r_l[b]) == -grad(loss, r_w[b])


module CenteredBradleyTerry
"Bradley-Terry loss with a penalty on the sum of the two rewards, which pins the level that the preferences leave open: center_rewards_coefficient in TRL."
source "Eisenstein et al., Helping or Herding?, arXiv:2312.09244"

size  B
index b: B

input r_w[B], r_l[B]
const c = 0.01

output loss = mean[b] (c * (r_w[b] + r_l[b]) ^ 2 - log(sigmoid(r_w[b] - r_l[b])))

law level:    loss == log(2) + 4 * c * mean[b] r_l[b] ^ 2   with r_w[b] = r_l[b]
law centred:  grad(loss, r_w[b]) + grad(loss, r_l[b]) == 4 * c * (r_w[b] + r_l[b]) / B


module BinaryCrossEntropy
"Cross-entropy of labels, each right or wrong, from logits."
source "Wang et al., Math-Shepherd, arXiv:2312.08935, eq. 1"

size  N
index n: N

input s[N]
input right[N] in bool

x[n] = if right[n] then s[n] else -s[n]
output loss = -mean[n] log(sigmoid(x[n]))

law gradient: grad(loss, s[n]) == (sigmoid(s[n]) - [right[n]]) / N
law level:    loss == log(2)   with s[n] = 0


module ProcessReward
"Process reward model: cross-entropy of the label of each step, right or wrong, from the logit at its end, over the positions that the mask admits."
source "Wang et al., Math-Shepherd, arXiv:2312.08935, eq. 2"

size  B, T
index b: B   t: T

input s[B, T]
input right[B, T] in bool
input m[B, T] in bool = true

x[b,t] = if right[b,t] then s[b,t] else -s[b,t]
nll[b,t] = -log(sigmoid(x[b,t]))
output loss = mean[b,t if m[b,t]] nll[b,t]

law gradient: grad(loss, s[b,t]) == [m[b,t]] * (sigmoid(s[b,t]) - [right[b,t]]) / (count[b,t] (m[b,t]))


module SolutionScore
"Score of a solution by its steps: the probability that every step is right, and that of the weakest step."
source "Lightman et al., Let's Verify Step by Step, arXiv:2305.20050, appendix F (product); Wang et al., Math-Shepherd, arXiv:2312.08935 (minimum)"

size  B, T
index b: B   t: T

input s[B, T]
input m[B, T] in bool = true

p[b,t] = sigmoid(s[b,t])
output product[b] = prod[t if m[b,t]] p[b,t]
output weakest[b] = min(1, min[t if m[b,t]] p[b,t])

law ordered:     product[b] <= weakest[b]
law probability: 0 <= product[b] <= 1
