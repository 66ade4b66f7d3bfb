module AnchoredDown
"Anchored preference optimisation that lowers the preferred answer, but less than the rejected one: log-probabilities under the policy (lw, ll) and under the reference (rw, rl)."
source "D'Oosterlinck et al., Anchored Preference Optimization, arXiv:2408.06266, eq. 8"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1

r_w[b] = beta * (lw[b] - rw[b])
r_l[b] = beta * (ll[b] - rl[b])
output loss = mean[b] (sigmoid(r_w[b]) - sigmoid(r_w[b] - r_l[b]))
