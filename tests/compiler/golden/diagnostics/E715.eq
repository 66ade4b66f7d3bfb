module Two
size T
index t: T
input x[T]
output a[t] = 2 * x[t]
output b[t] = 3 * x[t]

module M
size T
index t: T
input x[T]
r = Two(x = x)
output y[t] = r.c[t]
