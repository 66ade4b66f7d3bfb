# Speculative decoding: tokens that a draft model proposes, kept or replaced so that the target's law comes out.

module SpeculativeLaw
"The law of the token that one step of speculative sampling emits, whatever the draft: a draft token of law q stays with probability min(1, p / q), else one of the residual law replaces it. Together that is the target's law p."
source "Leviathan, Kalman and Matias, Fast Inference from Transformers via Speculative Decoding, arXiv:2211.17192, appendix A.1; Chen et al., arXiv:2302.01318, theorem 1"

size  B, V
index b: B   v: V

input z_p[B, V]
input z_q[B, V]

logp[b,v] = log_softmax[v] z_p[b,v]
logq[b,v] = log_softmax[v] z_q[b,v]
p[b,v] = exp(logp[b,v])
q[b,v] = exp(logq[b,v])
accept[b,v] = exp(min(logp[b,v] - logq[b,v], 0))
excess[b,v] = max(p[b,v] - q[b,v], 0)
surplus[b] = sum[v] excess[b,v]
residual[b,v] = if surplus[b] > 0 then excess[b,v] / surplus[b] else p[b,v]
output rate[b] = sum[v] q[b,v] * accept[b,v]
output emitted[b,v] = q[b,v] * accept[b,v] + (1 - rate[b]) * residual[b,v]

law lossless:   emitted[b,v] == p[b,v]
law overlap:    rate[b] == sum[v] min(p[b,v], q[b,v])
law variation:  rate[b] == 1 - sum[v] abs(p[b,v] - q[b,v]) / 2
law stochastic: sum[v] residual[b,v] == 1
law rejected:   surplus[b] == 1 - rate[b]
law own_draft:  rate[b] == 1   with z_q[b,v] = z_p[b,v]


module SpeculativeStep
"One step: is the draft token kept, and which token is emitted. g draws from the residual law by inverse transform."
source "Leviathan, Kalman and Matias, arXiv:2211.17192, algorithm 1; Chen et al., arXiv:2302.01318, algorithm 2"

size  B, V
index b: B   v, w: V

input z_p[B, V]
input z_q[B, V]
input draft[B] in V
random u[B] ~ uniform(0, 1)
random g[B] ~ uniform(0, 1)

logp[b,v] = log_softmax[v] z_p[b,v]
logq[b,v] = log_softmax[v] z_q[b,v]
output accepted[b] = u[b] < exp(logp[b,draft[b]] - logq[b,draft[b]])
excess[b,v] = max(exp(logp[b,v]) - exp(logq[b,v]), 0)
surplus[b] = sum[v] excess[b,v]
cumulated[b,v] = sum[w if w <= v] excess[b,w]
output x[b] = if accepted[b] then draft[b] else min[v if g[b] * surplus[b] < cumulated[b,v]] v

law kept:      x[b] == draft[b]            given accepted[b]
law likelier:  accepted[b]                 given logp[b,draft[b]] > logq[b,draft[b]]
law own_draft: accepted[b]                 with z_q[b,v] = z_p[b,v]
law residual:  logp[b,x[b]] > logq[b,x[b]] given not accepted[b]


module SpeculativeBlock
"K draft tokens at once: how many stay before the first that is rejected, and the tokens emitted: those, then one of the residual law where one was rejected, or of the target's law after the last. Places after it hold -1, as in vLLM."
source "Leviathan, Kalman and Matias, arXiv:2211.17192, algorithm 1; rejection_sampler of vLLM"

size  B, K, V, N = K + 1
index b: B   i, j: K   n: N   v, w: V

input z_p[B, N, V]
input z_q[B, K, V]
input draft[B, K] in V
random u[B, K] ~ uniform(0, 1)
random g[B] ~ uniform(0, 1)

logp[b,n,v] = log_softmax[v] z_p[b,n,v]
logq[b,i,v] = log_softmax[v] z_q[b,i,v]
passes[b,i] = u[b,i] < exp(logp[b,i,draft[b,i]] - logq[b,i,draft[b,i]])
output kept[b] = count[i] (all[j if j <= i] passes[b,j])
p[b,v] = exp(logp[b,kept[b],v])
q[b,v] = if kept[b] < K then exp(logq[b,kept[b],v]) else 0
excess[b,v] = max(p[b,v] - q[b,v], 0)
surplus[b] = sum[v] excess[b,v]
cumulated[b,v] = sum[w if w <= v] excess[b,w]
last[b] = min[v if g[b] * surplus[b] < cumulated[b,v]] v
output x[b,n] = if n < kept[b] then draft[b,n] else if n == kept[b] then last[b] else -1

law at_most_all: kept[b] <= K
law draft_stays: x[b,i] == draft[b,i]   given i < kept[b]
law filled:      count[n] (x[b,n] >= 0) == kept[b] + 1
law own_draft:   kept[b] == K           with z_q[b,i,v] = z_p[b,i,v]


module ExpectedTokens
"How many tokens a block of K drafts yields on average where each stays with the same probability, independently: that of one step, the overlap of the laws."
source "Leviathan, Kalman and Matias, arXiv:2211.17192, eq. 1 and corollary 3.6"

size  B, V, K, N = K + 1
index b: B   v: V   n: N

input z_p[B, V]
input z_q[B, V]

logp[b,v] = log_softmax[v] z_p[b,v]
logq[b,v] = log_softmax[v] z_q[b,v]
alpha[b] = sum[v] exp(min(logp[b,v], logq[b,v]))
output tokens[b] = sum[n] alpha[b] ^ n

law closed:    tokens[b] * (1 - alpha[b]) == 1 - alpha[b] ^ (K + 1)
law between:   1 <= tokens[b] <= K + 1
law own_draft: tokens[b] == K + 1   with z_q[b,v] = z_p[b,v]


module TypicalAcceptance
"Medusa's rule: a draft token stays where the target's probability of it exceeds min(epsilon, delta exp(-entropy)), else the target's likeliest token replaces it. The law that comes out is not the target's: where all tokens are typical it is the draft's."
source "Cai et al., Medusa, arXiv:2401.10774, section 2.3.1; TypicalAcceptanceSampler of vLLM"

size  B, V
index b: B   v: V

input z_p[B, V]
input z_q[B, V]
const epsilon = 0.09, delta = 0.3
require 0 < epsilon < 1, 0 < delta < 1

logp[b,v] = log_softmax[v] z_p[b,v]
q[b,v] = softmax[v] z_q[b,v]
H[b] = -sum[v] exp(logp[b,v]) * logp[b,v]
threshold[b] = min(epsilon, delta * exp(-H[b]))
stays[b,v] = exp(logp[b,v]) > threshold[b]
output rate[b] = sum[v if stays[b,v]] q[b,v]
best[b] = argmax[v] logp[b,v]
output emitted[b,v] = q[b,v] * [stays[b,v]] + (1 - rate[b]) * [v == best[b]]

law stochastic:  sum[v] emitted[b,v] == 1
law draft_wins:  emitted[b,v] == q[b,v]   with z_p[b,v] = 0
law best_typical: stays[b,best[b]]
