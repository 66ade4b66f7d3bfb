# Generation with retrieved documents: K of them, of which document k is relevant with probability softmax(query . document).

module RagSequence
"Log-probability of an answer that rests on one document throughout, whichever it is: documents are summed out after the product over tokens."
source "Lewis et al., Retrieval-Augmented Generation for Knowledge-Intensive NLP Tasks, arXiv:2005.11401, section 2.1, RAG-Sequence"

size  B, K, D, T, V
index b: B   k: K   d: D   t: T   v: V

input query[B, D]
input document[B, K, D]
input z[B, K, T, V]
input tok[B, T] in V

relevance[b,k] = log_softmax[k] (sum[d] query[b,d] * document[b,k,d])
logp[b,k,t,v] = log_softmax[v] z[b,k,t,v]
answer[b,k] = sum[t] logp[b,k,t,tok[b,t]]
output total[b] = logsumexp[k] (relevance[b,k] + answer[b,k])

law same_reader: total'[b] == answer[b,0]   with z'[b,k,t,v] = z[b,0,t,v]
law equal_documents: total[b] == (logsumexp[k] answer[b,k]) - log(K)   with query[b,d] = 0
law at_most: total[b] <= max[k] answer[b,k]
law at_least: total[b] >= sum[k] exp(relevance[b,k]) * answer[b,k]


module RagToken
"Log-probability of an answer each of whose tokens may rest on another document: documents are summed out at every token."
source "Lewis et al., Retrieval-Augmented Generation for Knowledge-Intensive NLP Tasks, arXiv:2005.11401, section 2.1, RAG-Token"

size  B, K, D, T, V
index b: B   k: K   d: D   t: T   v: V

input query[B, D]
input document[B, K, D]
input z[B, K, T, V]
input tok[B, T] in V

relevance[b,k] = log_softmax[k] (sum[d] query[b,d] * document[b,k,d])
logp[b,k,t,v] = log_softmax[v] z[b,k,t,v]
token[b,t] = logsumexp[k] (relevance[b,k] + logp[b,k,t,tok[b,t]])
output total[b] = sum[t] token[b,t]

law same_reader: total'[b] == sum[t] logp[b,0,t,tok[b,t]]   with z'[b,k,t,v] = z[b,0,t,v]
law at_least:    total[b] >= sum[k,t] exp(relevance[b,k]) * logp[b,k,t,tok[b,t]]
law at_most:     token[b,t] <= max[k] logp[b,k,t,tok[b,t]]


module TopDocuments
"The law of the retriever over its top_k documents, of equally good ones the first."
source "Lewis et al., arXiv:2005.11401, section 2.2: p(z | x) = softmax(query . document), over the top k"

size  B, K, D
index b: B   k: K   d: D

input query[B, D]
input document[K, D]
const top_k = 2
require top_k >= 1

score[b,k] = sum[d] query[b,d] * document[k,d]
place[b,k] = rank[k] score[b,k]
output p[b,k] = softmax[k if place[b,k] < top_k] score[b,k]

law stochastic: sum[k] p[b,k] == 1
law best:       p[b,k] == [k == argmax[k] score[b,k]]   with top_k = 1
law whole:      p[b,k] == softmax[k] score[b,k]         with top_k = K


module NearestNeighbourLM
"The model's law of the next token, mixed with that of the tokens that followed N stored contexts: each counts exp(-squared distance / tau)."
source "Khandelwal et al., Generalization through Memorization: Nearest Neighbor Language Models, arXiv:1911.00172, eq. 2 and 3"

size  B, N, D, V
index b: B   i: N   d: D   v: V

input z[B, V]
input context[B, D]
input key[N, D]
input next[N] in V
const lam = 0.25, tau = 1
require 0 <= lam <= 1, tau > 0

distance[b,i] = sum[d] (context[b,d] - key[i,d]) ^ 2
near[b,i] = softmax[i] (-distance[b,i] / tau)
recalled[b,v] = sum[i if next[i] == v] near[b,i]
model[b,v] = softmax[v] z[b,v]
output p[b,v] = lam * recalled[b,v] + (1 - lam) * model[b,v]

law stochastic: sum[v] p[b,v] == 1
law model_only: p[b,v] == model[b,v]   with lam = 0
law equal_keys: p[b,v] == lam / N * (count[i] (next[i] == v)) + (1 - lam) * model[b,v]   with key[i,d] = 0
