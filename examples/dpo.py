"""A hand-written DPO loss, held against `losses.dpo.DPO`.

lawful verify losses.dpo.DPO --impl examples.dpo:loss
lawful verify losses.dpo.DPO --impl examples.dpo:loss_beta_twice
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid


def loss(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float = 0.1) -> Tensor:
    """The loss of Rafailov et al., eq. 7, from four log-probabilities a pair."""
    return -logsigmoid(beta * ((lw - ll) - (rw - rl))).mean()


def loss_beta_twice(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float = 0.1) -> Tensor:
    """Wrong on purpose: β multiplies the margin twice. Near the reference the loss is log 2
    either way, so small tests do not see it."""
    return -logsigmoid(beta * (beta * ((lw - ll) - (rw - rl)))).mean()
