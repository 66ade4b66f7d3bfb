module M
size T
index t: T
input x[T]
output y = sum[t, t] x[t]
