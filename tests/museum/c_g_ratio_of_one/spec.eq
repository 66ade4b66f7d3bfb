module OnPolicySurrogate
"The policy-gradient surrogate where the policy that drew the answers is the one that learns."
source "huggingface/trl, grpo_trainer.py, with one iteration"

size  B, T
index b: B   t: T

input lp[B, T], A[B]
input m[B, T] in bool = true

ratio[b,t] = exp(lp[b,t] - stop(lp[b,t]))
output loss = -mean[b,t if m[b,t]] ratio[b,t] * A[b]
