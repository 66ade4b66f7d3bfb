# Group-relative policy optimisation and its aggregations. lp, old and ref hold the
# log-probabilities of the T tokens of G answers to each of B prompts under the policy, the policy
# that drew them and the reference; R the rewards of the answers; m admits their tokens.

module GRPO
"Group-relative policy optimisation: clipped surrogate with the k3 penalty, averaged over each answer, then over the answers; an answer without tokens counts as 0, as in TRL and verl. The standard deviation has G - 1 in its denominator."
source "Shao et al., DeepSeekMath, arXiv:2402.03300, eq. 3 and 4"

size  B, G, T
index b: B   g: G   t: T

input lp[B, G, T], old[B, G, T], ref[B, G, T]
input R[B, G]
input m[B, G, T] in bool = true
const epsilon = 0.2
const beta = 0.04
const delta = 1e-4
require G >= 2, 0 < epsilon < 1, delta > 0

mu[b] = mean[g] R[b,g]
std[b] = sqrt((sum[g] (R[b,g] - mu[b]) ^ 2) / (G - 1))
A[b,g] = (R[b,g] - mu[b]) / (std[b] + delta)
ratio[b,g,t] = exp(lp[b,g,t] - old[b,g,t])
clipped[b,g,t] = min(ratio[b,g,t] * A[b,g], clip(ratio[b,g,t], 1 - epsilon, 1 + epsilon) * A[b,g])
d[b,g,t] = lp[b,g,t] - ref[b,g,t]
k3[b,g,t] = exp(-d[b,g,t]) - 1 + d[b,g,t]
answer[b,g] = (sum[t if m[b,g,t]] (clipped[b,g,t] - beta * k3[b,g,t])) / max(count[t] (m[b,g,t]), 1)
output loss = -mean[b,g] answer[b,g]

law on_policy: loss == 0   with old[b,g,t] = lp[b,g,t], ref[b,g,t] = lp[b,g,t], m[b,g,t] = true
law penalty:   loss == beta * mean[b,g] (mean[t] k3[b,g,t])   with old[b,g,t] = lp[b,g,t], m[b,g,t] = true


module DrGRPO
"GRPO without its two biases: no standard deviation, and a constant length L_max instead of the answer's own; no penalty."
source "Liu et al., Understanding R1-Zero-Like Training, arXiv:2503.20783, section 3.2"

size  B, G, T
index b: B   g: G   t: T

input lp[B, G, T], old[B, G, T]
input R[B, G]
input m[B, G, T] in bool = true
const epsilon = 0.2
const L_max
require 0 < epsilon < 1, L_max > 0

A[b,g] = R[b,g] - mean[g] R[b,g]
ratio[b,g,t] = exp(lp[b,g,t] - old[b,g,t])
clipped[b,g,t] = min(ratio[b,g,t] * A[b,g], clip(ratio[b,g,t], 1 - epsilon, 1 + epsilon) * A[b,g])
output loss = -(sum[b,g,t if m[b,g,t]] clipped[b,g,t]) / (B * G * L_max)

law on_policy: loss == 0   with old[b,g,t] = lp[b,g,t], m[b,g,t] = true
law no_signal: loss == 0   with R[b,g] = 1


module DAPO
"GRPO averaged over all tokens of the batch alike, its clip wider upwards than downwards; no penalty."
source "Yu et al., DAPO, arXiv:2503.14476, eq. 8 and 9"

size  B, G, T
index b: B   g: G   t: T

input lp[B, G, T], old[B, G, T]
input R[B, G]
input m[B, G, T] in bool = true
const epsilon_low = 0.2
const epsilon_high = 0.28
const delta = 1e-4
require G >= 2, 0 < epsilon_low < 1, epsilon_high > 0, delta > 0

mu[b] = mean[g] R[b,g]
std[b] = sqrt((sum[g] (R[b,g] - mu[b]) ^ 2) / (G - 1))
A[b,g] = (R[b,g] - mu[b]) / (std[b] + delta)
ratio[b,g,t] = exp(lp[b,g,t] - old[b,g,t])
clipped[b,g,t] = min(ratio[b,g,t] * A[b,g], clip(ratio[b,g,t], 1 - epsilon_low, 1 + epsilon_high) * A[b,g])
output loss = -mean[b,g,t if m[b,g,t]] clipped[b,g,t]

law on_policy: loss == 0   with old[b,g,t] = lp[b,g,t], m[b,g,t] = true
law no_signal: loss == 0   with R[b,g] = 1
