module M
size T
index t: T
input x[T]
h[1] = 0
h[t+1] = h[t] + x[t]
output y = h[T]
