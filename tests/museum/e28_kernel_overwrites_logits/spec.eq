module CrossEntropyOfScores
"Cross-entropy whose logits are themselves a softmax."
source "linkedin/Liger-Kernel, issue 1251"

size  N, V
index n: N   v: V

input a[N, V]
input y[N] in V

z[n,v] = softmax[v] a[n,v]
logp[n,v] = log_softmax[v] z[n,v]
output loss = -mean[n] logp[n,y[n]]
