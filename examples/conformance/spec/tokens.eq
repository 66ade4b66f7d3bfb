# Log-probabilities and entropies of single tokens.

module TokenLogProb
"Log-probability of each token at temperature tau, 0 where the mask does not admit it."
source "TRL, selective_log_softmax"

size  B, T, V
index b: B   t: T   v: V

input z[B, T, V]
input y[B, T] in V
input m[B, T] in bool = true
const tau = 1
require tau > 0

logp[b,t,v] = log_softmax[v] z[b,t,v] / tau
output lp[b,t] = if m[b,t] then logp[b,t,y[b,t]] else 0


module TokenEntropy
"Entropy of the law of each token, in nats."
source "TRL, entropy_from_logits"

size  B, T, V
index b: B   t: T   v: V

input z[B, T, V]

logp[b,t,v] = log_softmax[v] z[b,t,v]
output H[b,t] = -(sum[v] exp(logp[b,t,v]) * logp[b,t,v])


module LinearTokenLogProb
"Log-probability of each token and entropy of its law, from the last hidden state and the table of the head."
source "TRL, add_fused_lm_head"

size  N, D, V
index n: N   d: D   v: V

input h[N, D]
input y[N] in V
param W[V, D] ~ normal(std = 0.02)
const tau = 1
require tau > 0

logp[n,v] = log_softmax[v] (sum[d] W[v,d] * h[n,d]) / tau
output lp[n] = logp[n,y[n]]
output H[n] = -(sum[v] exp(logp[n,v]) * logp[n,v])
