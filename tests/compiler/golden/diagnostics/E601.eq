module M
size T
index t: T
input x[T]
a[t] = x[t] + b[t]
b[t] = 2 * a[t]
output y[t] = b[t]
