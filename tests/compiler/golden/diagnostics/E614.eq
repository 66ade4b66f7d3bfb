module M
size T
index t: T
input x[T]
param w[T]
output y[t] = w[t] * x[t]
