"""The museum over many seeds: its counts, and its status where something is missed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from lawful.verifier.report import Check, Report

HERE = Path(__file__).resolve().parent


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(HERE))
    for name in ("over_seeds", "gallery"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("over_seeds")


def test_all_is_passed_and_caught(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["2", "e13"]) == 0
    assert capsys.readouterr().out.split("\n")[:2] == [
        "e13_masked_advantage right: passed at 2 of 2 seeds",
        "e13_masked_advantage wrong_mean: caught at 2 of 2 seeds",
    ]


@pytest.mark.parametrize("lucky", ["right", "wrong_sum"])
def test_what_is_missed_at_one_seed_is_said_and_fails(
    script: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lucky: str,
) -> None:
    def verify(self: Any, function: Any, seed: int = 0) -> Report:
        """The verdict that should be, but at seed 1 of one function the other one."""
        name = function.__name__
        ok = name.startswith("right") != (name == lucky and seed == 1)
        check = Check("values", "", cases=1)
        check.failures = [] if ok else [None]  # type: ignore[list-item]
        return Report("m.M", name, [check], ("float64",))

    monkeypatch.setattr(sys.modules["gallery"].Exhibit, "verify", verify)
    assert script.main(["3", "e13"]) == 1
    printed = capsys.readouterr().out
    assert printed.count("3 of 3 seeds") == 2
    assert (
        f"{lucky}: {'passed' if lucky == 'right' else 'caught'} at 2 of 3 seeds\n    not at 1\n"
        in printed
    )
