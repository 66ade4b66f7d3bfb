# Attention that reads one key at a time and never holds a row of scores.

module OnlineAttention
"Attention by the online softmax: a running maximum, a running sum of weights and a running read-out, rescaled whenever the maximum grows; the same function as attention to all keys at once."
source "Milakov and Gimelshein, Online normalizer calculation for softmax, arXiv:1805.02867, algorithm 3; Dao et al., FlashAttention, arXiv:2205.14135, section 3.1"

size  B, T, U, K
index b: B   t: T   u: U   i: K

input q[B, T, K]
input k[B, U, K]
input v[B, U, K]

s[b,t,u] = sum[i] q[b,t,i] * k[b,u,i] / sqrt(K)
top[b,t,0] = -inf
top[b,t,u+1] = max(top[b,t,u], s[b,t,u])
mass[b,t,0] = 0
mass[b,t,u+1] = mass[b,t,u] * exp(top[b,t,u] - top[b,t,u+1]) + exp(s[b,t,u] - top[b,t,u+1])
read[b,t,0,i] = 0
read[b,t,u+1,i] = read[b,t,u,i] * exp(top[b,t,u] - top[b,t,u+1])
    + exp(s[b,t,u] - top[b,t,u+1]) * v[b,u,i]
output o[b,t,i] = read[b,t,U,i] / mass[b,t,U]
