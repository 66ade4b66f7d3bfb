module M
size T
index t, u: T
input z[T, T]
output y = argmax[t, u] z[t,u]
