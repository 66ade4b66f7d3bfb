# Preference losses without a reference policy.

module SLIC
"Sequence likelihood calibration (SLiC): a hinge on the difference of log-probabilities, and the log-likelihood of a supervised target as regulariser."
source "Zhao et al., SLiC-HF, arXiv:2305.10425"

size  B
index b: B

input lw[B], ll[B], target[B]
const delta = 1
const lam = 0.1

output loss = mean[b] (max(0, delta - lw[b] + ll[b]) - lam * target[b])

law separated: loss == -lam * mean[b] target[b]   with lw[b] = ll[b] + delta + 1
law level:     loss == delta - lam * mean[b] target[b]   given delta >= 0   with lw[b] = ll[b]


module SimPO
"Simple preference optimisation: the length-averaged log-probability is the reward, gamma its target margin (TRL's simpo_gamma)."
source "Meng et al., SimPO, arXiv:2405.14734, eq. 6"

size  B, T
index b: B   t: T

input lw[B, T], ll[B, T]
input m_w[B, T] in bool = true
input m_l[B, T] in bool = true
const beta = 2
const gamma = 1

r_w[b] = beta * mean[t if m_w[b,t]] lw[b,t]
r_l[b] = beta * mean[t if m_l[b,t]] ll[b,t]
output loss = -mean[b] log(sigmoid(r_w[b] - r_l[b] - gamma))

law level:    loss == log(1 + exp(gamma))   with lw[b,t] = -1, ll[b,t] = -1
law gradient: grad(loss, lw[b,t]) == -[m_w[b,t]] * beta * sigmoid(r_l[b] - r_w[b] + gamma) / (B * (count[t] (m_w[b,t])))


module ORPO
"Odds-ratio preference optimisation from token logits: the likelihood of the preferred answer, and the log-odds of the two, where the probability of an answer is its geometric mean over tokens."
source "Hong et al., ORPO, arXiv:2403.07691, eq. 6 and 7"

size  B, T, V
index b: B   t: T   v: V

input z_w[B, T, V], z_l[B, T, V]
input y_w[B, T] in V
input y_l[B, T] in V
input m_w[B, T] in bool = true
input m_l[B, T] in bool = true
const lam = 0.1

token_w[b,t,v] = log_softmax[v] z_w[b,t,v]
token_l[b,t,v] = log_softmax[v] z_l[b,t,v]
lw[b] = mean[t if m_w[b,t]] token_w[b,t,y_w[b,t]]
ll[b] = mean[t if m_l[b,t]] token_l[b,t,y_l[b,t]]
odds_w[b] = lw[b] - log(-expm1(lw[b]))
odds_l[b] = ll[b] - log(-expm1(ll[b]))
output loss = mean[b] (-lw[b] - lam * log(sigmoid(odds_w[b] - odds_l[b])))

law equal_answers: loss == lam * log(2) - mean[b] lw[b]
  with z_l[b,t,v] = z_w[b,t,v], y_l[b,t] = y_w[b,t], m_l[b,t] = m_w[b,t]


module CPO
"Contrastive preference optimisation: DPO with a uniform reference, and the likelihood of the preferred answer."
source "Xu et al., Contrastive Preference Optimization, arXiv:2401.08417"

size  B
index b: B

input lw[B], ll[B]
const beta = 0.1
const alpha = 1

prefer[b] = -log(sigmoid(beta * (lw[b] - ll[b])))
output loss = mean[b] (prefer[b] - alpha * lw[b])

law level:    loss == log(2) - alpha * mean[b] lw[b]   with ll[b] = lw[b]
law gradient: grad(loss, lw[b]) == -(beta * sigmoid(beta * (ll[b] - lw[b])) + alpha) / B
