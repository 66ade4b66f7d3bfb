"""Torch's cross-entropy, held against `losses.next_token.NextTokenCrossEntropy`.

    lawful verify losses.next_token.NextTokenCrossEntropy --impl examples.cross_entropy:loss
    lawful verify losses.next_token.NextTokenCrossEntropy \\
        --impl examples.cross_entropy:loss_mean_of_means
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

IGNORED = -100


def _labels(tok: Tensor, m: Tensor) -> Tensor:
    """The token that each position but the last should predict, or IGNORED."""
    return torch.where(m[:, 1:], tok[:, 1:], IGNORED)


def loss(z: Tensor, tok: Tensor, m: Tensor) -> Tensor:
    """`cross_entropy` on logits and labels shifted against one another by one position."""
    return cross_entropy(z[:, :-1].flatten(0, 1), _labels(tok, m).flatten(), ignore_index=IGNORED)


def loss_mean_of_means(z: Tensor, tok: Tensor, m: Tensor) -> Tensor:
    """Wrong on purpose: each sequence's mean first, then the mean of those, as gradient
    accumulation over micro-batches did for years. Right only where all lengths are equal."""
    rows = [
        cross_entropy(z_row, labels, ignore_index=IGNORED)
        for z_row, labels in zip(z[:, :-1], _labels(tok, m), strict=True)
    ]
    return torch.stack(rows).nanmean()
