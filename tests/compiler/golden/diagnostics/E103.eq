module M
size T
index t: T
input x[T]
output y[t] = exp(x[t]))
