module M
size T
index t: T + 1
incremental t
input x[T + 1]
output y[t] = x[t]
