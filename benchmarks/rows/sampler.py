"""One token by temperature, top-k and top-p."""

from __future__ import annotations

from functools import partial

import torch
from harness import Gate, Pair, Row
from torch import Tensor

TAU, TOP_K, TOP_P = 0.8, 50, 0.9


def pair(B: int, V: int, device: str = "cpu", compiled: bool = False) -> Pair:
    """What agrees is the law: what is drawn from it depends on the source of the draws."""
    from lawful.generated.samplers import top_k_top_p_sampler
    from transformers import (
        LogitsProcessorList,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    torch.manual_seed(0)
    z = torch.randn(B, V, device=device) * 2
    tok = torch.zeros(B, 1, dtype=torch.int64, device=device)
    process = LogitsProcessorList(
        [TemperatureLogitsWarper(TAU), TopKLogitsWarper(TOP_K), TopPLogitsWarper(TOP_P)]
    )

    draw = torch.compile(top_k_top_p_sampler) if compiled else top_k_top_p_sampler

    @torch.no_grad()
    def ours() -> dict[str, Tensor]:
        drawn = draw(z, tau=TAU, top_k=TOP_K, top_p=TOP_P)
        return {"q": drawn.q}

    @torch.no_grad()
    def peer() -> dict[str, Tensor]:
        q = torch.softmax(process(tok, z), dim=-1)
        torch.multinomial(q, num_samples=1)
        return {"q": q}

    return Pair(ours, peer, lambda: z.amax(dim=-1))


def _row(
    name: str,
    B: int,
    V: int,
    gates: tuple[Gate, ...] = (),
    sweep: tuple[str, int] | None = None,
    compiled: bool = False,
) -> Row:
    how = ", ours compiled" if compiled else ""
    return Row(
        name,
        f"V={V}" if sweep else f"B={B} V={V}{how}",
        f"samplers.TopKTopPSampler, B={B} V={V}, tau={TAU}, top_k={TOP_K}, top_p={TOP_P}, "
        f"float32{how}",
        "transformers logits processors, softmax and torch.multinomial",
        partial(pair, B, V, compiled=compiled),
        gates,
        "the largest logit: all are read once",
        ("transformers",),
        sweep=sweep,
    )


ROWS = [
    _row(f"sampler.b{B}{'_compiled' * compiled}", B, 50257, (gate,), compiled=compiled)
    for B, gate in ((32, Gate("speedup", 20, 40)), (1, Gate("speedup", 10)))
    for compiled in (False, True)
]
ROWS += [
    _row(f"sampler.over_v.{V}", 1, V, (), ("sampler: V", V)) for V in (1024, 4096, 16384, 65536)
]
