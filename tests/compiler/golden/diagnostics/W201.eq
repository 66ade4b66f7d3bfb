module M
size T
index t, u: T
input x[T]
output y[t] = x[t]
