# One step of reinforcement learning from human feedback, put together from its parts.

import GAE from rl.advantages
import KLReward from rl.objective
import PPOClip, ClippedValueLoss, EntropyBonus from rl.ppo

module PPO
"Loss of one step of RLHF by proximal policy optimisation, as in TRL: rewards of the answers and a penalty on the log-ratio to the reference become advantages; the policy loss, the value loss and the entropy bonus are added. z holds the logits of the policy, tok the sampled tokens, old their log-probabilities when they were drawn, value and old_value the value function now and then. The mask admits a prefix of each row."
source "Schulman et al., Proximal Policy Optimization Algorithms, arXiv:1707.06347, eq. 9; Ziegler et al., arXiv:1909.08593, section 2"

size  B, T, V
index b: B   t: T   v: V

input z[B, T, V]
input tok[B, T] in V
input old[B, T], ref[B, T]
input value[B, T], old_value[B, T]
input R[B]
input m[B, T] in bool = true
const beta = 0.1
const gamma = 1
const lam = 0.95
const epsilon = 0.2
const c_value = 0.1
const c_entropy = 0.01
require 0 <= gamma <= 1, 0 <= lam <= 1, 0 < epsilon < 1

logp[b,t,v] = log_softmax[v] z[b,t,v]
lp[b,t] = logp[b,t,tok[b,t]]
v0[b,t] = [m[b,t]] * old_value[b,t]

r = KLReward(lp = old, ref = ref, R = R, m = m, beta = beta)
gae = GAE(r = r, V = v0, gamma = gamma, lam = lam)
policy_loss = PPOClip(lp = lp, old = old, A = gae.A, m = m, epsilon = epsilon)
value_loss = ClippedValueLoss(V = value, old = old_value, R = gae.target, m = m, epsilon = epsilon)
entropy = EntropyBonus(z = z, m = m)
output loss = policy_loss + c_value * value_loss - c_entropy * entropy


law padding: grad(loss, value[b,t]) == 0 and grad(loss, old_value[b,t]) == 0   given not m[b,t]
