# Advantages, from the rewards of G answers to each prompt or from a value function.

module LeaveOneOut
"Advantage of each of G answers: its reward less the mean reward of the others (RLOO)."
source "Kool et al., Buy 4 REINFORCE Samples, Get a Baseline for Free, 2019; Ahmadian et al., Back to Basics, arXiv:2402.14740"

size  B, G
index b: B   g, j: G

input R[B, G]
require G >= 2

output A[b,g] = R[b,g] - mean[j if j != g] R[b,j]

law centred:         sum[g] A[b,g] == 0
law as_group_mean:   A[b,g] == (G / (G - 1)) * (R[b,g] - mean[j] R[b,j])
law shift_invariant: A'[b,g] == A[b,g]   with R'[b,g] = R[b,g] + R[b,0]


module ScaledGroupMean
"The leave-one-out advantage by the mean of the whole group, as verl and TRL compute it."
source "Kool et al., Buy 4 REINFORCE Samples, Get a Baseline for Free, 2019"

size  B, G
index b: B   g: G

input R[B, G]
require G >= 2

output A[b,g] = (R[b,g] - mean[g] R[b,g]) * G / (G - 1)

law centred: sum[g] A[b,g] == 0


module GroupAdvantage
"Group-relative advantage: rewards less their group's mean, over the group's standard deviation (with G - 1 in its denominator, as in torch) plus epsilon; 1e-4 in TRL, 1e-6 in verl."
source "Shao et al., DeepSeekMath, arXiv:2402.03300, section 4.1.2"

size  B, G
index b: B   g: G

input R[B, G]
const epsilon = 1e-4
require G >= 2, epsilon > 0

mu[b] = mean[g] R[b,g]
std[b] = sqrt((sum[g] (R[b,g] - mu[b]) ^ 2) / (G - 1))
output A[b,g] = (R[b,g] - mu[b]) / (std[b] + epsilon)

law centred:         sum[g] A[b,g] == 0
law shift_invariant: A'[b,g] == A[b,g]   with R'[b,g] = R[b,g] + 1
law bounded:         (sum[g] A[b,g] ^ 2) <= G - 1
law no_signal:       A[b,g] == 0   with R[b,g] = 1


module GroupAdvantageBatchStd
"Group-relative advantage over the standard deviation of the whole batch: scale_rewards batch in TRL."
source "Liu et al., Tricks or Traps?, arXiv:2508.08221; TRL, grpo_trainer.py"

size  B, G
index b: B   g: G

input R[B, G]
const epsilon = 1e-4
require B * G >= 2, epsilon > 0

mu[b] = mean[g] R[b,g]
whole = mean[b,g] R[b,g]
std = sqrt((sum[b,g] (R[b,g] - whole) ^ 2) / (B * G - 1))
output A[b,g] = (R[b,g] - mu[b]) / (std + epsilon)

law centred: sum[g] A[b,g] == 0


module GroupMeanAdvantage
"Group-relative advantage without the standard deviation, which favours questions that are too easy or too hard (Dr. GRPO)."
source "Liu et al., Understanding R1-Zero-Like Training, arXiv:2503.20783, section 3"

size  B, G
index b: B   g: G

input R[B, G]

output A[b,g] = R[b,g] - mean[g] R[b,g]

law centred:   sum[g] A[b,g] == 0
law no_signal: A[b,g] == 0   with R[b,g] = 1


module DynamicSampling
"Which groups of answers to keep: those of which some pass and some fail; the others give no gradient."
source "Yu et al., DAPO, arXiv:2503.14476, eq. 11"

size  B, G
index b: B   g: G

input passes[B, G] in bool

output keep[b] = 0 < (count[g] (passes[b,g])) < G

law mixed: keep[b] == (any[g] (passes[b,g]) and not all[g] (passes[b,g]))


module OverlongPenalty
"Soft punishment, added to the reward R, of answers longer than L_max - L_cache, which falls to -1 at L_max; the length is the number of admitted tokens."
source "Yu et al., DAPO, arXiv:2503.14476, eq. 13"

size  B, T
index b: B   t: T

input R[B]
input m[B, T] in bool
const L_max
const L_cache
require 0 < L_cache <= L_max

length[b] = count[t] (m[b,t])
soft[b] = (L_max - L_cache - length[b]) / L_cache
penalty[b] = if length[b] <= L_max - L_cache then 0 else if length[b] <= L_max then soft[b] else -1
output r[b] = R[b] + penalty[b]

law clipped: penalty[b] == clip(soft[b], -1, 0)


module DiscountedReturn
"Return of each token: the rewards from there on, discounted."
source "Sutton and Barto, Reinforcement Learning, 2nd edition, eq. 3.8"

size  B, T
index b: B   t, u: T

input r[B, T]
const gamma = 1
require 0 <= gamma <= 1

output G[b,t] = sum[u if u >= t] gamma ^ (u - t) * r[b,u]

law step:   G[b,t] == r[b,t] + gamma * G[b,t + 1]   given t + 1 < T
law myopic: G[b,t] == r[b,t]   with gamma = 0


module GAE
"Generalised advantage estimation, as a sum over the residuals to come; the value after the last token is 0. The returns are the targets of the value function."
source "Schulman et al., High-Dimensional Continuous Control Using Generalized Advantage Estimation, arXiv:1506.02438, eq. 16"

size  B, T
index b: B   t, u: T

input r[B, T], V[B, T]
const gamma = 1
const lam = 0.95
require 0 <= gamma <= 1, 0 <= lam <= 1

next[b,t] = if t + 1 < T then V[b,t + 1] else 0
delta[b,t] = r[b,t] + gamma * next[b,t] - V[b,t]
output A[b,t] = sum[u if u >= t] (gamma * lam) ^ (u - t) * delta[b,u]
output target[b,t] = A[b,t] + V[b,t]

law step:        A[b,t] == delta[b,t] + gamma * lam * A[b,t + 1]   given t + 1 < T
law temporal:    A[b,t] == delta[b,t]   with lam = 0
law monte_carlo: target[b,t] == sum[u if u >= t] gamma ^ (u - t) * r[b,u]   with lam = 1
law exact_value: A[b,t] == 0   with V[b,t] = sum[u if u >= t] gamma ^ (u - t) * r[b,u]
