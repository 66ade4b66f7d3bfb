module ClampedK3
"The unbiased estimator k3 of the divergence from a reference, kept from running away by a bound."
source "Schulman, Approximating KL Divergence, 2020; the bound is that of OpenRLHF"

size  N
index n: N
input lp[N], ref[N]
const bound = 10
require bound > 0

d[n] = lp[n] - ref[n]
output kl[n] = min(exp(-d[n]) - 1 + d[n], bound)

law bounded: 0 <= kl[n] <= bound
