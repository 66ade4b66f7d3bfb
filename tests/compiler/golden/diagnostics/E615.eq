module M
size T
index t: T
input x[T]
param w[T] ~ normall(std = 1)
output y[t] = w[t] * x[t]
