"""Greedy decoding with a cache: GPT-2 small, from the same weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from harness import Gate, Pair, Row
from torch import Tensor

SMALL = {"V": 50257, "D": 768, "H": 12, "K": 64, "F": 3072, "L": 12, "Delta": 1024}
PROMPT, NEW = 16, 24


def pair(
    B: int,
    prompt: int = PROMPT,
    new: int = NEW,
    compiled: bool = False,
    device: str = "cpu",
    sizes: dict[str, int] = SMALL,
) -> Pair:
    """New tokens after a prompt. They must be equal, and so that this says something, they
    must not all be the same ones."""
    ours, peer = models(sizes, device)
    tok = torch.randint(sizes["V"], (B, prompt), device=device)
    generate = greedy(compiled)

    def our_side() -> dict[str, Tensor]:
        return {"tokens": generate(ours, tok, new)}

    @torch.no_grad()
    def peer_side() -> dict[str, Tensor]:
        found = peer.generate(
            tok,
            attention_mask=torch.ones_like(tok),
            max_new_tokens=new,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        return {"tokens": found[:, prompt:]}

    drawn = peer_side()["tokens"]
    assert len(drawn.unique()) >= min(new, 3), f"the tokens say little: {drawn.tolist()}"
    return Pair(our_side, peer_side, partial(_least, dict(ours.named_parameters()), B, new))


def at_position(B: int, position: int, new: int = 4) -> Pair:
    """A few tokens after so many that are in the cache already; both caches are set back."""
    from transformers import DynamicCache

    ours, peer = models(SMALL, "cpu")
    tok = torch.randint(SMALL["V"], (B, position))
    following = torch.randint(SMALL["V"], (B, new))
    cache = ours.init_cache(position + new)
    past = DynamicCache(config=peer.config)
    with torch.no_grad():
        ours.step(cache, tok)
        peer(tok, cache=past)

    def our_side() -> dict[str, Tensor]:
        _set_back(cache, position)
        steps = [ours.step(cache, following[:, t : t + 1])[0] for t in range(new)]
        return {"logits": torch.cat(steps, dim=1)}

    @torch.no_grad()
    def peer_side() -> dict[str, Tensor]:
        if past.get_seq_length() > position:
            past.crop(position - past.get_seq_length())
        steps = [peer(following[:, t : t + 1], cache=past).logits for t in range(new)]
        return {"logits": torch.cat(steps, dim=1)}

    least = partial(_least, dict(ours.named_parameters()), B, new)
    return Pair(our_side, peer_side, least, tolerance=1e-3)


def _set_back(cache: Any, position: int) -> None:
    cache.length = position
    for child in cache.children.values():
        _set_back(child, position)


def greedy(compiled: bool) -> Callable[[Any, Tensor, int], Tensor]:
    """A function from a model, a prompt and a number to so many new tokens."""
    from lawful.runtime.generate import generate

    def added(model: Any, tok: Tensor, new: int) -> Tensor:
        return generate(model, tok, new, compiled=compiled)[:, tok.shape[1] :]

    return added


def models(sizes: dict[str, int], device: str) -> tuple[Any, Any]:
    """Ours, and that of transformers with the same weights and no biases in its attention. The
    weights are larger than a model starts with, so that what comes next is not what was last."""
    from lawful.generated.model import GPT2
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    ours = GPT2(**sizes, device=device)
    config = GPT2Config(
        vocab_size=sizes["V"],
        n_positions=sizes["Delta"],
        n_embd=sizes["D"],
        n_layer=sizes["L"],
        n_head=sizes["H"],
        n_inner=sizes["F"],
        attn_implementation="sdpa",
        bos_token_id=None,
        eos_token_id=None,
    )
    peer = GPT2LMHeadModel(config).to(device).eval()
    with torch.no_grad():
        for name, param in ours.named_parameters():
            if name.startswith("block.") and param.dim() > 1:
                param.mul_(5)
        _copy(ours, peer.transformer)
    return ours, peer


def _copy(ours: Any, peer: Any) -> None:
    peer.wte.weight.copy_(ours.E)
    peer.wpe.weight.copy_(ours.pos)
    norms = [(ours.norm, peer.ln_f)]
    for mine, theirs in zip(ours.block, peer.h, strict=True):
        norms += [(mine.norm_attn, theirs.ln_1), (mine.norm_ffn, theirs.ln_2)]
        attn, ffn = mine.attn, mine.ffn
        qkv = torch.cat([W.flatten(0, 1) for W in (attn.W_Q, attn.W_K, attn.W_V)])
        theirs.attn.c_attn.weight.copy_(qkv.T)
        theirs.attn.c_proj.weight.copy_(attn.W_O.flatten(1).T)
        for layer in (theirs.attn.c_attn, theirs.attn.c_proj):
            layer.bias.zero_()
        for layer, W, c in (
            (theirs.mlp.c_fc, ffn.W_in, ffn.c_in),
            (theirs.mlp.c_proj, ffn.W_out, ffn.c_out),
        ):
            layer.weight.copy_(W.T)
            layer.bias.copy_(c)
    for norm, its in norms:
        its.weight.copy_(norm.g)
        its.bias.copy_(norm.c)


@torch.no_grad()
def _least(params: dict[str, Tensor], B: int, new: int) -> None:
    """Each matrix times B vectors, once for each token."""
    matrices = [p.flatten(1) for name, p in params.items() if p.dim() > 1 and name != "pos"]
    vectors = {W.shape[1]: torch.ones(W.shape[1], B, device=W.device) for W in matrices}
    for _ in range(new):
        for W in matrices:
            W @ vectors[W.shape[1]]


def _row(B: int, threads: int, compiled: bool, gates: tuple[Gate, ...]) -> Row:
    how = ", our step compiled" if compiled else ""
    count = "1 thread" if threads == 1 else f"{threads} threads"
    return Row(
        f"decoding.threads{threads}" + ("_compiled" if compiled else ""),
        f"{count}{how}",
        f"model.GPT2, GPT-2 small, B={B}, {NEW} tokens after {PROMPT}, float32, {count}{how}",
        "transformers generate, greedy",
        partial(pair, B, compiled=compiled),
        gates,
        "each matrix times a vector by torch, once for each token",
        ("transformers",),
        threads,
    )


def _point(axis: str, x: int, build: Callable[[], Pair], peer: str) -> Row:
    return Row(
        f"decoding.over_{axis}.{x}",
        f"{axis}={x}",
        f"model.GPT2, GPT-2 small, float32, {axis} {x}",
        peer,
        build,
        floor="each matrix times as many vectors, once for each token",
        needs=("transformers",),
        sweep=(f"decoding: {axis}", x),
    )


ROWS = [
    _row(1, threads, compiled, (Gate("speedup", bound),) if compiled else ())
    for threads, bound in ((1, 1.2), (2, 1.6))
    for compiled in (True, False)
]
ROWS += [
    _point("batch", B, partial(pair, B, 16, 4), "transformers generate, greedy")
    for B in (1, 2, 4, 8)
]
ROWS += [
    _point("position", p, partial(at_position, 1, p), "the step of transformers")
    for p in (64, 128, 256, 512, 1000)
]
