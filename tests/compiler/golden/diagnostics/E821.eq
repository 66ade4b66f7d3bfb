module M
size T
index t: T
input x[T]
incremental t
incremental t
output y[t] = x[t]
