# Feed-forward layers: features mixed at each position by itself.

module FeedForward
"Two linear maps with biases and a GELU between them, the exact one, as in BERT and nn.GELU's default."
source "Vaswani et al., arXiv:1706.03762, section 3.3; Hendrycks and Gimpel, GELU, arXiv:1606.08415"

size  B, T, D, F
index b: B   t: T   d: D   f: F

input x[B, T, D]
param W_in[F, D]  ~ normal(std = 0.02)
param c_in[F]     = 0
param W_out[D, F] ~ normal(std = 0.02)
param c_out[D]    = 0

hidden[b,t,f] = gelu(sum[d] W_in[f,d] * x[b,t,d] + c_in[f])
output y[b,t,d] = sum[f] W_out[d,f] * hidden[b,t,f] + c_out[d]


module FeedForwardTanhGELU
"Two linear maps with biases and between them the tanh approximation of the GELU, as in GPT-2."
source "Hendrycks and Gimpel, GELU, arXiv:1606.08415, section 2"
source "Radford et al., Language Models are Unsupervised Multitask Learners, 2019"

size  B, T, D, F
index b: B   t: T   d: D   f: F

input x[B, T, D]
param W_in[F, D]  ~ normal(std = 0.02)
param c_in[F]     = 0
param W_out[D, F] ~ normal(std = 0.02)
param c_out[D]    = 0

hidden[b,t,f] = gelu_tanh(sum[d] W_in[f,d] * x[b,t,d] + c_in[f])
output y[b,t,d] = sum[f] W_out[d,f] * hidden[b,t,f] + c_out[d]


module SquaredReLU
"Two linear maps with a squared ReLU between them, no biases, as in Primer and nanochat."
source "So et al., Primer, arXiv:2109.08668, section 4.1"

size  B, T, D, F
index b: B   t: T   d: D   f: F

input x[B, T, D]
param W_in[F, D]  ~ normal(std = 0.02)
param W_out[D, F] ~ normal(std = 0.02)

hidden[b,t,f] = relu(sum[d] W_in[f,d] * x[b,t,d]) ^ 2
output y[b,t,d] = sum[f] W_out[d,f] * hidden[b,t,f]

law homogeneous: y'[b,t,d] == 9 * y[b,t,d]   with x'[b,t,d] = 3 * x[b,t,d]


module SwiGLU
"Gated feed-forward layer: a linear map of silu(gate) times up."
source "Shazeer, GLU Variants Improve Transformer, arXiv:2002.05202, eq. 6"

size  B, T, D, F
index b: B   t: T   d: D   f: F

input x[B, T, D]
param W_gate[F, D] ~ normal(std = 0.02)
param W_up[F, D]   ~ normal(std = 0.02)
param W_down[D, F] ~ normal(std = 0.02)

gate[b,t,f] = sum[d] W_gate[f,d] * x[b,t,d]
up[b,t,f] = sum[d] W_up[f,d] * x[b,t,d]
hidden[b,t,f] = silu(gate[b,t,f]) * up[b,t,f]
output y[b,t,d] = sum[f] W_down[d,f] * hidden[b,t,f]

law off_at_zero: y[b,t,d] == 0   with x[b,t,d] = 0


module ClampedSwiGLU
"Gated feed-forward layer of gpt-oss: the gate cut off above and the linear branch on both sides, a sigmoid of slope alpha, the linear branch raised by 1. Row 2f of the input map is a gate, row 2f + 1 its linear branch."
source "OpenAI, gpt-oss-120b and gpt-oss-20b Model Card, arXiv:2508.10925; gpt_oss/torch/model.py, swiglu"

size  B, T, D, F, R = 2 * F
index b: B   t: T   d: D   f: F   r: R

input x[B, T, D]
const alpha = 1.702
const limit = 7
require limit > 0
param W_in[R, D]  ~ normal(std = 0.02)
param c_in[R]     = 0
param W_out[D, F] ~ normal(std = 0.02)
param c_out[D]    = 0

pre[b,t,r] = sum[d] W_in[r,d] * x[b,t,d] + c_in[r]
gate[b,t,f] = min(pre[b,t,2 * f], limit)
linear[b,t,f] = clip(pre[b,t,2 * f + 1], -limit, limit)
hidden[b,t,f] = gate[b,t,f] * sigmoid(alpha * gate[b,t,f]) * (linear[b,t,f] + 1)
output y[b,t,d] = sum[f] W_out[d,f] * hidden[b,t,f] + c_out[d]
