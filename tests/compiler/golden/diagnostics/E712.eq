module Norm
size T
index t: T
const eps = 1e-6
input x[T]
output y[t] = x[t] / sqrt(eps + mean[t] x[t]^2)

module M
size T
input m[T] in bool
output y = Norm(x = m)
