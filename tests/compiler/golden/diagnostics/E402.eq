module M
size T
index t: T
input x[T]
output y[t] = if x[t] then 1 else 0
