module M
size T
index t: T
input x[T]
output y = count[t] x[t]
