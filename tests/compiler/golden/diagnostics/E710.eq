module Add
size T
index t: T
input a[T], b[T]
output y[t] = a[t] + b[t]

module M
size T
index t: T
input x[T]
output y = Add(x, b = x)
