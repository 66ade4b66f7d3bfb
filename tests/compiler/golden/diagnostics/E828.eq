module M
size T
index t, u: T
input x[T]
incremental t
h[0] = 0
h[t+1] = x[t] + (sum[u if u <= t] h[u])
output y[t] = h[t]
