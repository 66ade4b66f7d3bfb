# Returns and advantages, computed from the last token backwards.

module DiscountedReturnRecursion
"Return of each token by the recursion from the end: its reward, and the return of the next, discounted."
source "Sutton and Barto, Reinforcement Learning, 2nd edition, eq. 3.9"

size  B, T
index b: B   t, u: T

input r[B, T]
const gamma = 1
require 0 <= gamma <= 1

to_go[b,T] = 0
to_go[b,t] = r[b,t] + gamma * to_go[b,t + 1]
output G[b,t] = to_go[b,t]

law whole: G[b,t] == sum[u if u >= t] gamma ^ (u - t) * r[b,u]


module GAERecursion
"Generalised advantage estimation by the recursion from the end, as libraries compute it; the value after the last token is 0."
source "Schulman et al., High-Dimensional Continuous Control Using Generalized Advantage Estimation, arXiv:1506.02438, eq. 16; verl, core_algos.py"

size  B, T
index b: B   t, u: T

input r[B, T], V[B, T]
const gamma = 1
const lam = 0.95
require 0 <= gamma <= 1, 0 <= lam <= 1

next[b,t] = if t + 1 < T then V[b,t + 1] else 0
delta[b,t] = r[b,t] + gamma * next[b,t] - V[b,t]
a[b,T] = 0
a[b,t] = delta[b,t] + gamma * lam * a[b,t + 1]
output A[b,t] = a[b,t]
output target[b,t] = A[b,t] + V[b,t]

law whole: A[b,t] == sum[u if u >= t] (gamma * lam) ^ (u - t) * delta[b,u]
