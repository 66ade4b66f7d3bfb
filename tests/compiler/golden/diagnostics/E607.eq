module M
size T
index t: T
input x[T]
param w[T] = 1
output y[t] = x[t]
