module M
size T
index t: T
input x[T]
param w[T] ~ normal(std = 1, mean = 0)
output y[t] = w[t] * x[t]
