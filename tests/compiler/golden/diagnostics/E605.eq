module M
size T
index t: T
input x[T]
y[t] = x[t]

law same: y[t] == x[t]
