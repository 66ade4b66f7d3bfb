module LSTM
size B, T, D, N
index b: B  t: T  d: D  i, j: N

input x[B, T, D]
param W[N, D] ~ normal(std = 1)
param U[N, N] ~ normal(std = 1)
param W_f[N, D] ~ normal(std = 1)
param U_f[N, N] ~ normal(std = 1)
param W_o[N, D] ~ normal(std = 1)
param b_f[N] = 1

z[b,t,i] = tanh(sum[d] W[i,d] * x[b,t,d] + sum[j] U[i,j] * h[b,t,j])
f[b,t,i] = sigmoid(sum[d] W_f[i,d] * x[b,t,d] + sum[j] U_f[i,j] * h[b,t,j] + b_f[i])
o[b,t,i] = sigmoid(sum[d] W_o[i,d] * x[b,t,d])
c[b,0,i] = 0
c[b,t+1,i] = f[b,t,i] * c[b,t,i] + (1 - f[b,t,i]) * z[b,t,i]
output h[b,0,i] = 0
output h[b,t+1,i] = o[b,t,i] * tanh(c[b,t+1,i])
output last[b,i] = h[b,T,i]

module GAE
size B, T
index b: B  t: T
input r[B, T]
input V[B, S]
size S = T + 1
const gamma = 0.9
const lam = 0.5
delta[b,t] = r[b,t] + gamma * V[b,t+1] - V[b,t]
output A[b,T] = 0
output A[b,t] = delta[b,t] + gamma * lam * A[b,t+1]

module LinearAttention
size B, T, K, D
index b: B  t: T  k: K  d: D
input q[B, T, K]
input r[B, T, K]
input v[B, T, D]
input g[B, T]
S[b,0,k,d] = 0
S[b,t+1,k,d] = g[b,t] * S[b,t,k,d] + r[b,t,k] * v[b,t,d]
output o[b,t,d] = sum[k] q[b,t,k] * S[b,t+1,k,d]

module Convolved
"Reads all earlier elements at once, and one under a condition."
size T
index t, s: T
input a[T]
input x[T]
f[0] = 1
f[t+1] = sum[s if s <= t] a[t - s] * f[s] + w[t]
w[t] = f[t] * softmax[t] x[t] + (if t > 0 then u[t-1] else 0)
u[t] = f[t] * 2
output y[t] = f[t+1] + 1

module Counts
"Integers and booleans that are sequences, and an integer base of a real one."
size B, T
index b: B  t: T
input m[B, T] in bool
input x[B, T]
n[b,0] = 0
n[b,t+1] = if m[b,t] then min(n[b,t] + 1, T) else 0
output seen[b,0] = false
output seen[b,t+1] = seen[b,t] or m[b,t]
output longest[b] = max[t] n[b,t+1]
a[b,0] = 1
a[b,t+1] = a[b,t] * x[b,t]
output y[b,t] = if seen[b,t] then x[b,n[b,t]%T] * a[b,T] else 0
