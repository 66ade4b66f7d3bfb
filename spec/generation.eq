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
law slope:        grad(P[a,b,c], z_1[a]) == P[a,b,c] * (1 - first[a])


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
output ppl[b] = exp(surprise[b])

law uniform:  ppl[b] == V   with z[b,t,v] = 0
law at_least: ppl[b] >= 1


module BestOfN
"The law of the best of N answers drawn from p, by reward; of equal ones the first drawn: i draws are worse than y, then comes y, then none that is better."
source "Beirami et al., Theoretical Guarantees on the Best-of-n Alignment Policy, arXiv:2401.01879"

size  B, Y, N
index b: B   y, w: Y   i: N

input z[B, Y]
input r[B, Y]

p[b,y] = softmax[y] z[b,y]
at_most[b,y] = sum[w if r[b,w] <= r[b,y]] p[b,w]
worse[b,y] = sum[w if r[b,w] < r[b,y]] p[b,w]
output best[b,y] = sum[i] worse[b,y] ^ i * p[b,y] * at_most[b,y] ^ (N - 1 - i)

divergence[b] = sum[y] best[b,y] * log(best[b,y] / p[b,y])
law stochastic:  sum[y] best[b,y] == 1
law powers:      (sum[w if r[b,w] == r[b,y]] best[b,w]) == at_most[b,y] ^ N - worse[b,y] ^ N
law improves:    (sum[y] best[b,y] * r[b,y]) >= sum[y] p[b,y] * r[b,y]
law divergence:  divergence[b] <= log(N) - (N - 1) / N
law indifferent: best[b,y] == p[b,y]   with r[b,y] = 0


module BestOfNOrdered
"The law of the best of N answers where of equal rewards the answer of smaller index wins, whichever was drawn first; BestOfN where rewards differ."
source "Beirami et al., Theoretical Guarantees on the Best-of-n Alignment Policy, arXiv:2401.01879"

size  B, Y, N
index b: B   y, w: Y   i: N

input z[B, Y]
input r[B, Y]

p[b,y] = softmax[y] z[b,y]
place[b,y] = rank[y] r[b,y]
at_most[b,y] = sum[w if place[b,w] >= place[b,y]] p[b,w]
worse[b,y] = sum[w if place[b,w] > place[b,y]] p[b,w]
output best[b,y] = sum[i] worse[b,y] ^ i * p[b,y] * at_most[b,y] ^ (N - 1 - i)

law stochastic: sum[y] best[b,y] == 1
law powers:     best[b,y] == at_most[b,y] ^ N - worse[b,y] ^ N
law improves:   (sum[y] best[b,y] * r[b,y]) >= sum[y] p[b,y] * r[b,y]
