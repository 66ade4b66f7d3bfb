# Supervised fine-tuning, on given answers and on selected ones of the policy's own.

module SupervisedFineTuning
"Mean negative log-probability of the tokens of the answer: position s predicts tok[b,s+1], counted where answer[b,s+1]; the prompt is read and not learned."
source "Ouyang et al., InstructGPT, arXiv:2203.02155, section 3.5"

size  B, T, V, S = T - 1
index b: B   s: S   t: T   v: V

input z[B, T, V]
input tok[B, T] in V
input answer[B, T] in bool

logp[b,t,v] = log_softmax[v] z[b,t,v]
output loss = -mean[b,s if answer[b,s + 1]] logp[b,s,tok[b,s + 1]]

law gradient:      grad(loss, z[b,s,v]) == [answer[b,s + 1]] * (exp(logp[b,s,v]) - [v == tok[b,s + 1]]) / (count[b,s] (answer[b,s + 1]))
law last_position: grad(loss, z[b,T - 1,v]) == 0


module BestOfGroupFineTuning
"Rejection-sampling fine-tuning on the best of G sampled answers to each prompt (ties: the first); logp holds the log-probabilities of the answers, r their rewards."
source "Dong et al., RAFT, arXiv:2304.06767, algorithm 1"

size  B, G
index b: B   g: G

input logp[B, G], r[B, G]

best[b] = argmax[g] r[b,g]
output loss = -mean[b] logp[b,best[b]]

law gradient: grad(loss, logp[b,g]) == -[g == best[b]] / B


module TopFineTuning
"Rejection-sampling fine-tuning on the k best of G sampled answers to each prompt (ties: the first)."
source "Dong et al., RAFT, arXiv:2304.06767"

size  B, G
index b: B   g: G

input logp[B, G], r[B, G]
const k = 1
require 1 <= k <= G

place[b,g] = rank[g] r[b,g]
output loss = -mean[b,g if place[b,g] < k] logp[b,g]

law whole: loss == -mean[b,g] logp[b,g]   with k = G
law best:  loss == -mean[b] logp[b,argmax[g] r[b,g]]   with k = 1


module ThresholdFineTuning
"Rejection-sampling fine-tuning on the sampled answers whose reward reaches tau; without any, the loss is 0."
source "Gulcehre et al., Reinforced Self-Training, arXiv:2308.08998"

size  B, G
index b: B   g: G

input logp[B, G], r[B, G]
const tau = 0.5

kept[b,g] = r[b,g] >= tau
n = count[b,g] (kept[b,g])
output loss = -(sum[b,g if kept[b,g]] logp[b,g]) / max(n, 1)

law gradient: grad(loss, logp[b,g]) == -[kept[b,g]] / max(n, 1)
law nothing:  loss == 0   with r[b,g] = tau - 1
