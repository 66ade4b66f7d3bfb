module Shifts
size B, T
index b: B  t, u: T
input x[B, T]
const window = 3
output back[b,t] = if t > 0 then x[b,t-1] else 0
output ahead[b,t] = if t + 1 < T then x[b,t+1] else x[b,0]
output flip[b,t] = x[b,T-1-t]
output wrap[b,t] = x[b,(t + 1) % T]
output delta[b,t] = x[b,t] - (if t >= 2 then x[b,t-2] else 0)
output near[b,t] = sum[u if t - u < window and u <= t] x[b,u]
output ends[b] = x[b,0] * x[b,T-1]

module Branches
size N, K
index n: N  k: K
input x[N], y[N]
input c[N] in bool
input i[N] in K
input w[K]
const p = 2, flag = 1
output safe[n] = if x[n] > 0 then log(x[n]) else x[n]
output divided[n] = if y[n] != 0 then x[n] / y[n] else 0
output rooted[n] = if x[n] >= 0 and c[n] then sqrt(x[n] + 1) else -1
output nested[n] = if c[n] then (if x[n] > 1 then x[n]^2 else 1 / (2 - x[n])) else exp(-abs(y[n]))
output either[n] = if x[n] > y[n] or not c[n] then x[n] else y[n]
output whole[n] = if c[n] then i[n] else 0
output chosen[n] = if flag > 0 then x[n] * p else y[n]
output picked[n] = w[i[n]]
output piece[n] = sum[k if k <= i[n]] w[k]
output powers[n] = abs(x[n]) ^ p + x[n] ^ 3 - (x[n]^2 + 1) ^ -1 + 2 ^ (x[n] / 1e4)

module Halves
size N, K, P = K // 2
require K % 2 == 0
index n: N  k: K  j: P
input x[N, K]
output even[n,j] = x[n,2*j]
output odd[n,j] = x[n,2*j+1]
output low[n,j] = x[n,j]
output high[n,j] = x[n,P+j]
output swapped[n,k] = if k < P then x[n,k+P] else x[n,k-P]
output pair[n,k] = x[n,k - k % 2]

module Diagonals
size N, M
index n, i: N  m: M
input x[N, N], y[N, M, N]
output d[n] = x[n,n]
output e[n,m] = y[n,m,n]
output t[n,i] = x[i,n]
output trace = sum[n] x[n,n]
output u[n] = x[n,n] + x[n,N-1-n]
