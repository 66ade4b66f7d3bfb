module M
size T
index t: T
input x[T]
y[t] = 2 * x[t]
output y[t] = x[t]
