module M
size T
index t: T
input x[T], z[T]
output y[t] = x[t]
