module Attention
size B, T, H, K
index b: B   t, u: T   h: H   k: K
input a[B, H, T, T], v[B, H, T, K]
output o[b,h,t] = sum[u] a[b,h,t,u] * v[b,h,u,k]
