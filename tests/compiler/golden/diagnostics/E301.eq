module M
size T
index t: T
input x[T], z[T, T]
output y[t] = z[t] + x[t]
