module M
size T
index t: T
input x[T]
output y[t] = 2 * x[t]

law shift: y[t] == 2  with x[t] = x[t] + 1
