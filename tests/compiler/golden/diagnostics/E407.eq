module M
size T
index t: T
const k = 2
input x[T]
output y[t] = x[k] + x[t]
