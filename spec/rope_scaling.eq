# Rotary positions stretched beyond the length of training, all on split halves (j, j + K/2).

module RotaryInterpolated
"Linear position interpolation: positions divided by the factor s."
source "Chen et al., Extending Context Window via Positional Interpolation, arXiv:2306.15595, eq. 4"

size  B, T, K, P = K // 2
require K % 2 == 0
index b: B   t: T   k: K   j: P

input x[B, T, K]
const s = 2
const base = 10000
require s >= 1, base > 0

angle[t,j] = t / s * base ^ (-2 * j / K)
output y[b,t,k] = if k < P
    then x[b,t,k] * cos(angle[t,k]) - x[b,t,k + P] * sin(angle[t,k])
    else x[b,t,k] * cos(angle[t,k - P]) + x[b,t,k - P] * sin(angle[t,k - P])

law isometric: sum[k] y[b,t,k] ^ 2 == sum[k] x[b,t,k] ^ 2


module RotaryNTK
"NTK-aware scaling: the base grows, so that the slowest pair is interpolated by s and the fastest keeps its frequency."
source "Peng et al., YaRN, arXiv:2309.00071, section 3.1"

size  B, T, K, P = K // 2
require K % 2 == 0, K > 2
index b: B   t: T   k: K   j: P

input x[B, T, K]
const s = 2
const base = 10000
require s >= 1, base > 0

raised = base * s ^ (K / (K - 2))
angle[t,j] = t * raised ^ (-2 * j / K)
output y[b,t,k] = if k < P
    then x[b,t,k] * cos(angle[t,k]) - x[b,t,k + P] * sin(angle[t,k])
    else x[b,t,k] * cos(angle[t,k - P]) + x[b,t,k - P] * sin(angle[t,k - P])

law slowest:   angle[t,j] == t / s * base ^ (-2 * j / K)   given j == P - 1
law isometric: sum[k] y[b,t,k] ^ 2 == sum[k] x[b,t,k] ^ 2


module RotaryDynamicNTK
"NTK-aware scaling whose factor follows the length T once it exceeds the N positions of training, as in Hugging Face."
source "Peng et al., YaRN, arXiv:2309.00071, section 3.3; Hugging Face modeling_rope_utils.py, dynamic"

size  B, T, N, K, P = K // 2
require K % 2 == 0, K > 2
index b: B   t: T   k: K   j: P

input x[B, T, K]
const s = 2
const base = 10000
require s >= 1, base > 0

stretch = s * max(T, N) / N - (s - 1)
raised = base * stretch ^ (K / (K - 2))
angle[t,j] = t * raised ^ (-2 * j / K)
output y[b,t,k] = if k < P
    then x[b,t,k] * cos(angle[t,k]) - x[b,t,k + P] * sin(angle[t,k])
    else x[b,t,k] * cos(angle[t,k - P]) + x[b,t,k - P] * sin(angle[t,k - P])

law within_training: angle[t,j] == t * base ^ (-2 * j / K)   given T <= N
law isometric:       sum[k] y[b,t,k] ^ 2 == sum[k] x[b,t,k] ^ 2


module RotaryYaRN
"YaRN as in Hugging Face: pairs up to `low` keep their frequency, pairs from `high` on are interpolated by s, and between them the two are mixed linearly in j; both ends rounded outwards to whole pairs."
source "Peng et al., YaRN, arXiv:2309.00071, sections 3.2 and 3.4; the authors' code, LlamaYaRNScaledRotaryEmbedding.py"

size  B, T, K, P = K // 2
require K % 2 == 0
index b: B   t: T   k: K   j: P

input x[B, T, K]
const s = 4
const base = 10000
const trained = 4096
const fast = 32
const slow = 1
require s >= 1, base > 1, trained > 0, fast > slow, slow > 0

