# From tokens to vectors and back: embeddings, logits, and the law of the next token.

module TokenEmbedding
"Each token is the row of the table that bears its number."
source "Vaswani et al., Attention Is All You Need, arXiv:1706.03762, section 3.4"
source "arXiv:2602.00426, Part 1"

size  B, T, V, D
index b: B   t: T   v: V   d: D

input tok[B, T] in V
param E[V, D] ~ normal(std = 0.02)

output h[b,t,d] = E[tok[b,t],d]

law lookup: grad(h[b,t,d], E[v,d]) == [tok[b,t] == v]


module PositionedEmbedding
"Token embedding plus a learned vector for each absolute position of a context of N tokens, as in GPT-2."
source "Radford et al., Language Models are Unsupervised Multitask Learners, 2019, section 2.3"

size  B, T, V, N, D
require T <= N
index b: B   t: T   d: D

input tok[B, T] in V
param E[V, D]   ~ normal(std = 0.02)
param pos[N, D] ~ normal(std = 0.02)

output h[b,t,d] = E[tok[b,t],d] + pos[t,d]


module Unembedding
"Logits: each state against every row of the table. With the table of the token embedding the weights are tied."
source "Press and Wolf, Using the Output Embedding to Improve Language Models, arXiv:1608.05859"

size  B, T, V, D
index b: B   t: T   v: V   d: D

input h[B, T, D]
param E[V, D] ~ normal(std = 0.02)

output z[b,t,v] = sum[d] E[v,d] * h[b,t,d]


module NextTokenLaw
"The law of the next token at each position: a softmax of the logits at temperature tau."
source "arXiv:2602.00426, Part 1: autoregressive factorisation"

size  B, T, V
index b: B   t: T   v: V

input z[B, T, V]
const tau = 1
require tau > 0

output p[b,t,v] = softmax[v] z[b,t,v] / tau

law normalised:      sum[v] p[b,t,v] == 1
law shift_invariant: p'[b,t,v] == p[b,t,v]   with z'[b,t,v] = z[b,t,v] + 3


module SoftcappedLogits
"Logits squashed smoothly into (-cap, cap), as in Gemma 2 (cap 30) and nanochat (cap 15)."
source "Gemma Team, Gemma 2, arXiv:2408.00118, section 2"

size  B, T, V
index b: B   t: T   v: V

input z[B, T, V]
const cap = 30
require cap > 0

output y[b,t,v] = cap * tanh(z[b,t,v] / cap)

law bounded: abs(y[b,t,v]) <= cap
law odd:     y'[b,t,v] == -y[b,t,v]   with z'[b,t,v] = -z[b,t,v]
law slope:   grad(y[b,t,v], z[b,t,v]) == 1   with z[b,t,v] = 0
