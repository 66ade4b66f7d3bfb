module M
size T, D
index t: T   d: D
incremental t
input x[D]
output y[t] = t * sum[d] x[d]
