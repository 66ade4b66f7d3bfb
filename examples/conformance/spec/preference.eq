# Preference losses by their names in TRL. lw, ll: log-probabilities of the preferred and the
# rejected answer under the policy; rw, rl: under the reference.

module ForwardKLDPO
"DPO with the forward divergence in place of the reverse one: the score of an answer is f'(t) = 1 - 1/t of its ratio t."
source "Wang et al., Beyond Reverse KL, arXiv:2309.16240, table 1; f_divergence_type forward_kl"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1

s_w[b] = 1 - exp(rw[b] - lw[b])
s_l[b] = 1 - exp(rl[b] - ll[b])
output loss = -mean[b] log(sigmoid(beta * (s_w[b] - s_l[b])))


module JensenShannonDPO
"DPO with the Jensen-Shannon divergence: the score of an answer is f'(t) = log(2 t / (1 + t)) of its ratio t."
source "Wang et al., Beyond Reverse KL, arXiv:2309.16240, table 1; f_divergence_type js_divergence"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1

s_w[b] = log(2) + log(sigmoid(lw[b] - rw[b]))
s_l[b] = log(2) + log(sigmoid(ll[b] - rl[b]))
output loss = -mean[b] log(sigmoid(beta * (s_w[b] - s_l[b])))


module NormalisedDPO
"DPO on log-ratios averaged over the tokens of each answer."
source "Lambert et al., Tulu 3, arXiv:2411.15124, section 5.1.2; loss_type sigmoid_norm"

size  B, T
index b: B   t: T

input lw[B, T], ll[B, T], rw[B, T], rl[B, T]
input m_w[B, T] in bool = true
input m_l[B, T] in bool = true
const beta = 0.1

h_w[b] = mean[t if m_w[b,t]] (lw[b,t] - rw[b,t])
h_l[b] = mean[t if m_l[b,t]] (ll[b,t] - rl[b,t])
output loss = -mean[b] log(sigmoid(beta * (h_w[b] - h_l[b])))


module EXO
"The reverse divergence between the policy's preference and the label smoothed by epsilon, for pairs."
source "Ji et al., Towards Efficient Exact Optimization, arXiv:2402.00856, eq. 16; loss_type exo_pair"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1
const epsilon = 1e-3
require 0 < epsilon < 1

x[b] = beta * ((lw[b] - rw[b]) - (ll[b] - rl[b]))
win[b] = sigmoid(x[b]) * (log(sigmoid(x[b])) - log(1 - epsilon))
lose[b] = sigmoid(-x[b]) * (log(sigmoid(-x[b])) - log(epsilon))
output loss = mean[b] (win[b] + lose[b])


module NCA
"Noise contrastive alignment of pairs: the likelihood of the preferred answer is held up absolutely."
source "Chen et al., Noise Contrastive Alignment, arXiv:2402.05369; loss_type nca_pair"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1

r_w[b] = beta * (lw[b] - rw[b])
r_l[b] = beta * (ll[b] - rl[b])
output loss = -mean[b] (log(sigmoid(r_w[b])) + log(sigmoid(-r_w[b])) / 2 + log(sigmoid(-r_l[b])) / 2)


module BCO
"Binary classifier optimisation of pairs, without a shift of the rewards."
source "Jung et al., Binary Classifier Optimization, arXiv:2404.04656; loss_type bco_pair"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1

output loss = -mean[b] (log(sigmoid(beta * (lw[b] - rw[b]))) + log(sigmoid(-beta * (ll[b] - rl[b]))))


module SPPO
"Self-play preference optimisation with hard labels: the preferred answer wins with probability 1."
source "Wu et al., Self-Play Preference Optimization, arXiv:2405.00675, eq. 4.7; loss_type sppo_hard"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1
require beta > 0

output loss = mean[b] ((lw[b] - rw[b] - 1 / (2 * beta)) ^ 2 + (ll[b] - rl[b] + 1 / (2 * beta)) ^ 2)


module AOT
"Alignment by optimal transport of pairs: the margins of the policy and those of the reference, each in ascending order (ties: the first), are compared rank by rank."
source "Melnyk et al., Distributional Preference Alignment of LLMs via Optimal Transport, arXiv:2406.05882; loss_type aot"

size  B
index b, i: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1
const epsilon = 0
require 0 <= epsilon < 1 / 2

policy[b] = lw[b] - ll[b]
reference[b] = rw[b] - rl[b]
place_p[b] = rank[b] -policy[b]
place_r[b] = rank[b] -reference[b]
x[i] = beta * (sum[b if place_p[b] == i] policy[b] - (sum[b if place_r[b] == i] reference[b]))
output loss = -mean[i] ((1 - epsilon) * log(sigmoid(x[i])) + epsilon * log(sigmoid(-x[i])))


