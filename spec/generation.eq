# Generation: what the chain rule gives, and what choosing among several answers does to a law.

module ChainRule
"The law of all sequences of three tokens from the laws of each next token, on the whole finite space."
source "arXiv:2602.00426, the autoregressive factorisation of P(x)"

size  V
index a, b, c: V

input z_1[V]
input z_2[V, V]
input z_3[V, V, V]

first[a] = softmax[a] z_1[a]
second[a,b] = softmax[b] z_2[a,b]
third[a,b,c] = softmax[c] z_3[a,b,c]
output P[a,b,c] = first[a] * second[a,b] * third[a,b,c]

law stochastic:  sum[a,b,c] P[a,b,c] == 1
law prefix:      sum[c] P[a,b,c] == first[a] * second[a,b]
law conditional: P[a,b,c] == third[a,b,c] * (sum[c] P[a,b,c])
law later_logits: grad(P[a,b,c], z_1[a]) == P[a,b,c] * (1 - first[a])


module ContinuationLogProb
"Log-probability of what follows a prompt of n[b] tokens: each token after the prompt, given all before it."
source "arXiv:2602.00426, the autoregressive factorisation of P(x)"

size  B, T, V, S = T - 1
index b: B   s: S   t: T   v: V

input z[B, T, V]
input tok[B, T] in V
input n[B] in T

logp[b,t,v] = log_softmax[v] z[b,t,v]
output total[b] = sum[s if s + 1 >= n[b]] logp[b,s,tok[b,s + 1]]

law whole:           total[b] == sum[s] logp[b,s,tok[b,s + 1]]   with n[b] = 0
law shift_invariant: total'[b] == total[b]                       with z'[b,t,v] = z[b,t,v] + 3
law prompt_is_given: grad(total[b], z[b,t,v]) == 0               given t + 1 < n[b]
law last_unused:     grad(total[b], z[b,T - 1,v]) == 0


module Perplexity
"Exponential of the mean negative log-probability of what follows a prompt of n[b] tokens."
source "Jelinek et al., Perplexity: a measure of the difficulty of speech recognition tasks, JASA 62, 1977"

size  B, T, V, S = T - 1
index b: B   s: S   t: T   v: V

input z[B, T, V]
input tok[B, T] in V
input n[B] in T

logp[b,t,v] = log_softmax[v] z[b,t,v]
surprise[b] = -mean[s if s + 1 >= n[b]] logp[b,s,tok[b,s + 1]]
output perplexity[b] = exp(surprise[b])

law uniform:  perplexity[b] == V   with z[b,t,v] = 0
law at_least: perplexity[b] >= 1


module BestOfN
"The law of the best of n answers drawn from p, by reward; of equal ones the first drawn. An answer y is the best with the probability that all are at most as good less that all are worse, shared among answers as good in proportion to p."
source "Beirami et al., Theoretical Guarantees on the Best-of-n Alignment Policy, arXiv:2401.01879"

size  B, Y
index b: B   y, w: Y

input z[B, Y]
input r[B, Y]
const n = 4
require n >= 1

logp[b,y] = log_softmax[y] z[b,y]
at_most[b,y] = sum[w if r[b,w] <= r[b,y]] exp(logp[b,w])
worse[b,y] = sum[w if r[b,w] < r[b,y]] exp(logp[b,w])
share[b,y] = exp(logp[b,y] - logsumexp[w if r[b,w] == r[b,y]] logp[b,w])
output best[b,y] = share[b,y] * (at_most[b,y] ^ n - worse[b,y] ^ n)

divergence[b] = sum[y] best[b,y] * (log(best[b,y]) - logp[b,y])
law stochastic: sum[y] best[b,y] == 1
law single:     best[b,y] == exp(logp[b,y])                 with n = 1
law improves:   (sum[y] best[b,y] * r[b,y]) >= sum[y] exp(logp[b,y]) * r[b,y]
law divergence: divergence[b] <= log(n) - (n - 1) / n
law indifferent: best[b,y] == exp(logp[b,y])                with r[b,y] = 0


module BestOfNOrdered
"The law of the best of n answers where of equal rewards the answer of smaller index wins, whichever was drawn first; BestOfN where rewards differ."
source "Beirami et al., Theoretical Guarantees on the Best-of-n Alignment Policy, arXiv:2401.01879"

size  B, Y
index b: B   y, w: Y

input z[B, Y]
input r[B, Y]
const n = 4
require n >= 1

p[b,y] = softmax[y] z[b,y]
place[b,y] = rank[y] r[b,y]
at_most[b,y] = sum[w if place[b,w] >= place[b,y]] p[b,w]
worse[b,y] = sum[w if place[b,w] > place[b,y]] p[b,w]
output best[b,y] = at_most[b,y] ^ n - worse[b,y] ^ n

law stochastic: sum[y] best[b,y] == 1
law single:     best[b,y] == p[b,y]   with n = 1
law improves:   (sum[y] best[b,y] * r[b,y]) >= sum[y] p[b,y] * r[b,y]
