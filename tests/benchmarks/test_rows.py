"""The rows: both sides of each agree, at small sizes, and not where our code is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lawful.generated.attention
import lawful.generated.losses.cross_entropy
import lawful.generated.losses.dpo
import lawful.generated.losses.sharded
import lawful.generated.samplers
import pytest
import torch
from harness import Disagreement, Pair, agree
from rows import attention, cross_entropy, decoding, dpo, rows, sampler, training

SMALL = {"V": 101, "D": 8, "H": 2, "K": 4, "F": 16, "L": 2, "Delta": 32}


def test_every_gate_of_the_project_stands_at_a_row() -> None:
    gates = {
        name: {gate.of: (gate.bound, gate.stretch) for gate in row.gates}
        for name, row in rows().items()
        if row.gates
    }
    assert gates == {
        "attention.b4_t512": {"time": (1.05, None), "memory": (0.9, None)},
        "attention.b1_t2048": {"time": (1.05, None), "memory": (0.9, None)},
        "attention.b4_t512_compiled": {"time": (1.05, 0.95), "memory": (0.9, None)},
        "attention.b1_t2048_compiled": {"time": (1.05, 0.95), "memory": (0.9, None)},
        "cross_entropy.n2048": {"time": (1.0, 0.95), "memory": (0.2, 0.13)},
        "dpo.v50257": {"time": (0.6, 0.35), "memory": (0.55, None)},
        "dpo.v32000": {"time": (0.6, 0.35), "memory": (0.55, None)},
        "sampler.b32": {"speedup": (20, 40)},
        "sampler.b32_compiled": {"speedup": (20, 40)},
        "sampler.b1": {"speedup": (10, None)},
        "sampler.b1_compiled": {"speedup": (10, None)},
        "decoding.threads1_compiled": {"speedup": (1.2, None)},
        "decoding.threads2_compiled": {"speedup": (1.6, None)},
        "training.fp32": {"time": (1.02, None)},
        "training.bf16": {"time": (1.02, None)},
    }


def test_names_say_the_topic_and_cases_what_is_run() -> None:
    for name, row in rows().items():
        assert name == row.name and name.startswith(f"{row.topic}.")
        assert row.case and row.peer and row.title


PAIRS: dict[str, tuple[tuple[str, ...], Callable[[], Pair]]] = {
    "attention by hand": ((), lambda: attention.pair(2, 5, peer="sdpa", H=2, K=4)),
    "attention": (("transformers",), lambda: attention.pair(2, 5, H=2, K=4)),
    "cross-entropy": ((), lambda: cross_entropy.pair(5, 11, D=4)),
    "dpo": (("trl",), lambda: dpo.pair(2, 5, 11)),
    "sampler": (("transformers",), lambda: sampler.pair(3, 200)),
    "decoding": (("transformers",), lambda: decoding.pair(2, 3, 6, sizes=SMALL)),
    "training": ((), lambda: training.pair(False, L=2, H=2, K=4, V=11, T=6, B=2)),
    "training in bfloat16": ((), lambda: training.pair(True, L=2, H=2, K=4, V=11, T=6, B=2)),
}


@pytest.fixture(params=PAIRS)
def name(request: pytest.FixtureRequest) -> str:
    needs, _ = PAIRS[request.param]
    for package in needs:
        pytest.importorskip(package)
    return str(request.param)


def test_both_sides_agree(name: str) -> None:
    pair = PAIRS[name][1]()
    assert 0 <= agree(pair) <= 1
    for side in pair.sides().values():
        side()  # once more: it is timed often


def scaled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, wrong by 10 %."""

    def wrong(*args: Any, **settings: Any) -> Any:
        result = function(*args, **settings)
        if isinstance(result, torch.Tensor):
            return result * 1.1
        return result._replace(q=result.q * 1.1)

    return wrong


FAULTS = {
    "attention by hand": ("attention", "rotary_attention_halves"),
    "attention": ("attention", "rotary_attention_halves"),
    "cross-entropy": ("losses.sharded", "linear_cross_entropy"),
    "dpo": ("losses.dpo", "dpo"),
    "sampler": ("samplers", "top_k_top_p_sampler"),
    "training": ("losses.cross_entropy", "cross_entropy"),
    "training in bfloat16": ("losses.cross_entropy", "cross_entropy"),
}


def test_wrong_code_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "decoding":
        pytest.skip("tokens do not change with the scale of logits")
    module, function = FAULTS[name]
    code = getattr(lawful.generated, module.partition(".")[0])
    for part in module.split(".")[1:]:
        code = getattr(code, part)
    monkeypatch.setattr(code, function, scaled(getattr(code, function)))
    with pytest.raises(Disagreement):
        agree(PAIRS[name][1]())


def test_other_tokens_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    plain = decoding.greedy(False)
    monkeypatch.setattr(decoding, "greedy", lambda compiled: lambda m, t, n: plain(m, t + 1, n))
    with pytest.raises(Disagreement, match="tokens"):
        agree(decoding.pair(2, 3, 6, sizes={**SMALL, "V": 1001}))


def test_a_fault_in_one_gradient_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = training._gradient

    def cut(param: torch.Tensor) -> torch.Tensor:
        found = whole(param)
        return found * 1.1 if found.shape == (2, 4, 8) else found  # W_Q, W_K and W_V

    monkeypatch.setattr(training, "_gradient", cut)
    with pytest.raises(Disagreement, match=r"block\.\d\.W_"):
        agree(PAIRS["training"][1]())
