# Proximal policy optimisation: its policy loss, value loss and entropy bonus. lp holds the
# log-probabilities of the sampled tokens under the policy, old those under the policy that drew
# them, A their advantages; m admits the tokens of the answers.

module PPOClip
"Clipped surrogate, averaged over the admitted tokens."
source "Schulman et al., Proximal Policy Optimization Algorithms, arXiv:1707.06347, eq. 7"

size  B, T
index b: B   t: T

input lp[B, T], old[B, T], A[B, T]
input m[B, T] in bool = true
const epsilon = 0.2
require 0 < epsilon < 1

ratio[b,t] = exp(lp[b,t] - old[b,t])
surrogate[b,t] = min(ratio[b,t] * A[b,t], clip(ratio[b,t], 1 - epsilon, 1 + epsilon) * A[b,t])
output loss = -mean[b,t if m[b,t]] surrogate[b,t]

law on_policy: loss == -mean[b,t if m[b,t]] A[b,t]   with old[b,t] = lp[b,t]
law bound:     loss >= -mean[b,t if m[b,t]] ratio[b,t] * A[b,t]


module PPOBound
"Clipped surrogate, written as what it is: the ratio counts up to 1 + epsilon for a positive advantage, down to 1 - epsilon for a negative one."
source "Achiam, Spinning Up in Deep RL, Proximal Policy Optimization, 2018"

size  B, T
index b: B   t: T

input lp[B, T], old[B, T], A[B, T]
input m[B, T] in bool = true
const epsilon = 0.2
require 0 < epsilon < 1

ratio[b,t] = exp(lp[b,t] - old[b,t])
bound[b,t] = (if A[b,t] >= 0 then 1 + epsilon else 1 - epsilon) * A[b,t]
output loss = -mean[b,t if m[b,t]] min(ratio[b,t] * A[b,t], bound[b,t])

law gradient: grad(loss, lp[b,t]) == -[m[b,t] and ratio[b,t] * A[b,t] < bound[b,t]] * ratio[b,t] * A[b,t] / (count[b,t] (m[b,t]))


module PPODualClip
"Clipped surrogate with a floor of c A for negative advantages, however large the ratio; c = 3 in verl."
source "Ye et al., Mastering Complex Control in MOBA Games with Deep Reinforcement Learning, arXiv:1912.09729, eq. 5"

size  B, T
index b: B   t: T

input lp[B, T], old[B, T], A[B, T]
input m[B, T] in bool = true
const epsilon = 0.2
const c = 3
require 0 < epsilon < 1, c > 1 + epsilon

ratio[b,t] = exp(lp[b,t] - old[b,t])
clipped[b,t] = min(ratio[b,t] * A[b,t], clip(ratio[b,t], 1 - epsilon, 1 + epsilon) * A[b,t])
surrogate[b,t] = if A[b,t] < 0 then max(clipped[b,t], c * A[b,t]) else clipped[b,t]
output loss = -mean[b,t if m[b,t]] surrogate[b,t]

law on_policy: loss == -mean[b,t if m[b,t]] A[b,t]   with old[b,t] = lp[b,t]
law bounded:   loss <= mean[b,t if m[b,t]] c * abs(A[b,t])


module ClippedValueLoss
"Half the squared error of the value function V against the returns R, the worse of V and of V held within epsilon of its old value."
source "Schulman et al., OpenAI Baselines, ppo2; verl, core_algos.py"

size  B, T
index b: B   t: T

input V[B, T], old[B, T], R[B, T]
input m[B, T] in bool = true
const epsilon = 0.2
require epsilon > 0

near[b,t] = clip(V[b,t], old[b,t] - epsilon, old[b,t] + epsilon)
error[b,t] = max((V[b,t] - R[b,t]) ^ 2, (near[b,t] - R[b,t]) ^ 2)
output loss = mean[b,t if m[b,t]] error[b,t] / 2

law unmoved: loss == mean[b,t if m[b,t]] (V[b,t] - R[b,t]) ^ 2 / 2   with old[b,t] = V[b,t]
law bound:   loss >= mean[b,t if m[b,t]] (V[b,t] - R[b,t]) ^ 2 / 2


module EntropyBonus
"Mean entropy of the policy's laws of the next token, from their logits."
source "Mnih et al., Asynchronous Methods for Deep Reinforcement Learning, arXiv:1602.01783, section 4"

size  B, T, V
index b: B   t: T   v: V

input z[B, T, V]
input m[B, T] in bool = true

logp[b,t,v] = log_softmax[v] z[b,t,v]
entropy[b,t] = -(sum[v] exp(logp[b,t,v]) * logp[b,t,v])
output H = mean[b,t if m[b,t]] entropy[b,t]

law bounds:   0 <= H <= log(V)
law uniform:  H == log(V)   with z[b,t,v] = 0
law gradient: grad(H, z[b,t,v]) == -[m[b,t]] * exp(logp[b,t,v]) * (logp[b,t,v] + entropy[b,t]) / (count[b,t] (m[b,t]))
