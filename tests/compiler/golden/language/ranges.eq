module Rotary
"Rotation of halves and of pairs; grouped heads."
size T, H, K, G, M = H // G, P = K // 2
require H == G * M, K % 2 == 0
index t: T   h: H   k: K   i: P   j: K // 2
input x[T, H, K], y[T, G, K]
output halves[t,h,i] = x[t,h,i] * x[t,h,K // 2 + i]
output pairs[t,h,j] = x[t,h,2 * j] - x[t,h,2 * j + 1]
output swapped[t,h,k] = if k % 2 == 0 then x[t,h,k+1] else x[t,h,k-1]
output grouped[t,h,k] = y[t, h // M, k] + y[t, h // (H // G), k]
output turned[t,h,k] = x[T - 1 - t, H - 1 - h, (k + P) % K]
law one: halves[t,h,i] == 0  with x[t,h,k] = 0

module Windows
size T, W, S = T - 1
require W <= T
index t, u: T   s: S   w: W
input x[T], near[T] in W, z[W]
output back[t] = if t > 0 then x[t-1] else 0
output next[s] = x[s+1] - x[s]
output far[t] = if t >= W and x[t - W] > 0 then x[t - W] else x[0]
output local[t] = sum[w if t - w >= 0] x[t-w] * z[w]
output folded[t] = z[t % W] + z[near[t]]
output clipped[t] = x[clip(t + 1, 0, T - 1)] + x[min(t + W, T - 1)] + x[max(t - W, 0)]
output first[t] = x[t - t % W]
output diagonal[t,u] = if not t == u or t < 1 then 0 else x[t-1]
output capped[t] = z[if t < W then t else W - 1]

module Flat
size A, B, C
index a: A   b: B   c: C   n: A * B   m: A * B * C
input x[A * B], y[A, B], z[A * B * C]
output there[n] = y[n // B, n % B]
output back[a,b] = x[a * B + b]
output deep[a,b,c] = z[(a * B + b) * C + c]
output all_of[m] = y[m // (B * C), m // C % B]

module Tables
"Integer tensors whose ranges are inferred."
size T, V, N
index t: T   v: V   n: N
input tok[T] in V, E[V], flag[T] in bool
other[t] = if flag[t] then tok[t] else V - 1
half[t] = t // 2
many[t] = count[n] (n <= t)
F[t] = E[other[t]] + E[tok[half[t]]]
bucket[t] = min(t, V - 1)
latest[t] = max[n if n < V] n
output y[t] = F[t] + E[bucket[t]] + E[other[half[t]]]
output c[t] = if many[t] < V then E[many[t]] else 0
output a[t] = E[argmax[v if v < V - 1] E[v]]
output k[t] = if latest[t] >= 0 and latest[t] < V then E[latest[t]] else 0

module Greek
"`β` is beta in generated code; pi may be a name of one's own."
size Θ
index θ: Θ
const β = 0.1, π = 3
input lambda[Θ]
output σ[θ] = β * lambda[θ] * pi + π - inf * [θ < 0]
output bits[θ] = rounded(stop(lambda[θ]), bfloat16) ^ -2 + 2 ^ -lambda[θ]
