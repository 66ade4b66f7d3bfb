module M
size T
index t, u: T
incremental t
input z[T, T]
output y[t] = sum[u if u <= t] z[t,u]
