# A perturbation on its way through the layers of a residual stream.

module PerturbationGrowth
"What L residual blocks with branch Jacobians J[l] make of a small perturbation of the stream: each adds J[l] u to it."
source "arXiv:2602.00426, residual blocks, the product of I + J over layers; He et al., Identity Mappings in Deep Residual Networks, arXiv:1603.05027, eq. 5"

size  L, D
index l: L   d, e: D

input J[L, D, D]
input start[D]

output u[0,d] = start[d]
output u[l+1,d] = u[l,d] + sum[e] J[l,d,e] * u[l,e]

norm[l] = sqrt(sum[d,e] J[l,d,e] ^ 2)
law closed:  u[L,d] == start[d]           with J[l,d,e] = 0
law linear:  u'[L,d] == 2 * u[L,d]        with start'[d] = 2 * start[d]
law bounded: (sum[d] u[L,d] ^ 2) <= (prod[l] (1 + norm[l]) ^ 2) * (sum[d] start[d] ^ 2)
law layers:  grad(u[L,d], start[e]) == [d == e]   with J[l,d,e] = 0


module Rotation
"The Jacobian of a branch that turns the stream in a plane enlarges it nonetheless: I + J stretches both directions by sqrt(1 + angle ^ 2), L times."
source "arXiv:2602.00426, residual blocks, the product of I + J over layers"

size  L
index l: L

input angle
input a, c

output x[0] = a
output y[0] = c
output x[l+1] = x[l] - angle * y[l]
output y[l+1] = y[l] + angle * x[l]

law growth: x[L] ^ 2 + y[L] ^ 2 == (1 + angle ^ 2) ^ L * (a ^ 2 + c ^ 2)
