module Split
"Two outputs."
size N
index n: N
input x[N]
const c = 2
output low[n] = x[n] - c
output high[n] = x[n] + c


module UseSplit
"x"
size M, N
index m: M n: N
input x[M, N]
r = Split(x = x[0], c = 3)
s[m] = Split(x = x[m])
output y[n] = r.low[n] * r.high[n]
output z[m,n] = s.low[m,n] + s.high[m,n]


module Kinds
"several outputs of all kinds"
size B, N
index b: B n: N
input x[B, N], k[B, N] in N, ok[B, N] in bool, s = 1
const c = 2
require c > 0
output y[b,n] = if ok[b,n] then x[b,n] * s / c else x[b,k[b,n]]
output i[b,n] = rank[n if ok[b,n]] x[b,n]
output m[b] = argmax[n] x[b,n]
output f[b,n] = x[b,n] > c
output q = sum[b,n] x[b,n]


module LeadingAxes
"A module of all kinds of outputs, repeated over an axis."
size A, B, N
index a: A b: B n: N
input x[A, B, N], k[B, N] in N
r[a] = Kinds(x = x[a], k = k, ok = w[a], s = t[a], c = 3)
w[a,b,n] = x[a,b,n] > 0
t[a] = x[a,0,0]
output y[a,b,n] = r.y[a,b,n] + r.q[a]
output i[a,b,n] = r.i[a][b,n] + r.m[a,b]
output f[a,b,n] = r.f[a,b,n] and k[b,n] > 0
output z[a,b] = x[a,b,r.m[a,b]]
