"""Gates and quartiles."""

from __future__ import annotations

from typing import Any

import pytest
from harness import Gate
from record import judged, spread


def found(ratio: float, memory: float | None = None) -> dict[str, Any]:
    return {"ratio": [ratio / 2, ratio, ratio * 2], "memory_ratio": memory}


@pytest.mark.parametrize(
    ("gate", "ratio", "value", "met", "stretched"),
    [
        (Gate("time", 1.05, 0.95), 1.05, 1.05, True, False),
        (Gate("time", 1.05, 0.95), 1.06, 1.06, False, False),
        (Gate("time", 1.05, 0.95), 0.95, 0.95, True, True),
        (Gate("time", 1.05), 0.5, 0.5, True, False),
        (Gate("speedup", 20, 40), 0.05, 20, True, False),
        (Gate("speedup", 20, 40), 0.051, 19.61, False, False),
        (Gate("speedup", 20, 40), 0.02, 50, True, True),
    ],
)
def test_gates_of_time(gate: Gate, ratio: float, value: float, met: bool, stretched: bool) -> None:
    said = judged(gate, found(ratio))
    assert (said["value"], said["met"], said["stretched"]) == (value, met, stretched)


def test_gates_of_memory() -> None:
    gate = Gate("memory", 0.2, 0.13)
    assert judged(gate, found(9, 0.2))["met"]
    assert not judged(gate, found(0.1, 0.21))["met"]
    unknown = judged(gate, found(0.1, None))
    assert unknown["value"] is None and not unknown["met"] and not unknown["stretched"]


def test_quartiles() -> None:
    assert spread([5, 1, 2, 4, 3]) == [2, 3, 4]
    assert spread([7]) == [7, 7, 7]
    assert spread([0.123456, 0.123456]) == [0.1235, 0.1235, 0.1235]
