module BradleyTerry
"Reward-model loss: the negative log-probability, under the Bradley-Terry model, that the preferred answer (w) beats the rejected one (l) by the margin."
source "Ouyang et al., InstructGPT, arXiv:2203.02155, eq. 1; the margin of Touvron et al., Llama 2, arXiv:2307.09288, eq. 2"

size  B
index b: B

input r_w[B], r_l[B]
input margin[B] = 0

output loss = -mean[b] log(sigmoid(r_w[b] - r_l[b] - margin[b]))

law level: loss == log(2)   with r_w[b] = r_l[b] + margin[b]
