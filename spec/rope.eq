# Rotary position embeddings: pairs of features turn with the position.

module RotaryInterleaved
"Rotary positions on neighbouring features (2j, 2j+1), as in the paper, Llama's own code and GPT-J."
source "Su et al., RoFormer, arXiv:2104.09864, eq. 15 and 34"

size  B, T, K, P = K // 2
require K % 2 == 0
index b: B   t: T   k: K   j: P

input x[B, T, K]
const base = 10000
require base > 0

angle[t,j] = t * base ^ (-2 * j / K)
output y[b,t,k] = if k % 2 == 0
    then x[b,t,k] * cos(angle[t,k // 2]) - x[b,t,k + 1] * sin(angle[t,k // 2])
    else x[b,t,k] * cos(angle[t,k // 2]) + x[b,t,k - 1] * sin(angle[t,k // 2])

law start:     y[b,t,k] == x[b,t,k]   given t == 0
law isometric: sum[k] y[b,t,k] ^ 2 == sum[k] x[b,t,k] ^ 2


module RotaryHalves
"Rotary positions on split halves (j, j + K/2), as in GPT-NeoX and Hugging Face: the interleaved rotation under a fixed permutation of the features."
source "Black et al., GPT-NeoX-20B, arXiv:2204.06745, section 2.1"

size  B, T, K, P = K // 2
require K % 2 == 0
index b: B   t: T   k: K   j: P

input x[B, T, K]
const base = 10000
require base > 0

angle[t,j] = t * base ^ (-2 * j / K)
output y[b,t,k] = if k < P
    then x[b,t,k] * cos(angle[t,k]) - x[b,t,k + P] * sin(angle[t,k])
    else x[b,t,k] * cos(angle[t,k - P]) + x[b,t,k - P] * sin(angle[t,k - P])

law start:     y[b,t,k] == x[b,t,k]   given t == 0
law isometric: sum[k] y[b,t,k] ^ 2 == sum[k] x[b,t,k] ^ 2


module RotaryHalvesByPermutation
"Rotary positions on split halves, as a permutation, the interleaved rotation, and the permutation undone: feature j of either half is put at 2j or 2j + 1."
source "Black et al., GPT-NeoX-20B, arXiv:2204.06745, section 2.1; Su et al., RoFormer, arXiv:2104.09864, eq. 34"

size  B, T, K, P = K // 2
require K % 2 == 0
index b: B   t: T   k: K   j: P

input x[B, T, K]
const base = 10000
require base > 0

angle[t,j] = t * base ^ (-2 * j / K)
paired[b,t,k] = if k % 2 == 0 then x[b,t,k // 2] else x[b,t,P + k // 2]
turned[b,t,k] = if k % 2 == 0
    then paired[b,t,k] * cos(angle[t,k // 2]) - paired[b,t,k + 1] * sin(angle[t,k // 2])
    else paired[b,t,k] * cos(angle[t,k // 2]) + paired[b,t,k - 1] * sin(angle[t,k // 2])
output y[b,t,k] = if k < P then turned[b,t,2 * k] else turned[b,t,2 * (k - P) + 1]


module RotaryAtPositions
"Rotary positions on split halves where each token brings its position, out of N: for rows padded on the left, and for packed documents."
source "Su et al., RoFormer, arXiv:2104.09864, eq. 15; the position_ids of Hugging Face"

size  B, T, N, K, P = K // 2
require K % 2 == 0
index b: B   t: T   k: K   j: P

input x[B, T, K]
input pos[B, T] in N
const base = 10000
require base > 0

angle[b,t,j] = pos[b,t] * base ^ (-2 * j / K)
output y[b,t,k] = if k < P
    then x[b,t,k] * cos(angle[b,t,k]) - x[b,t,k + P] * sin(angle[b,t,k])
    else x[b,t,k] * cos(angle[b,t,k - P]) + x[b,t,k - P] * sin(angle[b,t,k - P])

law start:     y[b,t,k] == x[b,t,k]   with pos[b,t] = 0
law isometric: sum[k] y[b,t,k] ^ 2 == sum[k] x[b,t,k] ^ 2


module RotaryScores
"Scores between queries and keys that rotary positions turned: they depend on the distance of the two positions alone."
source "Su et al., RoFormer, arXiv:2104.09864, eq. 11 and 16"

size  B, T, K, P = K // 2
require K % 2 == 0
index b: B   t, u: T   i: K   j: P

input q[B, T, K]
input k[B, T, K]
const base = 10000
require base > 0

angle[t,j] = t * base ^ (-2 * j / K)
q_rot[b,t,i] = if i < P
    then q[b,t,i] * cos(angle[t,i]) - q[b,t,i + P] * sin(angle[t,i])
    else q[b,t,i] * cos(angle[t,i - P]) + q[b,t,i - P] * sin(angle[t,i - P])
k_rot[b,u,i] = if i < P
    then k[b,u,i] * cos(angle[u,i]) - k[b,u,i + P] * sin(angle[u,i])
    else k[b,u,i] * cos(angle[u,i - P]) + k[b,u,i - P] * sin(angle[u,i - P])
output s[b,t,u] = sum[i] q_rot[b,t,i] * k_rot[b,u,i]

between[t,u,j] = (t - u) * base ^ (-2 * j / K)
along[b,t,u,j] = q[b,t,j] * k[b,u,j] + q[b,t,j + P] * k[b,u,j + P]
across[b,t,u,j] = q[b,t,j] * k[b,u,j + P] - q[b,t,j + P] * k[b,u,j]
law by_distance: s[b,t,u] == sum[j] (along[b,t,u,j] * cos(between[t,u,j]) + across[b,t,u,j] * sin(between[t,u,j]))

law relative:    s'[b,t,u] == s[b,t - 1,u - 1]   given t > 0 and u > 0
    with q'[b,t,i] = if t > 0 then q[b,t - 1,i] else 0,
         k'[b,t,i] = if t > 0 then k[b,t - 1,i] else 0
