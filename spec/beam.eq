# Search for likely continuations.

module BeamStep
"One step of beam search: of the continuations of K beams by any token, the K of largest log-probability; of equal ones those of the earlier beam, then of the smaller token."
source "Sutskever, Vinyals and Le, Sequence to Sequence Learning with Neural Networks, arXiv:1409.3215, section 3.2"

size  B, K, V, F = K * V
index b: B   k, n: K   v: V   f: F

input score[B, K]
input z[B, K, V]

logp[b,k,v] = log_softmax[v] z[b,k,v]
candidate[b,f] = score[b,f // V] + logp[b,f // V,f % V]
place[b,f] = rank[f] candidate[b,f]
chosen[b,n] = min[f if place[b,f] == n] f
output next_score[b,n] = candidate[b,chosen[b,n]]
output parent[b,n] = chosen[b,n] // V
output token[b,n] = chosen[b,n] % V

law falling: next_score[b,n + 1] <= next_score[b,n]   given n + 1 < K
law best:    next_score[b,0] == max[f] candidate[b,f]
law chain:   next_score[b,n] == score[b,parent[b,n]] + logp[b,parent[b,n],token[b,n]]
