"""What `examples/` claims: the right implementations verify, the wrong ones are caught."""

from __future__ import annotations

import sys
from pathlib import Path

import lawful
import pytest
from lawful.verifier.candidate import external

RIGHT = {
    "examples.attention:fused": "attention.CausalSelfAttention",
    "examples.cross_entropy:loss": "losses.next_token.NextTokenCrossEntropy",
    "examples.dpo:loss": "losses.dpo.DPO",
}
WRONG = {
    "examples.attention:fused_wrong_scale": "attention.CausalSelfAttention",
    "examples.cross_entropy:loss_mean_of_means": "losses.next_token.NextTokenCrossEntropy",
    "examples.dpo:loss_beta_twice": "losses.dpo.DPO",
}


@pytest.fixture(autouse=True)
def root_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parents[1]), *sys.path])


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_implementation_is_lawful(name: str) -> None:
    lawful.assert_lawful(external(name).function, f"lawful.{RIGHT[name]}")


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_one_is_caught_and_explained(name: str) -> None:
    with pytest.raises(AssertionError) as caught:
        lawful.assert_lawful(external(name).function, f"lawful.{WRONG[name]}")
    text = str(caught.value)
    for part in ("equation  output ", ".eq:", "expected  ", "got  ", "times the tolerance"):
        assert part in text
    expected = text.split("expected  ")[1].split("\n")[0].strip().lstrip("-0.").replace(".", "")
    assert len(expected) >= 17
    assert f"lawful verify {WRONG[name]}" in text and name in text
