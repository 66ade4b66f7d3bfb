module M
size T
index t: T
input x[T]
output y[t] = clip(x[t], low = 0, high = 1)
