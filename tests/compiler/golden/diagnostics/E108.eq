module M
size T
index t: T
input x[T]
output y[t] = 2 * -x[t]
