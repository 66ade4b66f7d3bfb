module M
size T
index t: T
input x[T]
h[0] = 0
h[t+1] = x[t] + h[T - t]
output y = h[T]
