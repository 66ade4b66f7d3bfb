# Guidance as libraries have it, where the library of lawful has no such convention.

module ClassifierFreeGuidanceBeyond1
"The law whose logits go from the unconditional ones beyond the conditional ones: a scale of more than 1."
source "Ho and Salimans, arXiv:2207.12598, eq. 6; ClassifierFreeGuidanceLogitsProcessor of Hugging Face"

size  B, V
index b: B   v: V

input z_c[B, V]
input z_u[B, V]
const s = 1.5
require s > 1

output q[b,v] = softmax[v] (z_u[b,v] + s * (z_c[b,v] - z_u[b,v]))
