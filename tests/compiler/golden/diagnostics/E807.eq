module M
size T
index t: T
input x[T]
output y[t] = 2 * x[t]

law first: y[0] == 0  with x[0] = 0
