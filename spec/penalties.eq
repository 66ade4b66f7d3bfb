# Penalties on the logits of tokens that have occurred. m says which positions count.

module RepetitionPenalty
"Tokens that have occurred lose: a negative logit is multiplied by theta, any other divided by it. As in CTRL and Hugging Face."
source "Keskar et al., CTRL, arXiv:1909.05858, section 4.1; the sign rule of RepetitionPenaltyLogitsProcessor of Hugging Face"

size  B, T, V
index b: B   t: T   v: V

input z[B, V]
input tok[B, T] in V
input m[B, T] in bool = true
const theta = 1.2
require theta > 0

seen[b,v] = any[t] (m[b,t] and tok[b,t] == v)
output y[b,v] = if not seen[b,v] then z[b,v]
    else if z[b,v] < 0 then z[b,v] * theta
    else z[b,v] / theta

law off:     y[b,v] == z[b,v]    with theta = 1
law inverse: y'[b,v] == z[b,v]   with z'[b,v] = y[b,v], theta' = 1 / theta
law lowers:  y[b,v] <= z[b,v]    given theta >= 1
law unseen:  y[b,v] == z[b,v]    given not seen[b,v]


module PresenceFrequencyPenalty
"The logit of a token falls by presence once it has occurred, and by frequency each time; as in OpenAI's interface and vLLM."
source "OpenAI API reference, presence_penalty and frequency_penalty; apply_penalties of vLLM"

size  B, T, V
index b: B   t: T   v: V

input z[B, V]
input tok[B, T] in V
input m[B, T] in bool = true
const presence = 0.5, frequency = 0.5

times[b,v] = count[t] (m[b,t] and tok[b,t] == v)
output y[b,v] = z[b,v] - presence * [times[b,v] > 0] - frequency * times[b,v]

law off:      y[b,v] == z[b,v]    with presence = 0, frequency = 0
law inverse:  y'[b,v] == z[b,v]   with z'[b,v] = y[b,v], presence' = -presence, frequency' = -frequency
law total:    sum[v] (z[b,v] - y[b,v]) == frequency * (count[t] m[b,t])   with presence = 0


module Penalties
"All three penalties in vLLM's order: repetition over prompt and output, then frequency and presence over the output alone."
source "apply_penalties of vLLM; Keskar et al., CTRL, arXiv:1909.05858, section 4.1"

size  B, S, T, V
index b: B   s: S   t: T   v: V

input z[B, V]
input prompt[B, S] in V
input tok[B, T] in V
input m[B, T] in bool = true
const theta = 1, presence = 0, frequency = 0
require theta > 0

times[b,v] = count[t] (m[b,t] and tok[b,t] == v)
seen[b,v] = times[b,v] > 0 or any[s] (prompt[b,s] == v)
factor[b,v] = if not seen[b,v] then 1 else if z[b,v] < 0 then theta else 1 / theta
output y[b,v] = factor[b,v] * z[b,v] - frequency * times[b,v] - presence * [times[b,v] > 0]

law off:    y[b,v] == z[b,v]   with theta = 1, presence = 0, frequency = 0
law unseen: y[b,v] == z[b,v]   given not seen[b,v]
law prompt: y[b,v] == z[b,v] * factor[b,v]   given times[b,v] == 0


module DRYPenalty
"Don't repeat yourself: a token that would lengthen a repetition of at least allowed tokens loses multiplier * base ^ (its length - allowed). Sequence breakers are left to the caller. As in llama.cpp and text-generation-webui."
source "p-e-w, DRY: A modern repetition penalty, oobabooga/text-generation-webui pull request 5677; llama_sampler_dry of llama.cpp"

size  B, T, V
index b: B   t, i, j: T   v: V

input z[B, V]
input tok[B, T] in V
const multiplier = 0.75, base = 1.75, allowed = 2
require multiplier >= 0, base >= 1, allowed >= 1

# how many tokens before place t are those at the end, and so how long a repetition tok[t] would lengthen
alike[b,t] = count[i if i < t] (all[j if j <= i] (tok[b,t - 1 - j] == tok[b,T - 1 - j]))
repeated[b,v] = if any[t] (tok[b,t] == v) then max[t if tok[b,t] == v] alike[b,t] else 0
output y[b,v] = if repeated[b,v] >= allowed
    then z[b,v] - multiplier * base ^ (repeated[b,v] - allowed)
    else z[b,v]

law off:      y[b,v] == z[b,v]                given repeated[b,v] < allowed
law lowers:   y[b,v] <= z[b,v]
law constant: repeated[b,v] == (T - 1) * [v == 0]   with tok[b,t] = 0
