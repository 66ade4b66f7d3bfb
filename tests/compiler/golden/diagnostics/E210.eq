module M
size T
index t: T
input β[T], beta[T]
output y[t] = β[t] + beta[t]
