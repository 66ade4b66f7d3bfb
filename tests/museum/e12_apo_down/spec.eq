module PreferenceLosses
"Two losses of one trainer: DPO in the scores that an alpha-divergence makes of log-ratios (alpha = 0 is the reverse KL divergence), and anchored preference optimisation, down, in the log-ratios themselves."
source "Wang et al., f-DPO, arXiv:2309.16240; D'Oosterlinck et al., Anchored Preference Optimization, arXiv:2408.06266, eq. 8"

size  B
index b: B
input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1
const alpha = 0
require beta > 0, 0 <= alpha < 1

a[b] = lw[b] - rw[b]
c[b] = ll[b] - rl[b]
s_w[b] = if alpha == 0 then a[b] else -expm1(-alpha * a[b]) / alpha
s_l[b] = if alpha == 0 then c[b] else -expm1(-alpha * c[b]) / alpha
output dpo = -mean[b] log(sigmoid(beta * (s_w[b] - s_l[b])))
output apo_down = mean[b] (sigmoid(beta * a[b]) - sigmoid(beta * (a[b] - c[b])))
