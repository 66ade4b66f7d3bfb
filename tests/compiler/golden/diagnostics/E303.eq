module M
size T, P = Q + 1, Q = P - 1
index t: T   p: P
input x[T]
output y[t] = sum[p] x[t]
