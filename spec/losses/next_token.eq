# Pre-training: each position predicts the next token.

module NextTokenCrossEntropy
"Mean negative log-probability of the next token over the positions that the mask admits: position s predicts tok[b,s+1], counted where m[b,s+1]."
source "arXiv:2602.00426, Part 1: pre-training by next-token prediction"

size  B, T, V, S = T - 1
index b: B   s: S   t: T   v: V

input z[B, T, V]
input tok[B, T] in V
input m[B, T] in bool = true

p[b,t,v] = softmax[v] z[b,t,v]
n = count[b,s] (m[b,s + 1])
output loss = -(sum[b,s] [m[b,s + 1]] * log(p[b,s,tok[b,s + 1]])) / n

law shift_invariant: loss' == loss   with z'[b,t,v] = z[b,t,v] + 3
law residual:        grad(loss, z[b,s,v]) == [m[b,s + 1]] * (p[b,s,v] - [v == tok[b,s + 1]]) / n
law last_unused:     grad(loss, z[b,t,v]) == 0   given t == T - 1


module SequenceLogProb
"Log-probability of each sequence after its first token, over the positions that the mask admits."
source "arXiv:2602.00426, Part 1: the chain rule for P(x)"

size  B, T, V, S = T - 1
index b: B   s: S   t: T   v: V

input z[B, T, V]
input tok[B, T] in V
input m[B, T] in bool = true

p[b,t,v] = softmax[v] z[b,t,v]
output logp[b] = sum[s] [m[b,s + 1]] * log(p[b,s,tok[b,s + 1]])

law residual: grad(logp[b], z[b,s,v]) == [m[b,s + 1]] * ([v == tok[b,s + 1]] - p[b,s,v])
law negative: logp[b] <= 0
