module Linear
"A linear recurrence."
size B, T, K, D
index b: B  t: T  k: K  d: D
input g[B, T], r[B, T, K], v[B, T, D]
S[b,0,k,d]   = 0
S[b,t+1,k,d] = g[b,t] * S[b,t,k,d] + r[b,t,k] * v[b,t,d]
output o[b,t,k] = sum[d] S[b,t + 1,k,d]


module GAE
"Backward."
size B, T
index b: B  t: T
input d[B, T]
const gamma = 0.99
output A[b,T] = 0
output A[b,t] = d[b,t] + gamma * A[b,t+1]


module LSTM
"LSTM"
size B, T, D, H
index b: B  t: T  d: D  i, j: H
input x[B, T, D]
param W[H, D] ~ normal(std = 0.5)
param U[H, H] ~ normal(std = 0.5)
param V[H, H] ~ normal(std = 0.5)
f[b,t,i] = sigmoid((sum[d] W[i,d] * x[b,t,d]) + (sum[j] U[i,j] * h[b,t,j]))
n[b,t,i] = tanh((sum[d] W[i,d] * x[b,t,d]) + (sum[j] V[i,j] * h[b,t,j]))
c[b,0,i] = 0
c[b,t+1,i] = f[b,t,i] * c[b,t,i] + (1 - f[b,t,i]) * n[b,t,i]
h[b,0,i] = 0
h[b,t+1,i] = f[b,t,i] * tanh(c[b,t+1,i])
output y[b,t,i] = h[b,t+1,i]


module Past
"reads all earlier"
size B, T
index b: B  t, u: T
input x[B, T]
h[b,0] = 1
h[b,t+1] = x[b,t] + (sum[u if u <= t] h[b,u]) / (t + 1) + q[b,t] + (if t > 0 then q[b,t-1] else 0)
q[b,t] = x[b,t] * h[b,t]
output y[b,t] = q[b,t]
output w[b,t] = h[b,t+1]
