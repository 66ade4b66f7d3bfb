"""Tokens generated step by step are those of the whole forward pass, again and again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import pytest
import torch
from lawful.generated.model import GPT2, Transformer
from lawful.generated.samplers import GreedyDecoding, top_k_top_p_sampler
from lawful.runtime.generate import generate
from lawful.runtime.ops import Cache
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend

V = 13
Model = TypeVar("Model", GPT2, Transformer)


def gpt2() -> GPT2:
    return random(GPT2(V=V, D=8, H=2, K=4, F=8, L=1, Delta=16))


def transformer() -> Transformer:
    return random(Transformer(V=V, D=8, H=2, G=1, K=4, F=8, L=2, Delta=16))


@torch.no_grad()
def random(model: Model) -> Model:
    """The model with params so large that what it gives varies."""
    torch.manual_seed(1)
    for param in model.parameters():
        param.normal_(std=0.7)
    return model


def prompt() -> Tensor:
    return torch.tensor([[3, 1, 4], [2, 7, 5]])


@torch.no_grad()
def recomputed(
    forward: Callable[[Tensor], Any], tok: Tensor, count: int, choose: Callable[[Tensor], Any]
) -> Tensor:
    """The same without a cache."""
    for _ in range(count):
        result = forward(tok)
        chosen = choose((result if isinstance(result, Tensor) else result.z)[:, -1])
        tok = torch.cat([tok, getattr(chosen, "x", chosen)[:, None]], 1)
    return tok


@pytest.mark.parametrize("build", [gpt2, transformer])
def test_greedy_tokens_are_those_of_the_whole(build: Callable[[], GPT2 | Transformer]) -> None:
    model = build()
    found = generate(model, prompt(), 9)
    assert found.tolist() == recomputed(model, prompt(), 9, GreedyDecoding()).tolist()
    assert all(len(set(row)) >= 3 for row in found[:, 3:].tolist()), "a constant would pass too"


def test_sampled_tokens_are_those_of_the_whole() -> None:
    def choose() -> Callable[[Tensor], Any]:
        generator = torch.Generator().manual_seed(7)
        return lambda z: top_k_top_p_sampler(z, top_k=5, tau=2.0, generator=generator)

    model = transformer()
    found = generate(model, prompt(), 9, choose())
    assert found.tolist() == recomputed(model, prompt(), 9, choose()).tolist()
    assert found.tolist() != generate(model, prompt(), 9).tolist()


def test_compiled_tokens_are_those_of_the_whole_and_compiled_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counter = CompileCounterWithBackend("aot_eager")
    compiled = partial(torch.compile, backend=counter)
    monkeypatch.setattr(torch, "compile", compiled)
    torch.compiler.reset()
    model = transformer()
    for tok in (prompt(), prompt()[:, :2]):
        found = generate(model, tok, 9, capacity=12, compiled=True)
        assert found.tolist() == recomputed(model, tok, 9, GreedyDecoding()).tolist()
    assert counter.frame_count == 1


def test_a_step_that_forgets_is_seen() -> None:
    class Forgetful(Transformer):
        def step(self, cache: Cache, tok: Tensor) -> Any:
            return super().step(self.init_cache(16), tok)

    model = transformer()
    model.__class__ = Forgetful
    found = generate(model, prompt(), 9)
    assert found.tolist() != recomputed(model, prompt(), 9, GreedyDecoding()).tolist()


def test_one_token_takes_no_step_of_its_own() -> None:
    model = gpt2()
    assert generate(model, prompt(), 1, capacity=3).shape == (2, 4)


@pytest.mark.parametrize(
    ("count", "capacity", "message"),
    [(0, None, "1 token or more, not 0"), (3, 4, "for 4 positions cannot hold 5")],
)
def test_what_cannot_be_generated_is_refused(
    count: int, capacity: int | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        generate(gpt2(), prompt(), count, capacity=capacity)
