"""Memory on the processor: what a call needs at most, and the limit to it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
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


@pytest.fixture
def meter() -> Iterator[HostMeter]:
    """With one thread, as a row has it: a child is born without the others, and would wait."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield HostMeter()
    torch.set_num_threads(threads)


def test_the_peak_is_that_of_the_call(meter: HostMeter) -> None:
    before = torch.ones(32 * MIB // 4)  # what was there does not count
    for sizes, most in (((48,), 48), ((16, 48, 16), 48), ((4, 4), 4)):
        peak = meter.peak(allocate(*sizes))
        assert peak is not None and abs(peak / MIB - most) < 1
    assert len(before)


def test_memory_that_was_freed_before_counts_again(meter: HostMeter) -> None:
    """Small blocks come from a heap that cannot shrink, as something lies at its end."""
    kept = []

    def many() -> None:
        blocks = [torch.ones(MIB // 128) for _ in range(960)]
        kept.append(blocks[-1])

    peak = meter.peak(many)
    assert peak is not None and abs(peak / MIB - 30) < 2


def test_a_call_that_fails_has_no_peak(meter: HostMeter) -> None:
    def fails() -> None:
        raise SystemExit

    assert meter.peak(fails) is None


def test_with_threads_it_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert HostMeter().peak(allocate(1)) is None


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
