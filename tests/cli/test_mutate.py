"""`lawful mutate`: what is caught, what survives, status and files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]

BLIND = """module Blind
"The second term is 0 wherever the first is looked at."
size B
index b: B
input x[B]
output y[b] = x[b] + stop(x[b]) * 0
"""


@pytest.fixture
def built(project: Path, lawful: Run) -> Path:
    (project / "spec" / "blind.eq").write_text(BLIND, encoding="utf-8")
    assert lawful("build")[0] == 0
    return project


def test_every_fault_in_a_scale_is_caught(built: Path, lawful: Run) -> None:
    status, out, err = lawful("mutate", "scale", "--json", "m.json")
    assert status == 0, out + err
    assert "scale.Scale: 4 of 4 caught" in out
    assert "4 of 4 faults caught (100.0 %)" in out
    (module,) = json.loads((built / "m.json").read_text(encoding="utf-8"))["modules"]
    assert sum(module["killed"].values()) == 4 and module["survivors"] == []


def test_what_changes_nothing_is_equivalent(built: Path, lawful: Run) -> None:
    status, out, _ = lawful("mutate", "blind")
    assert "equivalent" in out and "SURVIVED" not in out and status == 0


def test_a_fault_that_no_check_sees_survives_with_its_line(
    built: Path, lawful: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lawful.verifier import mutate

    monkeypatch.setattr(mutate._Trials, "caught", lambda self, candidate: None)
    status, out, _ = lawful("mutate", "parts.shift", "--sample", "1")
    assert status == 1 and "SURVIVED shift.py line " in out


def test_nothing_selected_is_wrong_usage(built: Path, lawful: Run) -> None:
    assert lawful("mutate", "nobody")[0] == 2
