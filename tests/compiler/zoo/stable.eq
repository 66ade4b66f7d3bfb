module Guarded
"Stable forms are found under conditions too."
size N, M
index n, k: N  m: M
input x[N], z[N, M], c[N] in bool
p[n,m] = softmax[m] z[n,m]
output a = mean[n if c[n] or n == 0] log(sigmoid(x[n]))
output b[n] = if c[n] then log(1 + exp(x[n])) else 0
output d[n] = if c[n] then log(p[n,0]) else 0
output e[n] = log(if c[n] then sigmoid(x[n]) else 1 - sigmoid(x[n]))
output f[n] = [x[n] > 0] * exp(min(x[n], 0)) / ((sum[k] [x[k] > 0] * exp(min(x[k], 0))) + 1e-20)


module EqualRewards
"A root of zero whose factor is zero has a finite derivative."
size G
index g: G
input R[G]
s = sqrt(sum[g] (R[g] - R[0]) ^ 2)
output A[g] = (R[g] - R[0]) / (s + 1)


module OptionalShape
"A size that stands only in an input with a default is passed."
size N, T
index n: N  t: T
input x[N], c[N, T] in bool = true
output y[n] = x[n] * count[t] (c[n,t])
