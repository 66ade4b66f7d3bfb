module M
size T
index t: T
input x[T]
output ж[t] = x[t]
