# Direct preference optimisation from the logits of the policy, as a training step has them.

import DPO from losses.dpo
import SequenceLogProb from losses.next_token

module DPOFromLogits
"DPO on the log-probabilities of the tokens of the preferred (w) and the rejected (l) answer, by the logits of the policy: position s predicts tok[b,s+1], counted where m[b,s+1], which leaves out prompt and padding. rw and rl are the sums of the reference."
source "Rafailov et al., Direct Preference Optimization, arXiv:2305.18290, eq. 7; TRL, dpo_trainer.py, loss_type sigmoid"

size  B, T, V, S = T - 1
index b: B   s: S   t: T   v, u: V

input z_w[B, T, V], z_l[B, T, V]
input tok_w[B, T] in V
input tok_l[B, T] in V
input rw[B], rl[B]
input m_w[B, T] in bool = true
input m_l[B, T] in bool = true
const beta = 0.1

lw = SequenceLogProb(z = z_w, tok = tok_w, m = m_w)
ll = SequenceLogProb(z = z_l, tok = tok_l, m = m_l)
output loss = DPO(lw = lw, ll = ll, rw = rw, rl = rl, beta = beta)

law at_reference:    loss == log(2)   with rw[b] = lw[b], rl[b] = ll[b]
law shift_invariant: loss' == loss    with z_w'[b,t,v] = z_w[b,t,v] + 3
law last_unused:     grad(loss, z_w[b,t,v]) == 0 and grad(loss, z_l[b,t,v]) == 0   given t == T - 1
law gradient_w:      grad(loss, z_w[b,s,v]) == -(beta * sigmoid(beta * ((ll[b] - rl[b]) - (lw[b] - rw[b]))) / B) * [m_w[b,s + 1]] * ([v == tok_w[b,s + 1]] - exp(z_w[b,s,v] - logsumexp[u] z_w[b,s,u]))
law gradient_l:      grad(loss, z_l[b,s,v]) == (beta * sigmoid(beta * ((ll[b] - rl[b]) - (lw[b] - rw[b]))) / B) * [m_l[b,s + 1]] * ([v == tok_l[b,s + 1]] - exp(z_l[b,s,v] - logsumexp[u] z_l[b,s,u]))
