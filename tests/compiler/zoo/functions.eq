def twice(v) = 2 * v
def huber(v, d) = if abs(v) <= d then v^2 / 2 else d * (abs(v) - d / 2)

module Pointwise
size N
index n: N
input x[N], y[N]
const d = 1.5
output e[n] = expm1(x[n] / 1e4)
output l[n] = log1p(x[n]^2)
output s[n] = sin(x[n] / 100) * cos(y[n] / 100)
output t[n] = tanh(x[n]) + erf(y[n])
output ab[n] = abs(x[n]) * sign(y[n])
output fl[n] = floor(x[n] + 1 / 4) + ceil(y[n] + 1 / 4)
output mn[n] = min(x[n], y[n], 1) + max(x[n], y[n], -1)
output re[n] = relu(x[n]) + sigmoid(y[n])
output ls[n] = log_sigmoid(x[n]) + softplus(y[n])
output si[n] = silu(x[n])
output ge[n] = gelu(x[n])
output gt[n] = gelu_tanh(y[n] / 8)
output cl[n] = clip(x[n], -d, d)
output rs[n] = rsqrt(x[n]^2 + d)
output hu[n] = huber(x[n], d) + twice(y[n])
output st[n] = stop(x[n]) * x[n]
output pi_x[n] = pi * x[n]
output ro[n] = rounded(x[n], bfloat16)
output br[n] = [x[n] > y[n]] * x[n] + [x[n] <= y[n]]

module Integers
size N, V, K = V - 1
require V > 1
index n, m: N
input tok[N] in V
input x[N]
output a[n] = tok[n] * 2 + n - V // 2
output b[n] = tok[n] // 2 + (tok[n] - V) % 3
output c[n] = [tok[n] == n] + count[m] (tok[m] == tok[n])
output d[n] = sum[m if m < n] tok[m]
output e[n] = max[m] tok[m] - min(tok[n], K)
output f = tok[0] < K
output g[n] = tok[n] * x[n] / V
output h[n] = mean[m] tok[m] * x[n]
output i[n] = abs(tok[n] - 1) + sign(tok[n] - 1)
output j[n] = x[n] > tok[n]

module Scalars
input x
input r = 2
const a = 1/4, b
param w = 1
param u[N, M] ~ xavier()
param v[N] ~ uniform(low = -1 / N, high = a)
size N, M
index n: N  m: M
require a > 0 and b != 0 or N == 1
output y = w * x * a / b + r
output z = exp(-x^2) / (1 + N * a)
output k = N // 2 + M
output q[n] = sum[m] u[n,m] * x + v[n]
output ab = a * b
