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
