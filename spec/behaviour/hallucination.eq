# Hallucination: an answer is one unless all that it claims is verified.

module HallucinationRate
"Answer y makes the claims says[y,c]; it hallucinates unless each of them is true. The rate is the exact probability of that under the model's law of answers."
source "arXiv:2602.00426, hallucination, H(y) = 1 - V(c(y))"

size  B, Y, C
index b: B   y: Y   c: C

input z[B, Y]
input says[Y, C] in bool
input fact[B, C] in bool

p[b,y] = softmax[y] z[b,y]
verified[b,y] = all[c if says[y,c]] fact[b,c]
H[b,y] = 1 - [verified[b,y]]
output rate[b] = sum[y] p[b,y] * H[b,y]

law complement: rate[b] == 1 - sum[y if verified[b,y]] p[b,y]
law silent:     rate[b] == 0   with says[y,c] = false
law all_true:   rate[b] == 0   with fact[b,c] = true
law gradient:   grad(rate[b], z[b,y]) == p[b,y] * (H[b,y] - rate[b])
law vaguer:     rate'[b] <= rate[b]   with says'[y,c] = says[y,c] and c > 0


module HallucinationEstimate
"The rate among N judged answers, with the interval of Wilson and the plain normal one, which is rate ± deviation. The quantile is that of the standard normal law for the wanted confidence, 1.96 for 95 %; its sign says nothing."
source "Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22, 1927; Brown, Cai and DasGupta, Interval Estimation for a Binomial Proportion, Statistical Science 16, 2001, eq. 1 and 4"

size  B, N
index b: B   i: N

input wrong[B, N] in bool
input quantile = 1.96

output rate[b] = (count[i] wrong[b,i]) / N
output deviation[b] = abs(quantile) * sqrt(rate[b] * (1 - rate[b]) / N)
centre[b] = (rate[b] + quantile ^ 2 / (2 * N)) / (1 + quantile ^ 2 / N)
half[b] = abs(quantile) * sqrt(rate[b] * (1 - rate[b]) / N + quantile ^ 2 / (4 * N ^ 2)) / (1 + quantile ^ 2 / N)
output low[b] = centre[b] - half[b]
output high[b] = centre[b] + half[b]

law contains:  low[b] <= rate[b] <= high[b]
law unit:      0 <= low[b] and high[b] <= 1
law score:     (rate[b] - low[b]) ^ 2 == quantile ^ 2 * low[b] * (1 - low[b]) / N
law mirrored:  low'[b] == 1 - high[b]   with wrong'[b,i] = not wrong[b,i]
law never:     high[b] == quantile ^ 2 / (N + quantile ^ 2)   with wrong[b,i] = false
