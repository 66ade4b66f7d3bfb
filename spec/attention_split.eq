# Attention over parts of the keys, put together by the logsumexp of each part.

module MergeAttentionStates
"One result from N partial ones, each an output and the logsumexp of its scores: outputs weigh as a softmax of those."
source "Ye et al., FlashInfer, arXiv:2501.01005, section 2.2; Liu et al., Ring Attention, arXiv:2310.01889"

size  N, B, K
index n: N   b: B   i: K

input o[N, B, K]
input lse[N, B]

weight[n,b] = softmax[n] lse[n,b]
output o_all[b,i] = sum[n] weight[n,b] * o[n,b,i]
output lse_all[b] = logsumexp[n] lse[n,b]

law weights: sum[n] weight[n,b] == 1
law agreed:  o_all[b,i] == 2   with o[n,b,i] = 2


module SplitAttention
"Attention to all keys, part by part: blocks of S keys are attended separately and merged, as in split-KV decoding and ring attention."
source "Dao et al., Flash-Decoding, 2023; Liu et al., Ring Attention, arXiv:2310.01889"

size  B, T, U, K, S, N = (U + S - 1) // S
index b: B   t: T   u: U   i: K   n: N

input q[B, T, K]
input k[B, U, K]
input v[B, U, K]

s[b,t,u] = sum[i] q[b,t,i] * k[b,u,i] / sqrt(K)
a[b,n,t,u] = softmax[u if u // S == n] s[b,t,u]
part[b,n,t,i] = sum[u] a[b,n,t,u] * v[b,u,i]
lse[b,n,t] = logsumexp[u if u // S == n] s[b,t,u]
weight[b,n,t] = softmax[n] lse[b,n,t]
output o[b,t,i] = sum[n] weight[b,n,t] * part[b,n,t,i]

a_whole[b,t,u] = softmax[u] s[b,t,u]
law whole: o[b,t,i] == sum[u] a_whole[b,t,u] * v[b,u,i]
