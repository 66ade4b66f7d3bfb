module DPO
"Direct preference optimisation from the log-probabilities of the preferred (w) and the rejected (l) answer under the policy (lw, ll) and under the reference (rw, rl)."
source "Rafailov et al., Direct Preference Optimization, arXiv:2305.18290, eq. 7"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1

margin[b] = beta * ((lw[b] - rw[b]) - (ll[b] - rl[b]))
output loss = -mean[b] log(sigmoid(margin[b]))

law at_reference: loss == log(2)   with lw[b] = rw[b], ll[b] = rl[b]
