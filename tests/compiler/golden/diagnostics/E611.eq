module M
size T
index t: T
input x[T]
h[0] = 0
output h[t+1] = h[t] + x[t]
