# What direct preference optimisation is: a reward model whose reward is the policy itself.

import BradleyTerry from losses.reward

module DPOFromRewards
"DPO as the Bradley-Terry loss of the implicit reward, beta times the log-ratio of policy and reference."
source "Rafailov et al., Direct Preference Optimization, arXiv:2305.18290, eq. 5 to 7"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1

r_w[b] = beta * (lw[b] - rw[b])
r_l[b] = beta * (ll[b] - rl[b])
output loss = BradleyTerry(r_w = r_w, r_l = r_l)

law dpo: loss == -mean[b] log(sigmoid(beta * ((lw[b] - rw[b]) - (ll[b] - rl[b]))))
