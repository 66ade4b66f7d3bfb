import RMSNorm from lawful.norms

module PostNormResidual
"A residual connection around what is normalised after the layer."
source "Gemma Team, Gemma 2, arXiv:2408.00118, section 2"

size  B, T, D
index b: B   t: T   d: D

input x[B, T, D], h[B, T, D]
const eps = 1e-6
require eps >= 0
use norm: RMSNorm(eps = eps)

n = norm(x = h)
output y[b,t,d] = x[b,t,d] + n[b,t,d]
