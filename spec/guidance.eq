# Guidance: two laws of the next token, with a condition and without it, combined.

module ClassifierFreeGuidance
"The law whose logits go from the unconditional ones towards the conditional ones, and beyond for s > 1."
source "Ho and Salimans, arXiv:2207.12598, eq. 6; Sanchez et al., Stay on Topic with Classifier-Free Guidance, arXiv:2306.17806"

size  B, V
index b: B   v: V

input z_c[B, V]
input z_u[B, V]
const s = 1.5

output q[b,v] = softmax[v] (z_u[b,v] + s * (z_c[b,v] - z_u[b,v]))

law conditional:   q[b,v] == softmax[v] z_c[b,v]   with s = 1
law unconditional: q[b,v] == softmax[v] z_u[b,v]   with s = 0
law agreement:     q[b,v] == softmax[v] z_u[b,v]   with z_c[b,v] = z_u[b,v]
law stochastic:    sum[v] q[b,v] == 1


module ClassifierFreeGuidanceLogProbs
"Guidance on log-probabilities, as in Hugging Face: the law is that of guidance on logits, since a softmax does not see what is added to a whole row."
source "UnbatchedClassifierFreeGuidanceLogitsProcessor of Hugging Face; Sanchez et al., arXiv:2306.17806"

size  B, V
index b: B   v: V

input z_c[B, V]
input z_u[B, V]
const s = 1.5

l_c[b,v] = log_softmax[v] z_c[b,v]
l_u[b,v] = log_softmax[v] z_u[b,v]
output q[b,v] = softmax[v] (l_u[b,v] + s * (l_c[b,v] - l_u[b,v]))

law conditional:   q[b,v] == exp(l_c[b,v])   with s = 1
law unconditional: q[b,v] == exp(l_u[b,v])   with s = 0


module ContrastiveDecoding
"The law of an expert's logits less an amateur's, over the tokens whose probability under the expert is at least alpha of the largest."
source "Li et al., Contrastive Decoding, arXiv:2210.15097"

size  B, V
index b: B   v, w: V

input z_e[B, V]
input z_a[B, V]
const alpha = 0.1
require 0 < alpha <= 1

plausible[b,v] = z_e[b,v] >= (max[w] z_e[b,w]) + log(alpha)
l_e[b,v] = log_softmax[v] z_e[b,v]
l_a[b,v] = log_softmax[v] z_a[b,v]
output q[b,v] = softmax[v if plausible[b,v]] (l_e[b,v] - l_a[b,v])

law stochastic:  sum[v] q[b,v] == 1
law blind_amateur: q[b,v] == softmax[v if plausible[b,v]] z_e[b,v]   with z_a[b,v] = 0
