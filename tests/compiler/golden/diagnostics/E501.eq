module M
size T
index t: T
input x[T]
output y[t] = x[t - 1]
