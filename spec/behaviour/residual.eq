# Residual blocks: how they pass a perturbation on.

module ResidualBlock
"A residual block x + W_2 tanh(W_1 x) and what it makes of a small perturbation u of x, which is (I + J) u with J the Jacobian of the branch."
source "arXiv:2602.00426, residual blocks, the Jacobian I + J_f; He et al., Identity Mappings in Deep Residual Networks, arXiv:1603.05027, eq. 4 and 5"

size  B, D, F
index b: B   d, e: D   f: F

input x[B, D]
input u[B, D]
param W_1[F, D] ~ normal(std = 0.02)
param W_2[D, F] ~ normal(std = 0.02)

a[b,f] = tanh(sum[e] W_1[f,e] * x[b,e])
output y[b,d] = x[b,d] + sum[f] W_2[d,f] * a[b,f]
J[b,d,e] = sum[f] W_2[d,f] * (1 - a[b,f] ^ 2) * W_1[f,e]
output passed[b,d] = u[b,d] + sum[e] J[b,d,e] * u[b,e]

law jacobian:  grad(y[b,d], x[b,e]) == [d == e] + J[b,d,e]
law tangent:   passed[b,d] == sum[e] grad(y[b,d], x[b,e]) * u[b,e]
law closed:    y[b,d] == x[b,d]   with W_2[d,f] = 0
law linear:    passed'[b,d] == 2 * passed[b,d]   with u'[b,d] = 2 * u[b,d]


module GrowthBound
"An upper bound on how much L residual blocks enlarge a perturbation, in logarithms: each by at most 1 + |J[l]|, with the Frobenius norm of its branch's Jacobian."
source "arXiv:2602.00426, residual blocks; Zhang, Dauphin and Ma, Fixup Initialization, arXiv:1901.09321"

size  L, D
index l: L   d, e: D

input J[L, D, D]

norm[l] = sqrt(sum[d,e] J[l,d,e] ^ 2)
output log_growth = sum[l] log1p(norm[l])

law product:     exp(log_growth) == prod[l] (1 + norm[l])
law exponential: log_growth <= sum[l] norm[l]
law closed:      log_growth == 0   with J[l,d,e] = 0