# the pair that turns so many times over the length of training
low = max(floor(K * log(trained / (2 * pi * fast)) / (2 * log(base))), 0)
high = min(ceil(K * log(trained / (2 * pi * slow)) / (2 * log(base))), K - 1)
width = if low == high then 0.001 else high - low
ramp[j] = clip((j - low) / width, 0, 1)
frequency[j] = (1 - ramp[j] + ramp[j] / s) * base ^ (-2 * j / K)
temper = 1 + 0.1 * log(s)
angle[t,j] = t * frequency[j]
turned[b,t,k] = if k < P
    then x[b,t,k] * cos(angle[t,k]) - x[b,t,k + P] * sin(angle[t,k])
    else x[b,t,k] * cos(angle[t,k - P]) + x[b,t,k - P] * sin(angle[t,k - P])
output y[b,t,k] = temper * turned[b,t,k]

law tempered: sum[k] y[b,t,k] ^ 2 == temper ^ 2 * sum[k] x[b,t,k] ^ 2
law unscaled: frequency[j] == base ^ (-2 * j / K)   with s = 1


module RotaryYaRNUnrounded
"YaRN as in gpt-oss: the ends of the ramp are not rounded to whole pairs."
source "Peng et al., YaRN, arXiv:2309.00071, sections 3.2 and 3.4; gpt_oss/torch/model.py, RotaryEmbedding"

size  B, T, K, P = K // 2
require K % 2 == 0
index b: B   t: T   k: K   j: P

input x[B, T, K]
const s = 32
const base = 150000
const trained = 4096
const fast = 32
const slow = 1
require s >= 1, base > 1, trained > 0, fast > slow, slow > 0

low = K * log(trained / (2 * pi * fast)) / (2 * log(base))
high = K * log(trained / (2 * pi * slow)) / (2 * log(base))
ramp[j] = clip((j - low) / (high - low), 0, 1)
frequency[j] = (1 - ramp[j] + ramp[j] / s) * base ^ (-2 * j / K)
temper = 1 + 0.1 * log(s)
angle[t,j] = t * frequency[j]
turned[b,t,k] = if k < P
    then x[b,t,k] * cos(angle[t,k]) - x[b,t,k + P] * sin(angle[t,k])
    else x[b,t,k] * cos(angle[t,k - P]) + x[b,t,k - P] * sin(angle[t,k - P])
output y[b,t,k] = temper * turned[b,t,k]

law tempered: sum[k] y[b,t,k] ^ 2 == temper ^ 2 * sum[k] x[b,t,k] ^ 2
law unscaled: frequency[j] == base ^ (-2 * j / K)   with s = 1


module RotaryYaRNByTurns
"YaRN as the paper writes it: the ramp is linear in the number of turns that a pair makes over the length of training, not in the pair's number."
source "Peng et al., YaRN, arXiv:2309.00071, sections 3.2 and 3.4"

size  B, T, K, P = K // 2
require K % 2 == 0
index b: B   t: T   k: K   j: P

input x[B, T, K]
const s = 4
const base = 10000
const trained = 4096
const fast = 32
const slow = 1
require s >= 1, base > 1, trained > 0, fast > slow, slow > 0

turns[j] = trained * base ^ (-2 * j / K) / (2 * pi)
kept[j] = clip((turns[j] - slow) / (fast - slow), 0, 1)
frequency[j] = (kept[j] + (1 - kept[j]) / s) * base ^ (-2 * j / K)
temper = 1 + 0.1 * log(s)
angle[t,j] = t * frequency[j]
turned[b,t,k] = if k < P
    then x[b,t,k] * cos(angle[t,k]) - x[b,t,k + P] * sin(angle[t,k])
    else x[b,t,k] * cos(angle[t,k - P]) + x[b,t,k - P] * sin(angle[t,k - P])
output y[b,t,k] = temper * turned[b,t,k]

law tempered: sum[k] y[b,t,k] ^ 2 == temper ^ 2 * sum[k] x[b,t,k] ^ 2
law unscaled: frequency[j] == base ^ (-2 * j / K)   with s = 1
