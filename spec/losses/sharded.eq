# Cross-entropy, computed in parts: equal to the whole.

module VocabParallelCrossEntropy
"Cross-entropy with the vocabulary spread over K devices of W classes each: every device gives the logsumexp of its classes, and the owner of the target its logit."
source "Shoeybi et al., Megatron-LM, arXiv:1909.08053, section 3"

size  N, V, K, W = (V + K - 1) // K
index n: N   v: V   k: K

input z[N, V]
input y[N] in V
input m[N] in bool = true

part[n,k] = logsumexp[v if v // W == k] z[n,v]
target[n,k] = sum[v if v // W == k and v == y[n]] z[n,v]
output loss = mean[n if m[n]] (logsumexp[k] part[n,k] - (sum[k] target[n,k]))

law whole:    loss == -mean[n if m[n]] (z[n,y[n]] - logsumexp[v] z[n,v])
law gradient: grad(loss, z[n,v]) == [m[n]] * (exp(z[n,v] - logsumexp[v] z[n,v]) - [v == y[n]]) / count[n] (m[n])


module LinearCrossEntropy
"Cross-entropy of the logits W h."
source "Wijmans et al., Cut Your Losses in Large-Vocabulary Language Models, arXiv:2411.09009"

size  N, D, V
index n: N   d: D   v: V

input h[N, D]
input y[N] in V
input m[N] in bool = true
param W[V, D] ~ normal(std = 0.02)

z[n,v] = sum[d] W[v,d] * h[n,d]
logp[n,v] = log_softmax[v] z[n,v]
output loss = -mean[n if m[n]] logp[n,y[n]]

law gradient_W: grad(loss, W[v,d]) == (sum[n if m[n]] (exp(logp[n,v]) - [v == y[n]]) * h[n,d]) / count[n] (m[n])
law gradient_h: grad(loss, h[n,d]) == [m[n]] * (sum[v] (exp(logp[n,v]) - [v == y[n]]) * W[v,d]) / count[n] (m[n])


module ChunkedLinearCrossEntropy
"Cross-entropy of the logits W h, in K chunks of C positions, so that the logits of one chunk at a time suffice, as in Liger; the chunks share one denominator."
source "Hsu et al., Liger Kernel, arXiv:2410.10989"

size  N, D, V, K, C = (N + K - 1) // K
index n: N   d: D   v: V   k: K

input h[N, D]
input y[N] in V
input m[N] in bool = true
param W[V, D] ~ normal(std = 0.02)

z[n,v] = sum[d] W[v,d] * h[n,d]
nll[n] = logsumexp[v] z[n,v] - z[n,y[n]]
admitted = count[n] (m[n])
part[k] = (sum[n if n // C == k and m[n]] nll[n]) / admitted
output loss = sum[k] part[k]

law whole: loss == mean[n if m[n]] nll[n]


module AccumulatedCrossEntropy
"Cross-entropy over A micro-batches: each is divided by the number of positions admitted in all of them, so that the accumulated gradient is that of the whole batch, however the positions are spread."
source "Hugging Face, Fixing Gradient Accumulation; transformers pull request 34191"

size  A, N, V
index a: A   n: N   v: V

input z[A, N, V]
input y[A, N] in V
input m[A, N] in bool = true

logp[a,n,v] = log_softmax[v] z[a,n,v]
admitted = count[a,n] (m[a,n])
micro[a] = -(sum[n if m[a,n]] logp[a,n,y[a,n]]) / admitted
output loss = sum[a] micro[a]

law whole:    loss == -mean[a,n if m[a,n]] logp[a,n,y[a,n]]
law gradient: grad(loss, z[a,n,v]) == [m[a,n]] * (exp(logp[a,n,v]) - [v == y[a,n]]) / admitted


module BatchCrossEntropy
"Cross-entropy over a batch of A rows: the mean over all admitted positions."
source "arXiv:2602.00426, Part 1: pre-training by next-token prediction"

size  A, N, V
index a: A   n: N   v: V

input z[A, N, V]
input y[A, N] in V
input m[A, N] in bool = true

logp[a,n,v] = log_softmax[v] z[a,n,v]
output loss = -mean[a,n if m[a,n]] logp[a,n,y[a,n]]

law regrouped: loss == (sum[a if any[n] (m[a,n])] (count[n] (m[a,n])) * (-mean[n if m[a,n]] logp[a,n,y[a,n]])) / (count[a,n] (m[a,n]))
