module M
size T
index t: T
input k in T, x[T]
output y = x[k]

law l: grad(y, k) == 0
