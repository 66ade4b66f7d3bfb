module M
size T
index t: T
input x[T]
random g[T] ~ gumbel()
output y[t] = x[t]
