module Scale
size T
index t: T
const c
input x[T]
param w[T] = 1
output y[t] = c * w[t] * x[t]

module M
size T
index t: T
input x[T]
output y = Scale(x = x, c = 1)
