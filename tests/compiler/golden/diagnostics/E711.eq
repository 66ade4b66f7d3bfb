module Add
size T
index t: T
input a[T], b[T]
output y[t] = a[t] + b[t]

module M
size T, S
input x[T], z[S]
output y = Add(a = x, b = z)
