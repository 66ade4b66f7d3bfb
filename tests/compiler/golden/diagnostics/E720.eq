module Half
size T, S = T // 2
index s: S
input x[T]
output y[s] = x[s]

module M
size T
input x[T]
output y = Half(x = x, S = 2)
