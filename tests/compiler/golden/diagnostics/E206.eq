module M
size T
index t: T
input x[T]
output y = softmax[t] x[t]
