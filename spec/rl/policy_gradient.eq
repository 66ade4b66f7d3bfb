# Policy gradients without a value function. lp holds the log-probabilities of the T tokens of G
# sampled answers to each of B prompts, m admits the tokens of an answer.

module Reinforce
"Policy gradient with verifier rewards, 1 for an answer that passes and 0 for one that does not, less the group's mean, averaged over the admitted tokens, as in nanochat."
source "Williams, Simple Statistical Gradient-Following Algorithms, 1992; nanochat, scripts/chat_rl.py"

size  B, G, T
index b: B   g: G   t: T

input lp[B, G, T]
input passes[B, G] in bool
input m[B, G, T] in bool = true

A[b,g] = [passes[b,g]] - mean[g] [passes[b,g]]
output loss = -mean[b,g,t if m[b,g,t]] A[b,g] * lp[b,g,t]

law all_pass: loss == 0   with passes[b,g] = true
law gradient: grad(loss, lp[b,g,t]) == -[m[b,g,t]] * A[b,g] / (count[b,g,t] (m[b,g,t]))


module ReinforceLeaveOneOut
"Policy gradient of whole answers with the leave-one-out baseline."
source "Ahmadian et al., Back to Basics, arXiv:2402.14740"

size  B, G, T
index b: B   g, j: G   t: T

input lp[B, G, T]
input R[B, G]
input m[B, G, T] in bool = true
require G >= 2

A[b,g] = R[b,g] - mean[j if j != g] R[b,j]
answer[b,g] = sum[t if m[b,g,t]] lp[b,g,t]
output loss = -mean[b,g] A[b,g] * answer[b,g]

law no_signal: loss == 0   with R[b,g] = 1
law gradient:  grad(loss, lp[b,g,t]) == -[m[b,g,t]] * (G / (G - 1)) * (R[b,g] - mean[j] R[b,j]) / (B * G)


module CISPO
"Policy gradient weighted by the importance ratio, held below 1 + epsilon and without a gradient of its own: a clipped token keeps its gradient."
source "MiniMax-M1, arXiv:2506.13585, eq. 4 and 5, with the upper bound alone"

size  B, G, T
index b: B   g: G   t: T

input lp[B, G, T], old[B, G, T]
input A[B, G]
input m[B, G, T] in bool = true
const epsilon = 0.2
require epsilon > 0

ratio[b,g,t] = exp(lp[b,g,t] - old[b,g,t])
weight[b,g,t] = stop(min(ratio[b,g,t], 1 + epsilon))
output loss = -mean[b,g,t if m[b,g,t]] weight[b,g,t] * A[b,g] * lp[b,g,t]

law gradient: grad(loss, lp[b,g,t]) == -[m[b,g,t]] * weight[b,g,t] * A[b,g] / (count[b,g,t] (m[b,g,t]))
law old:      grad(loss, old[b,g,t]) == 0


module TruncatedImportanceSampling
"Policy gradient of tokens that an engine with other numerics drew: mu holds their log-probabilities there, old those of the trained policy, and their ratio, at most C, is the weight of a token."
source "Yao et al., Your Efficient RL Framework Secretly Brings You Off-Policy RL Training, 2025"

size  B, G, T
index b: B   g: G   t: T

input lp[B, G, T], old[B, G, T], mu[B, G, T]
input A[B, G]
input m[B, G, T] in bool = true
const C = 2
require C > 0

weight[b,g,t] = stop(min(exp(old[b,g,t] - mu[b,g,t]), C))
ratio[b,g,t] = exp(lp[b,g,t] - stop(old[b,g,t]))
output loss = -mean[b,g,t if m[b,g,t]] weight[b,g,t] * ratio[b,g,t] * A[b,g]

law engine:     grad(loss, mu[b,g,t]) == 0
law same_engine: loss == -min(1, C) * mean[b,g,t if m[b,g,t]] A[b,g]   with mu[b,g,t] = lp[b,g,t], old[b,g,t] = lp[b,g,t]


module GSPO
"Group sequence policy optimisation: one ratio for an answer, the geometric mean of its tokens', clipped as a whole."
source "Zheng et al., Group Sequence Policy Optimization, arXiv:2507.18071, eq. 5 and 7"

size  B, G, T
index b: B   g: G   t: T

input lp[B, G, T], old[B, G, T]
input A[B, G]
input m[B, G, T] in bool = true
const epsilon_low = 3e-4
const epsilon_high = 4e-4
require 0 < epsilon_low < 1, epsilon_high > 0

s[b,g] = exp(mean[t if m[b,g,t]] (lp[b,g,t] - stop(old[b,g,t])))
bound[b,g] = (if A[b,g] >= 0 then 1 + epsilon_high else 1 - epsilon_low) * A[b,g]
output loss = -mean[b,g] min(s[b,g] * A[b,g], bound[b,g])

law on_policy: loss == -mean[b,g] A[b,g]   with old[b,g,t] = lp[b,g,t]
law gradient:  grad(loss, lp[b,g,t]) == -[m[b,g,t] and s[b,g] * A[b,g] < bound[b,g]] * s[b,g] * A[b,g] / (B * G * (count[t] (m[b,g,t])))


module GSPOToken
"Group sequence policy optimisation token by token: each has the answer's ratio as its value and a gradient of its own; with one advantage for all tokens it is GSPO, in value and gradient."
source "Zheng et al., Group Sequence Policy Optimization, arXiv:2507.18071, eq. 13 and 14"

size  B, G, T
index b: B   g: G   t: T

input lp[B, G, T], old[B, G, T]
input A[B, G]
input m[B, G, T] in bool = true
const epsilon_low = 3e-4
const epsilon_high = 4e-4
require 0 < epsilon_low < 1, epsilon_high > 0

s[b,g] = exp(mean[t if m[b,g,t]] (lp[b,g,t] - old[b,g,t]))
ratio[b,g,t] = stop(s[b,g]) * exp(lp[b,g,t] - stop(lp[b,g,t]))
bound[b,g] = (if A[b,g] >= 0 then 1 + epsilon_high else 1 - epsilon_low) * A[b,g]
output loss = -mean[b,g] (mean[t if m[b,g,t]] min(ratio[b,g,t] * A[b,g], bound[b,g]))

law value:    ratio[b,g,t] == s[b,g]
law gradient: grad(loss, lp[b,g,t]) == -[m[b,g,t] and s[b,g] * A[b,g] < bound[b,g]] * s[b,g] * A[b,g] / (B * G * (count[t] (m[b,g,t])))
law old:      grad(loss, old[b,g,t]) == 0
