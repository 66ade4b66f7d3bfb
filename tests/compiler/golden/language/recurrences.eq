module LSTM
size B, T, D
index b: B   t: T   i, j: D
incremental t
input x[B, T, D]
param W[D, D] ~ xavier(), U[D, D] ~ xavier(), V[D, D] ~ uniform(low = -1, high = 1)
f[b,t,i] = sigmoid(sum[j] W[i,j] * x[b,t,j] + sum[j] U[i,j] * h[b,t,j])
g[b,t,i] = tanh(sum[j] V[i,j] * (x[b,t,j] + h[b,t,j]))
h[b,0,i] = 0
h[b,t+1,i] = f[b,t,i] * tanh(c[b,t+1,i])
c[b,t+1,i] = f[b,t,i] * c[b,t,i] + (1 - f[b,t,i]) * g[b,t,i]
c[b,0,i] = 0
output y[b,t,i] = h[b,t+1,i]

module LinearAttention
size B, T, K, D
index b: B   t: T   k: K   d: D
input r[B, T, K], v[B, T, D], q[B, T, K], g[B, T]
S[b,0,k,d]   = 0                             # elementwise: a linear recurrence
S[b,t+1,k,d] = g[b,t] * S[b,t,k,d] + r[b,t,k] * v[b,t,d]
output o[b,t,d] = sum[k] q[b,t,k] * S[b,t+1,k,d]

module Returns
"Discounted sums from behind."
size B, T
index b: B   t: T
const gamma = 0.99
input reward[B, T]
output A[b,T] = 0
output A[b,t] = reward[b,t] + gamma * A[b,t+1]

module Greedy
"Each token is the best continuation of the one before."
size T, V, D
index t: T   v: V   d: D
input first in V
param E[V, D] ~ normal(std = 1)
tok[0] = first
tok[t+1] = argmax[v] sum[d] E[v,d] * E[tok[t],d]
output all_of_them[t] = tok[t+1]

module History
"A sequence that reads all of its past."
size T
index t, u: T
input x[T]
h[0] = 1
w[t,u] = [u <= t] * exp(-(t - u))
h[t+1] = x[t] + sum[u if u <= t] w[t,u] * h[u]
output y = h[T]

module Ladder
"Two stacks of layers that read one another."
size L
index l: L
a[0] = 1
b[0] = a[0]
a[l+1] = b[l] + l
b[l+1] = a[l+1] / 2
output y = a[L] + b[L]
