# Whole language models, and the loss that trains them.

import GPT2Block, PreNormBlock from blocks
import NextTokenLaw, PositionedEmbedding, TokenEmbedding, Unembedding from embedding
import NextTokenCrossEntropy from losses.next_token
import LayerNorm, RMSNorm from norms

module Transformer
"Decoder-only language model over a context window of at most Δ tokens: embedding, L pre-norm blocks, a last normalisation, logits z by a table of their own, and at each position the law p of the next token at temperature tau."
source "arXiv:2602.00426, Part 1; Touvron et al., LLaMA, arXiv:2302.13971"

size  B, T, V, D, H, G, K, F, L, Δ
require T <= Δ
index b: B   s, t: T   l: L   v: V

input tok[B, T] in V
const tau = 1
const base = 10000
const eps = 1e-6
require tau > 0, base > 0, eps >= 0
use embed: TokenEmbedding(V = V, D = D)
use block[L]: PreNormBlock(H = H, G = G, K = K, F = F, base = base, eps = eps)
use norm: RMSNorm(eps = eps)
use unembed: Unembedding(V = V)
incremental t

h[0] = embed(tok = tok)
h[l+1] = block[l](x = h[l])
h_n = norm(x = h[L])
output z = unembed(h = h_n)
output p = NextTokenLaw(z = z, tau = tau)

law normalised: sum[v] p[b,t,v] == 1
law causal:     z'[b,t,v] == z[b,t,v]   given t <= s   with tok'[b,t] = if t <= s then tok[b,t] else 0


module TransformerTied
"Decoder-only language model with one table for embedding and logits, otherwise as Transformer."
source "arXiv:2602.00426, Part 1; Press and Wolf, arXiv:1608.05859"

size  B, T, V, D, H, G, K, F, L, Δ
require T <= Δ
index b: B   s, t: T   d: D   l: L   v: V

input tok[B, T] in V
const tau = 1
const base = 10000
const eps = 1e-6
require tau > 0, base > 0, eps >= 0
param E[V, D] ~ normal(std = 0.02)
use block[L]: PreNormBlock(H = H, G = G, K = K, F = F, base = base, eps = eps)
use norm: RMSNorm(eps = eps)
incremental t

e[b,t,d] = E[tok[b,t],d]
h[0] = e
h[l+1] = block[l](x = h[l])
h_n = norm(x = h[L])
output z[b,t,v] = sum[d] E[v,d] * h_n[b,t,d]
output p = NextTokenLaw(z = z, tau = tau)

law normalised: sum[v] p[b,t,v] == 1
law causal:     z'[b,t,v] == z[b,t,v]   given t <= s   with tok'[b,t] = if t <= s then tok[b,t] else 0


module GPT2
"Decoder-only language model with learned absolute positions in a context window of Δ tokens and one table for embedding and logits, as in GPT-2 but for the biases of its attention."
source "Radford et al., Language Models are Unsupervised Multitask Learners, 2019, section 2.3"

size  B, T, V, D, H, K, F, L, Δ
require T <= Δ
index b: B   s, t: T   d: D   l: L   v: V

input tok[B, T] in V
const eps = 1e-5
require eps >= 0
param E[V, D]   ~ normal(std = 0.02)
param pos[Δ, D] ~ normal(std = 0.02)
use block[L]: GPT2Block(H = H, K = K, F = F, eps = eps)
use norm: LayerNorm(eps = eps)
incremental t

e[b,t,d] = E[tok[b,t],d] + pos[t,d]
h[0] = e
h[l+1] = block[l](x = h[l])
h_n = norm(x = h[L])
output z[b,t,v] = sum[d] E[v,d] * h_n[b,t,d]

law causal: z'[b,t,v] == z[b,t,v]   given t <= s   with tok'[b,t] = if t <= s then tok[b,t] else 0


module PretrainingLoss
"Mean next-token loss of a Transformer over a batch of the corpus, over the positions that the mask admits."
source "arXiv:2602.00426, Part 1: pre-training by next-token prediction"

size  B, T, V, D, H, G, K, F, L, Δ

input tok[B, T] in V
input m[B, T] in bool = true
const base = 10000
const eps = 1e-6
require base > 0, eps >= 0
use model: Transformer(V = V, D = D, H = H, G = G, K = K, F = F, L = L, Δ = Δ, base = base, eps = eps)

r = model(tok = tok)
output loss = NextTokenCrossEntropy(z = r.z, tok = tok, m = m)
