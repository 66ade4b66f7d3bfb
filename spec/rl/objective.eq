# The KL-regularised objective of alignment, token by token and on a finite space of answers.

module KLReward
"Reward of each token: the penalty on the log-ratio of policy (lp) and reference (ref), and on the last admitted token the reward R of the answer."
source "Ziegler et al., Fine-Tuning Language Models from Human Preferences, arXiv:1909.08593, section 2; InstructGPT, arXiv:2203.02155, section 3.5"

size  B, T
index b: B   t, u: T

input lp[B, T], ref[B, T]
input R[B]
input m[B, T] in bool = true
const beta = 0.1

last[b,t] = m[b,t] and not any[u if u > t] (m[b,u])
output r[b,t] = [last[b,t]] * R[b] - [m[b,t]] * beta * (lp[b,t] - ref[b,t])

law total: (sum[t] r[b,t]) == R[b] - beta * (sum[t if m[b,t]] (lp[b,t] - ref[b,t]))   given any[t] (m[b,t])
law empty: r[b,t] == 0   given not m[b,t]


module KLObjective
"What alignment maximises, on a finite space: the expected reward of the policy (logits z) less beta times its divergence from the reference (logits w)."
source "Rafailov et al., Direct Preference Optimization, arXiv:2305.18290, eq. 3"

size  B, Y
index b: B   y: Y

input z[B, Y], w[B, Y], R[B, Y]
const beta = 0.1
require beta > 0

policy[b,y] = log_softmax[y] z[b,y]
reference[b,y] = log_softmax[y] w[b,y]
value[b,y] = R[b,y] - beta * (policy[b,y] - reference[b,y])
output J[b] = sum[y] exp(policy[b,y]) * value[b,y]

law at_reference: J[b] == sum[y] exp(policy[b,y]) * R[b,y]   with w[b,y] = z[b,y]
law gradient:     grad(J[b], z[b,y]) == exp(policy[b,y]) * (value[b,y] - J[b])
law bound:        J[b] <= beta * logsumexp[y] (reference[b,y] + R[b,y] / beta)


module OptimalPolicy
"The policy that maximises the KL-regularised objective: the reference (logits w), tilted by exp(R / beta), and the value that it reaches, beta log Z."
source "Rafailov et al., Direct Preference Optimization, arXiv:2305.18290, eq. 4 and appendix A.1"

size  B, Y
index b: B   y: Y

input w[B, Y], R[B, Y]
const beta = 0.1
require beta > 0

reference[b,y] = log_softmax[y] w[b,y]
tilted[b,y] = reference[b,y] + R[b,y] / beta
log_Z[b] = logsumexp[y] tilted[b,y]
output p[b,y] = softmax[y] tilted[b,y]
output J[b] = beta * log_Z[b]

law stochastic:  sum[y] p[b,y] == 1
law value:       J[b] == sum[y] p[b,y] * (R[b,y] - beta * (tilted[b,y] - log_Z[b] - reference[b,y]))
law reward:      log(p[b,y]) == reference[b,y] + (R[b,y] - J[b]) / beta
law shift:       p'[b,y] == p[b,y] and J'[b] == J[b] + 1   with R'[b,y] = R[b,y] + 1
law improvement: grad(J[b], R[b,y]) == p[b,y]


module OptimalityGap
"How far a policy (logits z) falls short of the optimal one: by beta times its divergence from it."
source "Rafailov et al., Direct Preference Optimization, arXiv:2305.18290, appendix A.1"

size  B, Y
index b: B   y: Y

input z[B, Y], w[B, Y], R[B, Y]
const beta = 0.1
require beta > 0

policy[b,y] = log_softmax[y] z[b,y]
reference[b,y] = log_softmax[y] w[b,y]
tilted[b,y] = reference[b,y] + R[b,y] / beta
log_Z[b] = logsumexp[y] tilted[b,y]
optimal[b,y] = log_softmax[y] tilted[b,y]
output gap[b] = beta * sum[y] exp(policy[b,y]) * (policy[b,y] - optimal[b,y])

law shortfall:  gap[b] == beta * log_Z[b] - (sum[y] exp(policy[b,y]) * (R[b,y] - beta * (policy[b,y] - reference[b,y])))
law optimal:    gap[b] >= 0
law at_optimum: gap[b] == 0   with z[b,y] = w[b,y] + R[b,y] / beta


module VerifiableReward
"Expected verifier reward of a policy on a finite space, 1 for an answer that passes and 0 for one that does not: the probability of passing."
source "Lambert et al., Tulu 3, arXiv:2411.15124, section 6; arXiv:2602.00426, reinforcement learning with verifiable rewards"

size  B, Y
index b: B   y, x: Y

input z[B, Y]
input passes[B, Y] in bool

policy[b,y] = log_softmax[y] z[b,y]
output J[b] = sum[y if passes[b,y]] exp(policy[b,y])

law probability: 0 <= J[b] <= 1
law gradient:    grad(J[b], z[b,y]) == exp(policy[b,y]) * ([passes[b,y]] - J[b])
law baseline:    grad(J[b], z[b,y]) == sum[x] exp(policy[b,x]) * ([passes[b,x]] - 1 / 2) * ([x == y] - exp(policy[b,y]))
