module M
size T, D
index t, u: T   d: D
incremental t
input x[T, D]
s[t,u] = sum[d] x[t,d] * x[u,d]
a[t,u] = softmax[u if u <= t + 1] s[t,u]
output y[t,d] = sum[u] a[t,u] * x[u,d]
