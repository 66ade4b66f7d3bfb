module M
size T, S
index t: T
input x[T]
output y[t] = x[t]
