# Policy losses from given advantages, by their names in TRL. lp, old and ref hold the
# log-probabilities of the T tokens of N answers under the policy, the policy that drew them and
# the reference; A the advantages of the answers; m admits their tokens.

module GRPOLoss
"Clipped surrogate with the k3 penalty, averaged over each answer, then over the answers; an answer without tokens counts as 0."
source "Shao et al., DeepSeekMath, arXiv:2402.03300, eq. 3 and 4; loss_type grpo"

size  N, T
index n: N   t: T

input lp[N, T], old[N, T], ref[N, T]
input A[N]
input m[N, T] in bool = true
const epsilon_low = 0.2
const epsilon_high = 0.2
const beta = 0.04
require 0 < epsilon_low < 1, epsilon_high > 0, beta > 0

ratio[n,t] = exp(lp[n,t] - old[n,t])
clipped[n,t] = min(ratio[n,t] * A[n], clip(ratio[n,t], 1 - epsilon_low, 1 + epsilon_high) * A[n])
d[n,t] = lp[n,t] - ref[n,t]
k3[n,t] = exp(-d[n,t]) - 1 + d[n,t]
answer[n] = (sum[t if m[n,t]] (clipped[n,t] - beta * k3[n,t])) / max(count[t] (m[n,t]), 1)
output loss = -mean[n] answer[n]


module BNPOLoss
"Clipped surrogate, averaged over all admitted tokens; without any it is 0."
source "TRL, loss_type bnpo"

size  N, T
index n: N   t: T

input lp[N, T], old[N, T]
input A[N]
input m[N, T] in bool = true
const epsilon_low = 0.2
const epsilon_high = 0.2
require 0 < epsilon_low < 1, epsilon_high > 0

ratio[n,t] = exp(lp[n,t] - old[n,t])
clipped[n,t] = min(ratio[n,t] * A[n], clip(ratio[n,t], 1 - epsilon_low, 1 + epsilon_high) * A[n])
output loss = -(sum[n,t if m[n,t]] clipped[n,t]) / max(count[n,t] (m[n,t]), 1)


module DrGRPOLoss
"Clipped surrogate, summed over the admitted tokens and divided by the number of answers and a constant length."
source "Liu et al., Understanding R1-Zero-Like Training, arXiv:2503.20783, section 3.2; loss_type dr_grpo"

size  N, T
index n: N   t: T

input lp[N, T], old[N, T]
input A[N]
input m[N, T] in bool = true
const epsilon_low = 0.2
const epsilon_high = 0.2
const L_max
require 0 < epsilon_low < 1, epsilon_high > 0, L_max > 0

ratio[n,t] = exp(lp[n,t] - old[n,t])
clipped[n,t] = min(ratio[n,t] * A[n], clip(ratio[n,t], 1 - epsilon_low, 1 + epsilon_high) * A[n])
output loss = -(sum[n,t if m[n,t]] clipped[n,t]) / (N * L_max)


module DAPOLoss
"Clipped surrogate, its clip wider upwards, summed over the admitted tokens and divided by the number of tokens of the whole batch, of which this is a part."
source "Yu et al., DAPO, arXiv:2503.14476, eq. 8; loss_type dapo"

size  N, T
index n: N   t: T

input lp[N, T], old[N, T]
input A[N]
input m[N, T] in bool = true
const epsilon_low = 0.2
const epsilon_high = 0.28
const items
require 0 < epsilon_low < 1, epsilon_high > 0, items > 0

ratio[n,t] = exp(lp[n,t] - old[n,t])
clipped[n,t] = min(ratio[n,t] * A[n], clip(ratio[n,t], 1 - epsilon_low, 1 + epsilon_high) * A[n])
output loss = -(sum[n,t if m[n,t]] clipped[n,t]) / max(items, 1)


module LUSPOLoss
"Clipped surrogate of one ratio for each answer, the geometric mean of its tokens', times the answer's length."
source "TRL, loss_type luspo with importance_sampling_level sequence"

size  N, T
index n: N   t: T

input lp[N, T], old[N, T]
input A[N]
input m[N, T] in bool = true
const epsilon_low = 0.2
const epsilon_high = 0.2
require 0 < epsilon_low < 1, epsilon_high > 0

length[n] = count[t] (m[n,t])
ratio[n] = exp((sum[t if m[n,t]] (lp[n,t] - old[n,t])) / max(length[n], 1))
clipped[n] = min(ratio[n] * A[n], clip(ratio[n], 1 - epsilon_low, 1 + epsilon_high) * A[n])
output loss = -mean[n] length[n] * clipped[n]


module SAPOLoss
"Soft adaptive policy optimisation: a sigmoid gate of the ratio in place of the clip, its temperature by the sign of the advantage."
source "Gao et al., Soft Adaptive Policy Optimization, arXiv:2511.20347; loss_type sapo"

size  N, T
index n: N   t: T

input lp[N, T], old[N, T]
input A[N]
input m[N, T] in bool = true
const tau_pos = 1
const tau_neg = 1.05
require tau_pos > 0, tau_neg > 0

tau[n] = if A[n] > 0 then tau_pos else tau_neg
ratio[n,t] = exp(lp[n,t] - old[n,t])
gate[n,t] = sigmoid(tau[n] * (ratio[n,t] - 1)) * 4 / tau[n]
output loss = -mean[n] (sum[t if m[n,t]] gate[n,t] * A[n]) / max(count[t] (m[n,t]), 1)


module RLOOLoss
"Clipped surrogate of whole answers: the ratio is that of the sums of log-probabilities."
source "Ahmadian et al., Back to Basics, arXiv:2402.14740; RLOOTrainer"

size  N, T
index n: N   t: T

input lp[N, T]
input old[N]
input A[N]
input m[N, T] in bool = true
const epsilon_low = 0.2
const epsilon_high = 0.2
require 0 < epsilon_low < 1, epsilon_high > 0

ratio[n] = exp(sum[t if m[n,t]] lp[n,t] - old[n])
output loss = -mean[n] min(ratio[n] * A[n], clip(ratio[n], 1 - epsilon_low, 1 + epsilon_high) * A[n])


module GMPOLoss
"Geometric-mean policy optimisation: the log-ratios of tokens, clipped on the side that the advantage forbids, are averaged over each answer."
source "Zhao et al., Geometric-Mean Policy Optimization, arXiv:2507.20673; GMPOTrainer"

size  N, T
index n: N   t: T

input lp[N, T], old[N, T]
input A[N]
input m[N, T] in bool = true
const epsilon_low = 0.4
const epsilon_high = 0.4
require epsilon_low > 0, epsilon_high > 0

r[n,t] = lp[n,t] - old[n,t]
clipped[n,t] = if A[n] > 0 then min(r[n,t], epsilon_high) else max(r[n,t], -epsilon_low)
ratio[n] = exp((sum[t if m[n,t]] clipped[n,t]) / max(count[t] (m[n,t]), 1))
output loss = -mean[n] ratio[n] * A[n]
