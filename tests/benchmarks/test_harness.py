"""The harness: sides that disagree are refused, and ratios are those of neighbouring times."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from harness import Disagreement, Gate, Pair, Row, Side, agree, attempt, gradients, measure
from torch import Tensor


class Faked:
    """A meter whose clock follows a script: seconds of each side, call after call."""

    clocks = ("first", "second")

    def __init__(self, **seconds: Iterator[float] | float) -> None:
        self.script = seconds
        self.asked: list[tuple[str, int]] = []
        self.wall = 2.0

    def seconds(self, side: Callable[[], object], calls: int) -> tuple[float, float]:
        name = side.__name__
        self.asked.append((name, calls))
        told = self.script[name]
        took = calls * (told if isinstance(told, float) else next(told))
        return took, took * self.wall

    def peak(self, side: Callable[[], object]) -> int | None:
        return {"ours": 300, "peer": 400, "floor": 100}[side.__name__]


def pair(floor: bool = False, **changed: Tensor) -> Pair:
    """Two sides that agree but in what is changed."""

    def ours() -> dict[str, Tensor]:
        return {"y": torch.arange(4.0), "gradient of x": torch.ones(3)} | changed

    def peer() -> dict[str, Tensor]:
        return {"y": torch.arange(4.0), "gradient of x": torch.ones(3)}

    def least() -> None: ...

    least.__name__ = "floor"
    return Pair(ours, peer, least if floor else None)


def row(build: Callable[[], Pair] = pair, gates: tuple[Gate, ...] = (), threads: int = 1) -> Row:
    return Row("topic.name", "title", "case", "peer", build, gates, threads=threads)


def test_sides_that_agree() -> None:
    assert agree(pair()) == 0
    almost = agree(pair(y=torch.tensor([0, 1, 2, 3 + 1.5e-4])))
    assert almost == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"y": torch.tensor([0, 1, 2, 3.001])}, "y: differs by 3.33 times the tolerance"),
        ({"gradient of x": torch.tensor([1, 1, 1.01])}, "gradient of x: differs by 100 times"),
        ({"y": torch.tensor([0, 1, 2, torch.nan])}, "y: not everything is finite"),
        ({"y": torch.tensor([0, 1, 2, torch.inf])}, "y: not everything is finite"),
        ({"y": torch.arange(4.0)[None]}, "shapes"),
        ({"gradient of w": torch.ones(3)}, "one side returns"),
    ],
)
def test_sides_that_do_not(changed: dict[str, Tensor], why: str) -> None:
    with pytest.raises(Disagreement, match=why):
        agree(pair(**changed))


def both(side: Side) -> Pair:
    return Pair(side, side)


@pytest.mark.parametrize(
    ("side", "why"),
    [
        (lambda: {"y": torch.tensor([1.0, torch.nan])}, "not everything is finite"),
        (lambda: {"y": torch.zeros(3)}, "all of it is zero"),
        (lambda: {}, "one side returns"),
    ],
)
def test_agreement_on_nothing_is_none(side: Side, why: str) -> None:
    with pytest.raises(Disagreement, match=why):
        agree(both(side))


def test_tokens_are_compared_exactly() -> None:
    def tokens(last: int) -> Side:
        return lambda: {"x": torch.tensor([1, 2, last])}

    assert agree(Pair(tokens(3), tokens(3))) == 0
    with pytest.raises(Disagreement, match=r"x: \[1, 2, 4\] and \[1, 2, 3\]"):
        agree(Pair(tokens(4), tokens(3)))


def test_the_ratio_is_that_of_neighbours() -> None:
    """A machine that becomes ten times slower changes times, and no ratio."""
    noise = [1.0, 1, 1, 10, 10, 10]
    meter = Faked(ours=iter(0.5 * n for n in noise), peer=iter(1.0 * n for n in noise))
    found = measure(row(), pair(), meter, rounds=5, budget=1e9)
    assert found["ratio"] == [0.5, 0.5, 0.5]
    assert found["seconds"]["ours"] == [0.5, 5, 5]
    assert found["rounds"] == 5


def test_the_ratio_is_a_median_with_quartiles() -> None:
    ours = iter([1.0, 1, 2, 3, 4, 50])  # the first tells how often to call
    meter = Faked(ours=ours, peer=1.0)
    found = measure(row(), pair(), meter, rounds=5, budget=1e9)
    assert found["ratio"] == [2, 3, 4]


def test_sides_take_turns_and_short_calls_are_repeated() -> None:
    meter = Faked(ours=0.001, peer=1.0, floor=0.1)
    found = measure(row(), pair(floor=True), meter, rounds=3, budget=1e9)
    turn = [("ours", 20), ("peer", 1), ("floor", 1)]
    assert meter.asked[3:] == turn[::-1] + turn + turn[::-1]
    assert found["ratio"][1] == 0.001 and found["seconds"]["ours"][1] == 0.001
    assert found["floor_ratio"] == [0.1, 0.1, 0.1]
    assert found["memory"] == {"ours": 300, "peer": 400, "floor": 100}
    assert found["memory_ratio"] == 0.75


def test_rounds_fit_the_budget_but_for_three() -> None:
    for budget, rounds in ((16.0, 8), (1000.0, 15), (1.0, 3)):
        meter = Faked(ours=1.0, peer=1.0)
        assert measure(row(), pair(), meter, 15, budget)["rounds"] == rounds


def test_threads_are_judged_by_the_wall_clock() -> None:
    found = measure(row(threads=2), pair(), Faked(ours=1.0, peer=2.0), 3, 1e9)
    assert (found["clock"], found["seconds"]["ours"][1]) == ("second", 2)
    found = measure(row(), pair(), Faked(ours=1.0, peer=2.0), 3, 1e9)
    assert (found["clock"], found["seconds"]["ours"][1]) == ("first", 1)


def test_nothing_is_timed_that_does_not_agree() -> None:
    meter = Faked(ours=1.0, peer=1.0)
    found = attempt(row(lambda: pair(y=torch.ones(4))), meter, 3, 1e9)
    assert "the two sides do not agree: y: differs" in found["error"]
    assert "ratio" not in found and not meter.asked


@pytest.mark.parametrize(
    ("error", "key", "text"),
    [
        (ModuleNotFoundError("no flash"), "skipped", "no flash"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "error", "more memory than"),
        (RuntimeError("first\nsecond"), "error", "RuntimeError: first"),
    ],
)
def test_a_row_that_cannot_be_measured_says_why(error: Exception, key: str, text: str) -> None:
    def build() -> Pair:
        raise error

    found = attempt(row(build), Faked(), 3, 1e9)
    assert text in found[key] and "second" not in found[key]
    assert (found["title"], found["case"]) == ("title", "case")


def test_a_peer_that_is_not_installed() -> None:
    absent = Row("t.n", "title", "case", "peer", pair, needs=("torch", "no_such_package"))
    assert attempt(absent, Faked(), 3, 1e9)["skipped"] == "no_such_package is not installed"


def test_gradients_are_of_the_first_output() -> None:
    x, w = torch.ones(3, requires_grad=True), torch.full((3,), 2.0, requires_grad=True)
    found = gradients({"y": (x * w).sum()}, {"x": x, "w": w})
    assert found["gradient of x"].tolist() == [2, 2, 2]
    assert found["gradient of w"].tolist() == [1, 1, 1]
