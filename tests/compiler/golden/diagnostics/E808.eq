module M
size T
index t: T
input x[T]
output y[t] = 2 * x[t]

law zero: y[t] == 0  with x[t] = false
