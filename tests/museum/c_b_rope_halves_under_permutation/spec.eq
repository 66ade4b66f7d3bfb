module InterleavedScores
"Scores between queries and keys under rotary positions on neighbouring features."
source "Su et al., RoFormer, arXiv:2104.09864, eq. 16 and 34"

size  B, T, D, K, P = K // 2
require K % 2 == 0
index b: B   t, u: T   d: D   k: K   j: P

input x[B, T, D]
param W_Q[K, D] ~ normal(std = 0.02)
param W_K[K, D] ~ normal(std = 0.02)
const base = 10000
require base > 0

angle[t,j] = t * base ^ (-2 * j / K)
q[b,t,k] = sum[d] W_Q[k,d] * x[b,t,d]
r[b,u,k] = sum[d] W_K[k,d] * x[b,u,d]
q_rot[b,t,k] = if k % 2 == 0
    then q[b,t,k] * cos(angle[t,k // 2]) - q[b,t,k + 1] * sin(angle[t,k // 2])
    else q[b,t,k] * cos(angle[t,k // 2]) + q[b,t,k - 1] * sin(angle[t,k // 2])
r_rot[b,u,k] = if k % 2 == 0
    then r[b,u,k] * cos(angle[u,k // 2]) - r[b,u,k + 1] * sin(angle[u,k // 2])
    else r[b,u,k] * cos(angle[u,k // 2]) + r[b,u,k - 1] * sin(angle[u,k // 2])
output s[b,t,u] = sum[k] q_rot[b,t,k] * r_rot[b,u,k]
