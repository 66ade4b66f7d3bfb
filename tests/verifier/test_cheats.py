"""What wants to pass without being right is rejected, in every kind of module, by the check
meant for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import lawful
import pytest
from lawful.verifier.candidate import Candidate
from lawful.verifier.flatten import flatten
from lawful.verifier.isolated import Isolated
from lawful.verifier.plan import Options, cases
from lawful.verifier.regimes import Case
from lawful.verifier.trial import Subject
from lawful.verifier.truth import Truths
from lawful.verifier.verify import Run

MODULES = (
    "norms.RMSNorm",
    "attention.CausalSelfAttention",
    "losses.dpo.DPO",
    "losses.next_token.NextTokenCrossEntropy",
    "samplers.AncestralSampler",
    "mlp.SwiGLU",
    "rl.recursions.GAERecursion",
    "rope.RotaryHalves",
)
CHEATS = {
    "zeros": "values",
    "ones": "values",
    "nans": "values",
    "mean_of_the_input": "values",
    "untouched_input": "values",
    "noise": "values",
    "lower_precision": "values",
    "first_for_good": "values",
    "kept_by_shape": "values",
    "kept_by_address": "values",
    "answers_of_seed_0": "values",
    "only_when_asked_twice": "values",
    "all_but_the_second_time": "repeats",
    "same_buffer": "repeats",
    "detached": "gradients",
    "writes_into_inputs": "unchanged",
    "wrong_in_inference": "repeats",
    "agreeable": "repeats",
}
APART = ("patched", "found_in_the_process", "told_by_the_command", "nothing_written")
"""Those that only a process of their own keeps from passing."""
OPTIONS = Options(dtypes=("float32",), unforeseen=7)


@pytest.fixture(scope="module")
def cheats() -> Iterator[ModuleType]:
    folder = str(Path(__file__).parent / "cheats")
    sys.path.insert(0, folder)
    import cheats

    yield cheats
    sys.path.remove(folder)


@pytest.fixture(scope="module")
def apart(cheats: ModuleType) -> Iterator[Isolated]:
    with Isolated("cheats:any_of") as isolated:
        yield isolated


@cache
def prepared(name: str) -> tuple[Any, Truths, list[Case]]:
    """A module, its truths, and two cases: of seed 0, and of one that nobody foresaw."""
    module = flatten(lawful.load(f"lawful.{name}"))
    some = [c for c in cases(module, OPTIONS, 24, {}) if c.regime == "typical"]
    return module, Truths(module, OPTIONS.dtypes), some


def failed(name: str, function: Any) -> set[str]:
    """The checks that fail."""
    module, truths, some = prepared(name)
    run = Run(Subject(module, Candidate("cheat", function), OPTIONS), truths)
    for the_case in some:
        run.try_case(the_case, truths.of)
    return {check.name for check in run.finish() if check.verdict == "WRONG"}


@pytest.mark.parametrize("name", MODULES)
def test_what_is_right_passes(cheats: ModuleType, apart: Isolated, name: str) -> None:
    assert not failed(name, cheats.right)
    assert not failed(name, partial(apart, what="right"))


@pytest.mark.parametrize("cheat", CHEATS)
@pytest.mark.parametrize("name", MODULES)
def test_a_cheat_is_rejected(cheats: ModuleType, name: str, cheat: str) -> None:
    cheats.kept.clear()
    cheats.table.clear()
    for dtype in OPTIONS.dtypes:
        for the_case in prepared(name)[2]:
            if the_case.seed == OPTIONS.seed:
                subject = Subject(prepared(name)[0], Candidate("", cheats.right), OPTIONS)
                given = subject.arguments(the_case, dtype, gradients=False).keywords
                cheats.table[cheats.key(given)] = True
    assert CHEATS[cheat] in failed(name, getattr(cheats, cheat))


@pytest.mark.parametrize("cheat", APART)
@pytest.mark.parametrize("name", MODULES)
def test_a_cheat_in_a_process_of_its_own_is_rejected(
    apart: Isolated, name: str, cheat: str
) -> None:
    assert "values" in failed(name, partial(apart, what=cheat))


def test_ending_the_process_passes_nothing(cheats: ModuleType) -> None:
    with Isolated("cheats:ends_the_process") as ends:
        assert "values" in failed("norms.RMSNorm", ends)


def test_what_would_pass_in_the_verifier_s_process(
    cheats: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cheats are real: there, the patches make zeros right."""
    for where, name, value in cheats.patch():
        monkeypatch.setattr(where, name, value)
    assert "values" not in failed("norms.RMSNorm", cheats.zeros)
