"""What is kept of a row that was measured, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness import Gate, Row


def record(
    row: Row,
    times: Mapping[str, Sequence[tuple[float, float]]],
    memory: Mapping[str, int | None],
    worst: float,
    clocks: tuple[str, str],
) -> dict[str, Any]:
    """What is kept of a row. One thread is judged by the first clock, more by the
    wall clock."""
    clock = 0 if row.threads == 1 else 1
    taken = {name: [pair[clock] for pair in pairs] for name, pairs in times.items()}
    ratios = [a / b for a, b in zip(taken["ours"], taken["peer"], strict=True)]
    found: dict[str, Any] = {
        **about(row),
        "clock": clocks[clock],
        "rounds": len(ratios),
        "agreement": short(worst),
        "seconds": {name: spread(values) for name, values in taken.items()},
        "wall_seconds": {name: spread([w for _, w in pairs]) for name, pairs in times.items()},
        "ratio": spread(ratios),
        "memory": dict(memory),
        "memory_ratio": None,
    }
    if memory["ours"] is not None and memory["peer"]:
        found["memory_ratio"] = short(memory["ours"] / memory["peer"])
    if "floor" in taken:
        floors = [a / b for a, b in zip(taken["floor"], taken["peer"], strict=True)]
        found["floor_ratio"] = spread(floors)
    found["gates"] = [judged(gate, found) for gate in row.gates]
    return found


def about(row: Row) -> dict[str, Any]:
    """What a row says of itself."""
    return {
        "topic": row.topic,
        "title": row.title,
        "case": row.case,
        "peer": row.peer,
        "floor": row.floor,
        "threads": row.threads,
        "sweep": list(row.sweep) if row.sweep else None,
    }


def judged(gate: Gate, found: Mapping[str, Any]) -> dict[str, Any]:
    """What a gate says of a record; one of memory that could not be told is not met."""
    ratio = found["memory_ratio"] if gate.of == "memory" else found["ratio"][1]
    value = 1 / ratio if gate.of == "speedup" else ratio
    return {
        "of": gate.of,
        "bound": gate.bound,
        "stretch": gate.stretch,
        "value": None if value is None else short(value),
        "met": value is not None and gate.reached(value, gate.bound),
        "stretched": value is not None
        and gate.stretch is not None
        and gate.reached(value, gate.stretch),
    }


def spread(values: Sequence[float]) -> list[float]:
    """First quartile, median, third quartile."""
    quartiles = quantiles(values, n=4, method="inclusive") if len(values) > 1 else [*values] * 3
    return [short(quartile) for quartile in quartiles]


def short(x: float) -> float:
    """To four digits, which is more than any of it is worth."""
    return float(f"{x:.4g}")
