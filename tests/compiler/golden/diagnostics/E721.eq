module Scale
size T
index t: T
const c
input x[T]
param w[T] = 1
output y[t] = c * w[t] * x[t]

module M
size T, S
index t: T   s: S
input x[T], z[S]
use scale: Scale(c = 1)
a = scale(x = x)
b = scale(x = z)
output y = sum[t] a[t] + sum[s] b[s]
