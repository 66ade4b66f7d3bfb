# Prompting: what a model does with demonstrations, and with several chains of thought.

module LinearAttentionPrediction
"In-context regression as one layer of linear attention: the query attends to the demonstrations without a softmax, and reads how far the prediction of w was from each of their answers."
source "von Oswald et al., Transformers Learn In-Context by Gradient Descent, arXiv:2212.07677, section 2, proposition 1"

size  B, N, D
index b: B   i: N   d: D

input x[B, N, D]
input y[B, N]
input query[B, D]
input w[B, D]
const eta = 0.1

value[b,i] = y[b,i] - sum[d] w[b,d] * x[b,i,d]
score[b,i] = eta / N * (sum[d] x[b,i,d] * query[b,d])
output prediction[b] = (sum[d] w[b,d] * query[b,d]) + sum[i] score[b,i] * value[b,i]

law no_step:  prediction[b] == sum[d] w[b,d] * query[b,d]   with eta = 0
law learned:  prediction[b] == sum[d] w[b,d] * query[b,d]   with y[b,i] = sum[d] w[b,d] * x[b,i,d]
law reversed: prediction'[b] == prediction[b]   with x'[b,i,d] = x[b,N - 1 - i,d], y'[b,i] = y[b,N - 1 - i]


module GradientStepPrediction
"In-context regression as learning: one step of gradient descent on (1 / 2N) sum (w x - y)^2 from w, then the prediction of the new weights. It is LinearAttentionPrediction."
source "von Oswald et al., Transformers Learn In-Context by Gradient Descent, arXiv:2212.07677, section 2, proposition 1"

size  B, N, D
index b: B   i: N   d: D

input x[B, N, D]
input y[B, N]
input query[B, D]
input w[B, D]
const eta = 0.1

residual[b,i] = (sum[d] w[b,d] * x[b,i,d]) - y[b,i]
slope[b,d] = (sum[i] residual[b,i] * x[b,i,d]) / N
stepped[b,d] = w[b,d] - eta * slope[b,d]
output prediction[b] = sum[d] stepped[b,d] * query[b,d]

loss[b] = (sum[i] residual[b,i] ^ 2) / (2 * N)
law slope:     slope[b,d] == grad(loss[b], w[b,d])
law attention: prediction[b] == (sum[d] w[b,d] * query[b,d])
    - eta / N * (sum[i] residual[b,i] * (sum[d] x[b,i,d] * query[b,d]))


module BayesianPrediction
"In-context learning as inference: N demonstrations weigh the concepts that the model knows, and the answer is predicted by their mixture."
source "Xie et al., An Explanation of In-context Learning as Implicit Bayesian Inference, arXiv:2111.02080, eq. 1"

size  B, N, K, V
index b: B   i: N   k: K   v: V

input prior[K]
input z[B, N, K, V]
input answer[B, N] in V
input z_query[B, K, V]

logp[b,i,k,v] = log_softmax[v] z[b,i,k,v]
evidence[b,k] = sum[i] logp[b,i,k,answer[b,i]]
output posterior[b,k] = softmax[k] (prior[k] + evidence[b,k])
under[b,k,v] = softmax[v] z_query[b,k,v]
output p[b,v] = sum[k] posterior[b,k] * under[b,k,v]

law stochastic:   sum[v] p[b,v] == 1
law uninformed:   posterior[b,k] == softmax[k] prior[k]   with z[b,i,k,v] = 0
law one_mind:     p'[b,v] == under[b,0,v]                  with z_query'[b,k,v] = z_query[b,0,v]
law exchangeable: p'[b,v] == p[b,v]
    with z'[b,i,k,v] = z[b,N - 1 - i,k,v], answer'[b,i] = answer[b,N - 1 - i]


module ChainOfThought
"The law of the answer, whatever the chain of thought that led to it: P(a | x) = sum over chains c of P(c | x) P(a | x, c), in logarithms."
source "arXiv:2602.00426, prompting: chains of thought; Wang et al., Self-Consistency, arXiv:2203.11171, section 2"

size  B, C, A
index b: B   c: C   a: A

input z_chain[B, C]
input z_answer[B, C, A]

log_chain[b,c] = log_softmax[c] z_chain[b,c]
log_answer[b,c,a] = log_softmax[a] z_answer[b,c,a]
output logp[b,a] = logsumexp[c] (log_chain[b,c] + log_answer[b,c,a])

law stochastic: sum[a] exp(logp[b,a]) == 1
law marginal:   exp(logp[b,a]) == sum[c] exp(log_chain[b,c]) * exp(log_answer[b,c,a])
law reversed:   logp'[b,a] == logp[b,a]
    with z_chain'[b,c] = z_chain[b,C - 1 - c], z_answer'[b,c,a] = z_answer[b,C - 1 - c,a]


module SelfConsistency
"The answer that most of N sampled chains of thought arrive at; of equally many the smallest."
source "Wang et al., Self-Consistency Improves Chain of Thought Reasoning in Language Models, arXiv:2203.11171, section 2"

size  B, N, A
index b: B   i: N   a: A

input answer[B, N] in A

output votes[b,a] = count[i] (answer[b,i] == a)
output voted[b] = argmax[a] votes[b,a]

law total:    sum[a] votes[b,a] == N
law majority: voted[b] == a        given 2 * votes[b,a] > N
law reversed: voted'[b] == voted[b]   with answer'[b,i] = answer[b,N - 1 - i]


module WeightedSelfConsistency
"The vote where chains count in proportion to exp(weight): with their log-probabilities, divided by their length or not, as weights."
source "Wang et al., Self-Consistency Improves Chain of Thought Reasoning in Language Models, arXiv:2203.11171, table 1"

size  B, N, A
index b: B   i: N   a: A

input answer[B, N] in A
input weight[B, N]

trust[b,i] = softmax[i] weight[b,i]
output share[b,a] = sum[i if answer[b,i] == a] trust[b,i]
output voted[b] = argmax[a] share[b,a]

law stochastic: sum[a] share[b,a] == 1
law plain_vote: share[b,a] == (count[i] (answer[b,i] == a)) / N   with weight[b,i] = 0
law relative:   share'[b,a] == share[b,a]   with weight'[b,i] = weight[b,i] + 3
law majority:   voted[b] == a   given 2 * share[b,a] > 1


module MajorityOfVoters
"The probability that most of N = 2 H + 1 independent chains are right, where each is right with the probability whose logit is a: why the vote helps where a chain is right more often than not."
source "Condorcet, Essai sur l'application de l'analyse à la probabilité des décisions, 1785; Wang et al., Self-Consistency, arXiv:2203.11171"

size  B, H, N = 2 * H + 1, M = N + 1
index b: B   i: N   k: M

input a[B]

right[b] = log_sigmoid(a[b])
wrong[b] = log_sigmoid(-a[b])
ways[k] = prod[i if i < k] (N - i) / (i + 1)
exactly[b,k] = ways[k] * exp(k * right[b] + (N - k) * wrong[b])
output majority[b] = sum[k if k > H] exactly[b,k]

law stochastic: sum[k] exactly[b,k] == 1
law mirrored:   majority'[b] == 1 - majority[b]   with a'[b] = -a[b]
law helps:      majority[b] >= exp(right[b])      given a[b] >= 0
law even:       majority[b] == 1 / 2              with a[b] = 0
