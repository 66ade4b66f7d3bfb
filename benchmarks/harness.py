"""What a row of the benchmarks is, and how it is measured.

    Row --build--> Pair --agree--> Pair --measure--> record

A pair is our code and a peer's, each a function without arguments that does one whole call and
returns what must agree. Nothing is timed before values and gradients of both sides agree. Then
the sides take turns, and what counts is the ratio of two neighbouring times: machines are noisy,
and both sides meet the same noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median, quantiles
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

Side = Callable[[], Mapping[str, Tensor]]
SLICE = 0.02
"""Seconds that one timing takes at least; shorter calls are repeated."""


class Disagreement(Exception):
    """Two sides that do not compute the same: there is nothing to compare in time."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What a row must reach: `time` and `memory` are at most so much of the peer's, `speedup`
    is at least so many times faster. `stretch` is what we should like."""

    of: Literal["time", "speedup", "memory"]
    bound: float
    stretch: float | None = None

    def reached(self, value: float, bound: float) -> bool:
        return value >= bound if self.of == "speedup" else value <= bound


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sides that compute the same, and the least work that anybody has to do, if it is known.

    `tolerance` is the largest difference that is allowed in a tensor, in units of its largest
    element.
    """

    ours: Side
    peer: Side
    floor: Callable[[], object] | None = None
    tolerance: float = 1e-4

    def sides(self) -> dict[str, Callable[[], object]]:
        """Whatever is timed, by name."""
        sides: dict[str, Callable[[], object]] = {"ours": self.ours, "peer": self.peer}
        return sides if self.floor is None else {**sides, "floor": self.floor}


@dataclass(frozen=True, slots=True)
class Row:
    """A case, and what it must reach. `needs` are the packages of the peer; `sweep` is the name
    of a plot with the place of this row on its axis."""

    name: str
    title: str
    case: str
    peer: str
    build: Callable[[], Pair]
    gates: tuple[Gate, ...] = ()
    floor: str = ""
    needs: tuple[str, ...] = ()
    threads: int = 1
    sweep: tuple[str, int] | None = None

    @property
    def topic(self) -> str:
        return self.name.partition(".")[0]


class Meter(Protocol):
    """How a device tells time and memory."""

    def seconds(self, side: Callable[[], object], calls: int) -> tuple[float, float]:
        """Of so many calls: time of the processor, and of the clock on the wall."""

    def peak(self, side: Callable[[], object]) -> int | None:
        """Bytes that a call needs at most beside what was there before."""


def agree(pair: Pair) -> float:
    """The largest difference between the two sides over what is allowed. Raises Disagreement
    above 1, and where nothing worth comparing was compared."""
    ours, peer = pair.ours(), pair.peer()
    if ours.keys() != peer.keys() or not ours:
        raise Disagreement(f"one side returns {sorted(ours)}, the other {sorted(peer)}")
    return max(_difference(name, ours[name], peer[name], pair.tolerance) for name in ours)


def _difference(name: str, ours: Tensor, peer: Tensor, tolerance: float) -> float:
    if ours.shape != peer.shape:
        raise Disagreement(f"{name}: shapes {tuple(ours.shape)} and {tuple(peer.shape)}")
    if not ours.is_floating_point():
        if not torch.equal(ours, peer):
            raise Disagreement(f"{name}: {ours.tolist()} and {peer.tolist()}")
        return 0.0
    a, b = ours.detach().double(), peer.detach().double()
    if not (a.isfinite().all() and b.isfinite().all()):
        raise Disagreement(f"{name}: not everything is finite")
    largest = float(b.abs().max())
    if largest == 0:
        raise Disagreement(f"{name}: all of it is zero, which shows nothing")
    difference = float((a - b).abs().max()) / (tolerance * largest)
    if difference > 1:
        raise Disagreement(f"{name}: differs by {difference:.3g} times the tolerance")
    return difference


def measure(row: Row, pair: Pair, meter: Meter, rounds: int, budget: float) -> dict[str, Any]:
    """The record of a row: times of alternating runs, peak memory, and what the gates say.

    At most `rounds` rounds are run, fewer where they would take more than `budget` seconds, but
    never fewer than 3.
    """
    worst = agree(pair)
    sides = pair.sides()
    memory = {name: meter.peak(side) for name, side in sides.items()}
    lasting = {name: max(meter.seconds(side, 1)[1], 1e-9) for name, side in sides.items()}
    calls = {name: ceil(SLICE / lasts) for name, lasts in lasting.items()}
    once = sum(calls[name] * lasts for name, lasts in lasting.items())
    rounds = max(3, min(rounds, int(budget / once)))
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for turn in range(rounds):
        for name in list(sides)[:: 1 if turn % 2 else -1]:  # nobody is always the first
            times[name].append(
                tuple(s / calls[name] for s in meter.seconds(sides[name], calls[name]))
            )
    return record(row, times, memory, worst)


def record(
    row: Row,
    times: Mapping[str, Sequence[tuple[float, float]]],
    memory: Mapping[str, int | None],
    worst: float,
) -> dict[str, Any]:
    """What is kept of a row. One thread is judged by processor time, more by the wall clock."""
    clock = 0 if row.threads == 1 else 1
    taken = {name: [pair[clock] for pair in pairs] for name, pairs in times.items()}
    ratios = [a / b for a, b in zip(taken["ours"], taken["peer"], strict=True)]
    found: dict[str, Any] = {
        **about(row),
        "clock": ("processor", "wall")[clock],
        "rounds": len(ratios),
        "agreement": _short(worst),
        "seconds": {name: spread(values) for name, values in taken.items()},
        "wall_seconds": {name: spread([w for _, w in pairs]) for name, pairs in times.items()},
        "ratio": spread(ratios),
        "memory": dict(memory),
        "memory_ratio": None,
    }
    if memory["ours"] is not None and memory["peer"]:
        found["memory_ratio"] = _short(memory["ours"] / memory["peer"])
    if "floor" in taken:
        floors = [a / b for a, b in zip(taken["floor"], taken["peer"], strict=True)]
        found["floor_ratio"] = spread(floors)
    found["gates"] = [judged(gate, found) for gate in row.gates]
    return found


def about(row: Row) -> dict[str, Any]:
    """What a row says of itself."""
    return {
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
        "value": None if value is None else _short(value),
        "met": value is not None and gate.reached(value, gate.bound),
        "stretched": value is not None
        and gate.stretch is not None
        and gate.reached(value, gate.stretch),
    }


def spread(values: Sequence[float]) -> list[float]:
    """First quartile, median, third quartile."""
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return [_short(low), _short(median(values)), _short(high)]


def _short(x: float) -> float:
    """To four digits, which is more than any of it is worth."""
    return float(f"{x:.4g}")


def gradients(
    outputs: Mapping[str, Tensor], wanted: Mapping[str, Tensor], cotangent: Tensor | None = None
) -> dict[str, Tensor]:
    """Outputs, of which the first is differentiated, together with its gradients."""
    first = next(iter(outputs.values()))
    found = torch.autograd.grad(first, list(wanted.values()), cotangent)
    return {**outputs, **{f"gradient of {name}": g for name, g in zip(wanted, found, strict=True)}}
