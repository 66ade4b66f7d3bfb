module M
size T
index t: T
input x[T]
output y[t] = if t > 0 then x[t + 1] else 0
