"""Greedy decoding of GPT-2 small with a KV cache, against transformers' `generate`.

    python benchmarks/rows/decoding_draft.py THREADS

Both run by turns in one process. Time per new token: of the process with one thread, of the
clock with more.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import torch
from lawful.generated.model import GPT2
from lawful.runtime.generate import generate
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

L, D, H, K, F, V, DELTA = 12, 768, 12, 64, 3072, 50257, 1024
PROMPT, NEW, CAPACITY, TURNS = 32, 16, 96, 5


def peer() -> GPT2LMHeadModel:
    """GPT-2 small at random, without the biases of attention, which the spec has not."""
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config()).eval()
    with torch.no_grad():
        for block in model.transformer.h:
            block.attn.c_attn.bias.zero_()
            block.attn.c_proj.bias.zero_()
            block.mlp.c_fc.bias.normal_(std=0.1)
    return model


def ours(model: GPT2LMHeadModel) -> GPT2:
    """The same model."""
    mine = GPT2(V=V, D=D, H=H, K=K, F=F, L=L, Delta=DELTA)
    params: dict[str, Tensor] = {
        "E": model.transformer.wte.weight,
        "pos": model.transformer.wpe.weight,
        "norm.g": model.transformer.ln_f.weight,
        "norm.c": model.transformer.ln_f.bias,
    }
    for i, block in enumerate(model.transformer.h):
        names = {"attn.W_Q": 0, "attn.W_K": 1, "attn.W_V": 2}
        for name, part in names.items():
            weight = block.attn.c_attn.weight.split(D, 1)[part]
            params[f"block.{i}.{name}"] = weight.T.reshape(H, K, D)
        params[f"block.{i}.attn.W_O"] = block.attn.c_proj.weight.T.reshape(D, H, K)
        params[f"block.{i}.ffn.W_in"] = block.mlp.c_fc.weight.T
        params[f"block.{i}.ffn.c_in"] = block.mlp.c_fc.bias
        params[f"block.{i}.ffn.W_out"] = block.mlp.c_proj.weight.T
        params[f"block.{i}.ffn.c_out"] = block.mlp.c_proj.bias
        for name, norm in (("norm_attn", block.ln_1), ("norm_ffn", block.ln_2)):
            params[f"block.{i}.{name}.g"] = norm.weight
            params[f"block.{i}.{name}.c"] = norm.bias
    mine.load_state_dict(params)
    return mine


def main(threads: int) -> None:
    torch.set_num_threads(threads)
    theirs = peer()
    mine = ours(theirs)
    tok = torch.randint(V, (1, PROMPT), generator=torch.Generator().manual_seed(1))

    def run_peer(count: int) -> Tensor:
        found = theirs.generate(
            tok, max_new_tokens=count, do_sample=False, pad_token_id=0, eos_token_id=None
        )
        assert isinstance(found, Tensor)
        return found

    runs: dict[str, Callable[[int], Tensor]] = {
        "transformers": run_peer,
        "eager": lambda count: generate(mine, tok, count),
        "compiled": lambda count: generate(mine, tok, count, capacity=CAPACITY, compiled=True),
    }
    wanted = run_peer(NEW)
    for name, run in runs.items():
        start = time.perf_counter()
        assert run(NEW).equal(wanted), name
        print(f"{name}: {time.perf_counter() - start:.1f} s at first, the same tokens", flush=True)
    clock = time.process_time if threads == 1 else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(TURNS):
        for name, run in runs.items():
            start = clock()
            run(1)
            middle = clock()
            run(NEW)
            times[name].append((clock() - middle - (middle - start)) / (NEW - 1))
    for name, found in times.items():
        ratios = [a / b for a, b in zip(times["transformers"], found, strict=True)]
        middle, least = statistics.median(found) * 1e3, min(found) * 1e3
        faster = f"{statistics.median(ratios):.2f} times faster"
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(f"{name}: {middle:.1f} ms a token (least {least:.1f}), {faster} ({spread})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
