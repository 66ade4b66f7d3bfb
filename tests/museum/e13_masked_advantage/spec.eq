module SequenceAdvantage
"One advantage for a whole sequence: the mean over its tokens, 0 where there is none."
source "Zheng et al., Group Sequence Policy Optimization, arXiv:2507.18071"

size  B, T
index b: B   t: T
input A[B, T], m[B, T] in bool
output a[b] = (sum[t if m[b,t]] A[b,t]) / max(count[t] (m[b,t]), 1)

law padding_unread: a'[b] == a[b]   with A'[b,t] = if m[b,t] then A[b,t] else 1e4
