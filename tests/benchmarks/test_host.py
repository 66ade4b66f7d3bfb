"""Memory on the processor: what a call needs at most, and the limit to it."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

import pytest
import torch
from host import HostMeter, limit_memory, machine

MIB = 2**20


def allocate(*sizes: int) -> Any:
    """A call that holds so many MiB, one after another."""

    def side() -> None:
        for size in sizes:
            torch.ones(size * MIB // 4).add_(1)

    return side


def test_the_peak_is_that_of_the_call() -> None:
    before = torch.ones(32 * MIB // 4)  # what was there does not count
    for sizes, most in (((48,), 48), ((16, 48, 16), 48), ((4, 4), 4)):
        peak = HostMeter().peak(allocate(*sizes))
        assert peak is not None and abs(peak / MIB - most) < 0.1
    assert len(before)


def test_what_is_held_together_adds_up() -> None:
    def both() -> object:
        x = torch.ones(MIB, requires_grad=True)
        return torch.autograd.grad((2 * x.exp()).sum(), x)

    assert HostMeter().peak(both) == HostMeter().peak(both)
    peak = HostMeter().peak(both)
    assert peak is not None and 12 <= peak / MIB < 20, "x, its exponential, twice that; not more"


def test_a_call_that_fails_says_so_and_leaves_standard_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    calls = []

    def fails() -> None:
        calls.append(1)
        if len(calls) > 1:
            raise MemoryError

    with pytest.raises(MemoryError):
        HostMeter().peak(fails)
    print("still there", file=sys.stderr)
    assert capfd.readouterr().err == "still there\n"


def test_time_is_that_of_all_calls() -> None:
    called = []
    processor, wall = HostMeter().seconds(lambda: called.append(1), 3)
    assert len(called) == 3
    assert processor >= 0 and wall > 0


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is set on Linux alone")
def test_the_limit_lets_an_allocation_fail() -> None:
    def status(size: int) -> int:
        """Of a child under a limit of 64 MiB: 1 where it got no memory."""
        child = os.fork()
        if child == 0:
            limit_memory(64 * MIB)
            try:
                torch.empty(size * MIB, dtype=torch.uint8)
            except (RuntimeError, MemoryError):
                os._exit(1)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert status(16) == 0
    assert status(256) == 1


def test_a_machine_in_words() -> None:
    words = machine()
    assert words["torch"] == torch.__version__.partition("+")[0]
    assert f"{os.cpu_count()} cores" in words["processor"]
    text = " ".join(words.values())
    assert platform.node() not in text.split() and "/" not in text
