module UnscaledAttention
"Causal attention whose scores are the plain products of queries and keys."

size  H, T, K
index h: H   t, u: T   i: K

input q[H, T, K]
input k[H, T, K]
input v[H, T, K]

s[h,t,u] = sum[i] q[h,t,i] * k[h,u,i]
a[h,t,u] = softmax[u if u <= t] s[h,t,u]
output o[h,t,i] = sum[u] a[h,t,u] * v[h,u,i]