module AOTUnpaired
"Alignment by optimal transport: the log-ratios of preferred and of rejected answers, each in ascending order (ties: the first), are compared rank by rank."
source "Melnyk et al., arXiv:2406.05882; loss_type aot_unpaired"

size  B
index b, i: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1
const epsilon = 0
require 0 <= epsilon < 1 / 2

r_w[b] = lw[b] - rw[b]
r_l[b] = ll[b] - rl[b]
place_w[b] = rank[b] -r_w[b]
place_l[b] = rank[b] -r_l[b]
x[i] = beta * (sum[b if place_w[b] == i] r_w[b] - (sum[b if place_l[b] == i] r_l[b]))
output loss = -mean[i] ((1 - epsilon) * log(sigmoid(x[i])) + epsilon * log(sigmoid(-x[i])))


module APOZero
"Anchored preference optimisation that raises the preferred answer and lowers the rejected one."
source "D'Oosterlinck et al., Anchored Preference Optimization, arXiv:2408.06266, eq. 7; loss_type apo_zero"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1

output loss = mean[b] (1 - sigmoid(beta * (lw[b] - rw[b])) + sigmoid(beta * (ll[b] - rl[b])))


module APODown
"Anchored preference optimisation that lowers both answers, the rejected one more."
source "D'Oosterlinck et al., Anchored Preference Optimization, arXiv:2408.06266, eq. 8; loss_type apo_down"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1

r_w[b] = lw[b] - rw[b]
r_l[b] = ll[b] - rl[b]
output loss = mean[b] (sigmoid(beta * r_w[b]) + 1 - sigmoid(beta * (r_w[b] - r_l[b])))


module DiscoPOP
"The discovered loss: the logistic and the exponential loss of the margin, mixed by its sigmoid."
source "Lu et al., Discovering Preference Optimization Algorithms with and for Large Language Models, arXiv:2406.08414, eq. 5; loss_type discopop"

size  B
index b: B

input lw[B], ll[B], rw[B], rl[B]
const beta = 0.1
const tau = 0.05
require tau > 0

x[b] = beta * ((lw[b] - rw[b]) - (ll[b] - rl[b]))
mix[b] = sigmoid(x[b] / tau)
output loss = mean[b] (mix[b] * exp(-x[b]) - (1 - mix[b]) * log(sigmoid(x[b])))


module CPOPreference
"The preference part of CPO, with a share epsilon of the labels taken to be flipped."
source "Xu et al., Contrastive Preference Optimization, arXiv:2401.08417, eq. 3; CPOTrainer"

size  B
index b: B

input lw[B], ll[B]
const beta = 0.1
const epsilon = 0
require 0 <= epsilon < 1 / 2

x[b] = beta * (lw[b] - ll[b])
output loss = -mean[b] ((1 - epsilon) * log(sigmoid(x[b])) + epsilon * log(sigmoid(-x[b])))


module AlphaPO
"The preference part of CPO on the reward (1 - p^-alpha) / alpha of an answer's probability p."
source "Gupta et al., AlphaPO, arXiv:2501.03884; CPOTrainer with alpha"

size  B
index b: B

input lw[B], ll[B]
const beta = 0.1
const alpha = 0.25
require alpha > 0

r_w[b] = (1 - exp(-alpha * lw[b])) / alpha
r_l[b] = (1 - exp(-alpha * ll[b])) / alpha
output loss = -mean[b] log(sigmoid(beta * (r_w[b] - r_l[b])))


module ORPOOddsRatio
"The odds-ratio part of ORPO from token logits: beta times the log-sigmoid of the log-odds of the two answers, whose probability is the geometric mean over their tokens."
source "Hong et al., ORPO, arXiv:2403.07691, eq. 4 and 7; ORPOTrainer.odds_ratio_loss"

size  B, T, V
index b: B   t: T   v: V

input z_w[B, T, V], z_l[B, T, V]
input y_w[B, T] in V
input y_l[B, T] in V
input m_w[B, T] in bool = true
input m_l[B, T] in bool = true
const beta = 0.1

token_w[b,t,v] = log_softmax[v] z_w[b,t,v]
token_l[b,t,v] = log_softmax[v] z_l[b,t,v]
lw[b] = mean[t if m_w[b,t]] token_w[b,t,y_w[b,t]]
ll[b] = mean[t if m_l[b,t]] token_l[b,t,y_l[b,t]]
odds_w[b] = lw[b] - log(1 - exp(lw[b]))
odds_l[b] = ll[b] - log(1 - exp(ll[b]))
output loss = beta * mean[b] log(sigmoid(odds_w[b] - odds_l[b]))
