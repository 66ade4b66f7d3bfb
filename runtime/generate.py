"""Tokens from a model that is fed one position after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from ..generated.samplers import greedy_decoding
from .ops import Cache


class Incremental(Protocol):
    """A module of a spec that declares `incremental`, from tokens to logits: they are what
    `step` gives, or its field `z`."""

    def init_cache(self, capacity: int) -> Cache: ...

    def step(self, cache: Cache, tok: Tensor) -> tuple[Any, Cache]: ...


@torch.no_grad()
def generate(
    model: Incremental,
    tok: Tensor,
    count: int,
    choose: Callable[[Tensor], Any] = greedy_decoding,
    *,
    capacity: int | None = None,
    compiled: bool = False,
) -> Tensor:
    """The tokens `tok[B, T]` and `count` more after them, shape (B, T + count).

    The prompt is fed in one step, each token but the last in a step of its own.

    Args:
        model: a model with `init_cache` and `step`.
        tok: the prompt, integer, shape (B, T).
        count: how many tokens to add, at least 1.
        choose: the next tokens x[B] from logits z[B, V], or a record with a field `x`: a
            sampler of the library, `TopKTopPSampler(top_k=50)` say.
        capacity: how many positions the cache holds; as many as are fed where it is not given.
        compiled: whether steps of one token are compiled. That takes a minute for a large
            model, once for each batch size and capacity: give a `capacity` to prompts of
            several lengths. Compiled attention reads the whole capacity, so that it should not
            be much more than what is used. On CUDA a step is one CUDA graph.

    Raises:
        ValueError: nothing is to be added, or the cache has too little room.
    """
    fed = tok.shape[1] + count - 1
    if count < 1:
        raise ValueError(f"generate adds 1 token or more, not {count}")
    if capacity is not None and fed > capacity:
        raise ValueError(f"a cache for {capacity} positions cannot hold {fed}")
    cache = model.init_cache(fed if capacity is None else capacity)
    result, cache = model.step(cache, tok)
    step = _compiled(model, cache, tok.device) if compiled else model.step
    tokens = [tok, _chosen(choose, result)]
    for _ in range(count - 1):
        result, cache = step(cache, tokens[-1])
        tokens.append(_chosen(choose, result))
    return torch.cat(tokens, 1)


def _compiled(
    model: Incremental, cache: Cache, device: torch.device
) -> Callable[[Cache, Tensor], tuple[Any, Cache]]:
    """The step, compiled; on CUDA into a graph, which may change in place only tensors whose
    addresses are fixed."""
    if device.type != "cuda":
        return torch.compile(model.step, fullgraph=True, dynamic=False)
    for tensor in _held(cache):
        torch._dynamo.mark_static_address(tensor, guard=False)
    graph = torch.compile(model.step, fullgraph=True, dynamic=False, mode="reduce-overhead")

    def step(cache: Cache, tok: Tensor) -> tuple[Any, Cache]:
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        return graph(cache, tok)

    return step


def _held(cache: Cache) -> list[Tensor]:
    """All tensors of a cache and of those in it."""
    inner = [tensor for child in cache.children.values() for tensor in _held(child)]
    return [cache.past, *cache.tensors.values(), *cache.states.values(), *inner]


def _chosen(choose: Callable[[Tensor], Any], result: Any) -> Tensor:
    """The next tokens, shape (B, 1), from what a step gave."""
    logits: Tensor = result if isinstance(result, Tensor) else result.z
    chosen = choose(logits[:, -1])
    x: Tensor = chosen if isinstance(chosen, Tensor) else chosen.x
    return x[:, None]
