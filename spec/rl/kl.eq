# The divergence of a policy from its reference, estimated from samples and summed exactly.

module KLEstimators
"The three estimators of KL(policy, reference) from the log-probabilities of a sampled token under the policy (lp) and the reference (ref): the log-ratio, half its square, and the one that is unbiased and never negative."
source "Schulman, Approximating KL Divergence, 2020; k3 is eq. 4 of Shao et al., DeepSeekMath, arXiv:2402.03300"

size  N
index n: N

input lp[N], ref[N]

d[n] = lp[n] - ref[n]
output k1[n] = d[n]
output k2[n] = d[n] ^ 2 / 2
output k3[n] = exp(-d[n]) - 1 + d[n]

law non_negative: k3[n] >= 0
law at_reference: k1[n] == 0 and k2[n] == 0 and k3[n] == 0   with lp[n] = ref[n]
law slope_k1:     grad(k1[n], lp[n]) == 1
law slope_k2:     grad(k2[n], lp[n]) == d[n]
law slope_k3:     grad(k3[n], lp[n]) == 1 - exp(-d[n])


module ExpectedKL
"The divergence of a policy (logits z) from its reference (logits w) on a finite space, and what k1 and k3 are on average over the policy: the divergence both."
source "Schulman, Approximating KL Divergence, 2020"

size  B, Y
index b: B   y: Y

input z[B, Y], w[B, Y]

policy[b,y] = log_softmax[y] z[b,y]
reference[b,y] = log_softmax[y] w[b,y]
d[b,y] = policy[b,y] - reference[b,y]
k3[b,y] = exp(-d[b,y]) - 1 + d[b,y]
output kl[b] = sum[y] exp(policy[b,y]) * d[b,y]
output mean_k3[b] = sum[y] exp(policy[b,y]) * k3[b,y]

law unbiased:     mean_k3[b] == kl[b]
law non_negative: kl[b] >= 0
law gradient:     grad(kl[b], z[b,y]) == exp(policy[b,y]) * (d[b,y] - kl[b])


module KLGradients
"What the gradients of the estimators are on average, when tokens are drawn from the policy and the draw carries no gradient: that of k1 vanishes, that of k2 is the divergence's, that of k3 is the reversed divergence's."
source "Tang and Munos, On a few pitfalls in KL divergence gradient estimation for RL, arXiv:2506.09477"

size  B, Y
index b: B   y: Y

input z[B, Y], w[B, Y]

policy[b,y] = log_softmax[y] z[b,y]
reference[b,y] = log_softmax[y] w[b,y]
drawn[b,y] = stop(exp(policy[b,y]))
d[b,y] = policy[b,y] - reference[b,y]
kl[b] = sum[y] exp(policy[b,y]) * d[b,y]
ratio[b,y] = exp(-d[b,y])
output loss_k1[b] = sum[y] drawn[b,y] * d[b,y]
output loss_k2[b] = sum[y] drawn[b,y] * d[b,y] ^ 2 / 2
output loss_k3[b] = sum[y] drawn[b,y] * (ratio[b,y] - 1 + d[b,y])

law k1: grad(loss_k1[b], z[b,y]) == 0
law k2: grad(loss_k2[b], z[b,y]) == grad(kl[b], z[b,y])
law k3: grad(loss_k3[b], z[b,y]) == exp(policy[b,y]) - exp(reference[b,y])
