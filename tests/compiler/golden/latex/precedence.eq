module Products
size N
index n, m, k: N
input x[N], y[N], W_Q[N, N]
input c[N] in bool
const beta1 = 0.9, tau = 1e-6
output a[n] = x[n] * (y[n] + 1) / (2 * tau) * 3
output b[n] = (sum[m] x[m]) * y[n]
output d[n] = y[n] * sum[m] x[m] * (y[m] - 1)
output e[n] = -(x[n] + y[n]) - (x[n] - y[n])
output f[n] = (x[n] + y[n]) ^ 2 + x[n] ^ 2 ^ 3 + (x[n] / 2) ^ -1 + (x[n] ^ 2) ^ 3
output g[n] = W_Q[n,n] ^ 2 + beta1 ^ (n / N) * exp(x[n]) ^ (1 / 2) + 0 ^ (2 / (n * N + 1))
output h[n] = x[n] / y[n] / 2 + x[n] / (y[n] / 2) + (1 - (x[n] - 1) / 2)
output i[n] = sum[m] (sum[k if k != m] x[k]) / y[m]
output j[n] = x[n] * (if c[n] then 1 else 2) * 2 ^ (if c[n] then 1 else 2)
output l[n] = prod[m if c[m] and m < n] (1 - x[m])
output o[n] = x[(n + N // 2) % N] * ((n + 1) % N) - n // (N * 2)
output p[n] = sum[m, k if m + k == n] x[m] * y[k]
output q = -sum[n] -x[n]
output r[n] = stop(max(x[n], -inf)) * pi

module Conditions
size N
index n, m: N
input x[N], y[N]
input c[N] in bool
output a[n] = 0 <= x[n] < y[n] < 1
output b[n] = x[n] > 0 and (c[n] or not (x[n] > y[n]))
output d[n] = c[n] or x[n] > 0 and y[n] > 0
output e[n] = [x[n] != y[n] and not c[n]]
output f[n] = if c[n] then x[n] else if x[n] > 0 then 0 else y[n]
output g[n] = if (if c[n] then x[n] > 0 else true) then 1 else 0
output h[n] = count[m if m < n and c[m]] (x[m] > 0) + count[m, n] (c[m] and c[n])
output i = any[n] (x[n] > 0) or all[n if c[n]] (x[n] <= 0)
output j[n] = sum[m] [c[m]] * softmax[n if c[n]] x[n] * x[m]
output k[n] = max[m if c[m]] x[m] - min[m] softmax[m] x[m]

module Laws
size N
index n, m: N
input x[N], z_new[N]
const s = 2
param W_Q[N] = 1
random g[N] ~ uniform(0, 1)
output y[n] = s * x[n] * W_Q[n] + z_new[n] + g[n]
law slope:  grad(y[n], x[m]) == 0   given n != m
law twice:  y'[n] - y[n] == s'   with x'[n] = x[n] + 1 / W_Q[n], s = 1
law other:  y'[n] == y[n]   with z_new'[n] = z_new[n] + s, W_Q[n] = 1, s' = s - 1, g[n] = 0   given x[n] == 1
law chain:  x[n] <= y[n] <= y[n] + 1
law moved:  y'[n] == y[0]   with x'[m] = if m > 0 then x[m - 1] else x[N - 1]
