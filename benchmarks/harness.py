"""What a row of the benchmarks is, and how it is measured.

    Row --build--> Pair --agree--> Pair --measure--> record

A pair is our code and a peer's, each a function without arguments that does one whole call and
returns what must agree. Nothing is timed before values and gradients of both sides agree. Then
the sides take turns, and what counts is the ratio of two neighbouring times: machines are noisy,
and both sides meet the same noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from math import ceil
from typing import Any, Literal, Protocol

import torch
from record import about, record
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
    """How a device tells time and memory. `clocks` are the names of its two clocks."""

    clocks: tuple[str, str]

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


def attempt(row: Row, meter: Meter, rounds: int, budget: float) -> dict[str, Any]:
    """The record of a row. One that cannot be measured says why."""
    missing = [name for name in row.needs if find_spec(name) is None]
    if missing:
        return {**about(row), "skipped": f"{', '.join(missing)} is not installed"}
    try:
        return measure(row, row.build(), meter, rounds, budget)
    except ModuleNotFoundError as absent:
        return {**about(row), "skipped": str(absent)}
    except Disagreement as difference:
        return {**about(row), "error": f"the two sides do not agree: {difference}"}
    except (MemoryError, RuntimeError, NotImplementedError) as error:
        return {**about(row), "error": _in_a_line(error)}


def _in_a_line(error: BaseException) -> str:
    text = str(error).strip()
    if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in text:
        return "needs more memory than there is"
    return f"{type(error).__name__}: {text.splitlines()[0] if text else ''}"


def measure(row: Row, pair: Pair, meter: Meter, rounds: int, budget: float) -> dict[str, Any]:
    """The record of a row: times of alternating runs, peak memory, and what the gates say.

    At most `rounds` rounds are run, fewer where they would take more than `budget` seconds, but
    never fewer than 3.
    """
    worst = agree(pair)
    sides = pair.sides()
    memory = {name: meter.peak(side) for name, side in sides.items()}
    lasting = {name: max(meter.seconds(side, 1)[0], 1e-9) for name, side in sides.items()}
    calls = {name: ceil(SLICE / lasts) for name, lasts in lasting.items()}
    once = sum(calls[name] * lasts for name, lasts in lasting.items())
    rounds = max(3, min(rounds, int(budget / once)))
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for turn in range(rounds):
        for name in list(sides)[:: 1 if turn % 2 else -1]:  # nobody is always the first
            first, second = meter.seconds(sides[name], calls[name])
            times[name].append((first / calls[name], second / calls[name]))
    return record(row, times, memory, worst, meter.clocks)


def gradients(
    outputs: Mapping[str, Tensor], wanted: Mapping[str, Tensor], cotangent: Tensor | None = None
) -> dict[str, Tensor]:
    """Outputs, of which the first is differentiated, together with its gradients."""
    first = next(iter(outputs.values()))
    found = torch.autograd.grad(first, list(wanted.values()), cotangent)
    return {**outputs, **{f"gradient of {name}": g for name, g in zip(wanted, found, strict=True)}}
