module M
size T
index t: T
input x[T]
incremental t
output y[t] = x[t] / T
