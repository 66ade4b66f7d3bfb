"""Direct preference optimisation from logits, forward and backward."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from harness import Gate, Pair, Row, gradients
from torch import Tensor

BETA = 0.1


def pair(B: int, T: int, V: int) -> Pair:
    """DPO of B preferred answers (the first half of the batch) and as many rejected ones."""
    from trl.trainer.utils import selective_log_softmax

    torch.manual_seed(0)
    z = torch.randn(2 * B, T, V).requires_grad_()
    tok = torch.randint(V, (2 * B, T))
    m = (torch.arange(T) >= T // 4).expand(2 * B, T)  # the prompt does not count
    reference = torch.randn(2 * B) - T * torch.log(torch.tensor(V))

    def ours() -> dict[str, Tensor]:
        return gradients({"loss": _ours(z, tok, m, reference)}, {"z": z})

    def peer() -> dict[str, Tensor]:
        each = selective_log_softmax(z[:, :-1], tok[:, 1:])
        l_w, l_l = (each * m[:, 1:]).sum(1).chunk(2)
        r_w, r_l = reference.chunk(2)
        loss = -F.logsigmoid(BETA * ((l_w - r_w) - (l_l - r_l))).mean()
        return gradients({"loss": loss}, {"z": z})

    return Pair(ours, peer, lambda: torch.softmax(z.detach(), dim=-1))


def _ours(z: Tensor, tok: Tensor, m: Tensor, reference: Tensor) -> Tensor:
    from lawful.generated.losses.dpo import dpo
    from lawful.generated.losses.next_token import sequence_log_prob

    l_w, l_l = sequence_log_prob(z, tok, m).chunk(2)
    r_w, r_l = reference.chunk(2)
    return dpo(l_w, l_l, r_w, r_l, beta=BETA)


def _row(B: int, T: int, V: int) -> Row:
    return Row(
        f"dpo.v{V}",
        f"B={B} T={T} V={V}",
        f"losses.next_token.SequenceLogProb and losses.dpo.DPO from logits, forward and "
        f"backward, {B} pairs, T={T} V={V}, float32",
        "TRL selective_log_softmax and F.logsigmoid",
        partial(pair, B, T, V),
        (Gate("time", 0.6, 0.35), Gate("memory", 0.55)),
        "torch.softmax of the logits: read once, written once",
        ("trl",),
    )


ROWS = [_row(4, 128, 50257), _row(4, 256, 32000)]
