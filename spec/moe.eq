# Mixtures of experts: which experts a token goes to, with what weight, and the layer itself.

module RenormalisedGate
"Softmax over all experts, the top_k largest kept (ties: the smaller number first) and divided by their sum, as in Mixtral and Qwen-MoE with norm_topk_prob."
source "Jiang et al., Mixtral of Experts, arXiv:2401.04088, section 2.1; Hugging Face modeling_mixtral.py"

size  N, E
index n: N   e, f: E

input z[N, E]
const top_k = 2
require top_k >= 1

p[n,e] = softmax[e] z[n,e]
place[n,e] = rank[e] z[n,e]
output g[n,e] = [place[n,e] < top_k] * p[n,e] / (sum[f if place[n,f] < top_k] p[n,f])

law normalised: sum[e] g[n,e] == 1


module GateOfChosen
"Softmax over the logits of the top_k experts alone, as in gpt-oss: the same weights as those of all experts, renormalised."
source "Jiang et al., Mixtral of Experts, arXiv:2401.04088, section 2.1; gpt_oss/torch/model.py, MLPBlock"

size  N, E
index n: N   e: E

input z[N, E]
const top_k = 2
require top_k >= 1

place[n,e] = rank[e] z[n,e]
output g[n,e] = softmax[e if place[n,e] < top_k] z[n,e]

law normalised:      sum[e] g[n,e] == 1
law shift_invariant: g'[n,e] == g[n,e]   with z'[n,e] = z[n,e] + 3


module SoftmaxGate
"Softmax over all experts, the top_k largest kept as they are, as in Switch (top_k = 1), DeepSeek-V2 and Qwen-MoE without norm_topk_prob: the weights sum to less than 1."
source "Fedus et al., Switch Transformers, arXiv:2101.03961, eq. 1 and 2; Hugging Face modeling_qwen2_moe.py"

size  N, E
index n: N   e: E

input z[N, E]
const top_k = 2
require top_k >= 1

p[n,e] = softmax[e] z[n,e]
place[n,e] = rank[e] z[n,e]
output g[n,e] = [place[n,e] < top_k] * p[n,e]

law at_most_one: sum[e] g[n,e] <= 1


module SigmoidGate
"Sigmoid scores; a bias takes part in the choice of the top_k experts and not in their weights, which are scaled to sum to `scale`, as in DeepSeek-V3 with one group of experts."
source "DeepSeek-AI, DeepSeek-V3, arXiv:2412.19437, section 2.1.2, eq. 12 to 16; Hugging Face modeling_deepseek_v3.py, for the 1e-20"

size  N, E
index n: N   e, f: E

input z[N, E]
input bias[E]
const top_k = 2
const scale = 1
const eps = 1e-20
require top_k >= 1, scale > 0, eps > 0

place[n,e] = rank[e] (sigmoid(z[n,e]) + bias[e])
output g[n,e] = if place[n,e] < top_k
    then scale * sigmoid(z[n,e]) / (sum[f if place[n,f] < top_k] sigmoid(z[n,f]) + eps)
    else 0

law at_most_scale: sum[e] g[n,e] <= scale


module MixtureOfExperts
"SwiGLU experts, of which each token uses the top_k that a linear router scores highest, weighted by the softmax of their scores."
source "Jiang et al., Mixtral of Experts, arXiv:2401.04088, section 2.1"

size  N, D, E, F
index n: N   d: D   e: E   f: F

input x[N, D]
const top_k = 2
require top_k >= 1
param W_router[E, D]  ~ normal(std = 0.02)
param W_gate[E, F, D] ~ normal(std = 0.02)
param W_up[E, F, D]   ~ normal(std = 0.02)
param W_down[E, D, F] ~ normal(std = 0.02)

z[n,e] = sum[d] W_router[e,d] * x[n,d]
place[n,e] = rank[e] z[n,e]
g[n,e] = softmax[e if place[n,e] < top_k] z[n,e]
gate[n,e,f] = sum[d] W_gate[e,f,d] * x[n,d]
up[n,e,f] = sum[d] W_up[e,f,d] * x[n,d]
expert[n,e,d] = sum[f] W_down[e,d,f] * silu(gate[n,e,f]) * up[n,e,f]
output y[n,d] = sum[e] g[n,e] * expert[n,e,d]

law unused: grad(y[n,d], W_down[e,d,f]) == 0   given place[n,e] >= top_k
