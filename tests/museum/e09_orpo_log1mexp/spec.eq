module OddsRatio
"Odds-ratio preference optimisation, from the mean negative log-likelihoods of the tokens of the preferred and the rejected answer."
source "Hong et al., ORPO, arXiv:2403.07691, eq. 6 and 7"

size  B
index b: B
input nll_w[B], nll_l[B]
const lam = 0.1

lw[b] = -abs(nll_w[b])
ll[b] = -abs(nll_l[b])
odds_w[b] = lw[b] - log(-expm1(lw[b]))
odds_l[b] = ll[b] - log(-expm1(ll[b]))
output loss = mean[b] (-lw[b] - lam * log(sigmoid(odds_w[b] - odds_l[b])))
