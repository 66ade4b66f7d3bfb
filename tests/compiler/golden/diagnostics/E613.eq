module M
size T
index t, u: T
input x[T]
h[0] = 0
h[t+1] = c[t] + x[t]
c[0] = 0
c[u+1] = h[u] + x[u]
output y = h[T]
