# The laws that selection by reward induces on a finite space of answers.

module ThresholdLaw
"Law of an answer of the policy, given that its reward reaches tau: what rejection-sampling fine-tuning learns from. z holds the logits of the policy."
source "arXiv:2602.00426, rejection-sampling fine-tuning; Yuan et al., arXiv:2308.01825"

size  B, Y
index b: B   y: Y

input z[B, Y], r[B, Y]
const tau = 0.5

p[b,y] = softmax[y] z[b,y]
output q[b,y] = softmax[y if r[b,y] >= tau] z[b,y]

law stochastic:  sum[y] q[b,y] == [any[y] (r[b,y] >= tau)]
law conditional: q[b,y] * (sum[y if r[b,y] >= tau] p[b,y]) == [r[b,y] >= tau] * p[b,y]
law no_worse:    (sum[y] q[b,y] * r[b,y]) >= (sum[y] p[b,y] * r[b,y])   given r[b,0] >= tau


module BestOfN
"Law of the best of N independent answers of the policy (ties: the first drawn): the one drawn after k others is the best if those before it are worse and those after it no better."
source "Stiennon et al., arXiv:2009.01325; Beirami et al., Theoretical guarantees on the best-of-n alignment policy, arXiv:2401.01879, lemma 1"

size  B, Y, N
index b: B   y, x: Y   k: N

input z[B, Y], r[B, Y]

p[b,y] = softmax[y] z[b,y]
worse[b,y] = sum[x if r[b,x] < r[b,y]] p[b,x]
no_better[b,y] = sum[x if r[b,x] <= r[b,y]] p[b,x]
output q[b,y] = p[b,y] * sum[k] worse[b,y] ^ k * no_better[b,y] ^ (N - 1 - k)

law stochastic: sum[y] q[b,y] == 1
law cumulative: (sum[x if r[b,x] <= r[b,y]] q[b,x]) == no_better[b,y] ^ N
law no_reward:  q[b,y] == p[b,y]   with r[b,y] = 0
