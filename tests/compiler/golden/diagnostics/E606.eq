module M
size T
index t: T
input x[T]
const c = 1
output y[t] = x[t]
