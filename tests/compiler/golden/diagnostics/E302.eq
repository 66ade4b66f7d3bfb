module M
size T
index t: T
const c = 2
require t < T
input x[T]
output y[t] = c * x[t]
