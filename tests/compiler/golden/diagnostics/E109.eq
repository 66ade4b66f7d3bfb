module M
size T
index t: T
input x[T]
output y = 2 ^ sum[t] x[t]
