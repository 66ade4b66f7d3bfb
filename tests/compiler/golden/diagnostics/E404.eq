module M
size T
index t: T
input x[T]
output y[t] = if (x[t] > 0) < (x[t] > 1) then 1 else 0
