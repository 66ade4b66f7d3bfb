"""Time and memory of a computation on the processor."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

_PEAK = Path("/proc/self/clear_refs")
_MMAP_THRESHOLD = -3  # of malloc.h


class HostMeter:
    """Processor time of this process, and its resident memory."""

    clocks = ("processor", "wall")

    def seconds(self, side: Callable[[], object], calls: int) -> tuple[float, float]:
        processor, wall = time.process_time(), time.perf_counter()
        for _ in range(calls):
            side()
        return time.process_time() - processor, time.perf_counter() - wall

    def peak(self, side: Callable[[], object]) -> int | None:
        """By a forked child, whose peak nobody else has raised. None with several threads, which
        do not survive a fork."""
        if torch.get_num_threads() > 1 or not hasattr(os, "fork"):
            return None
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writer, str(_peak_of(side)).encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as answer:
            told = answer.read()
        os.waitpid(child, 0)
        return int(told) if told else None


def _peak_of(side: Callable[[], object]) -> int:
    """In the child: a first call maps what code it needs, where the peak can be set back after
    it; otherwise that counts too."""
    _give_back_at_once()
    if _PEAK.exists():
        side()
        _trim()
        _PEAK.write_text("5")
    before = _highest()
    side()
    return _highest() - before


def _highest() -> int:
    """The peak of resident memory so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _trim() -> None:
    """Give freed memory back: used again, it would not be seen."""
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _give_back_at_once() -> None:
    """Tensors are mapped each by itself, so that none stays when it is freed: glibc keeps some,
    more or fewer by what was freed before."""
    if hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_MMAP_THRESHOLD, 1 << 16)


def limit_memory(beyond: int) -> None:
    """Let allocations fail that would take this process so many bytes further, before they take
    the machine down."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + beyond
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def machine() -> dict[str, str]:
    """This machine in words, and what is installed on it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    words = {
        "processor": f"{os.cpu_count()} cores, {platform.machine()}, "
        f"{torch.backends.cpu.get_cpu_capability()}",
        "memory": f"{memory:.0f} GiB",
        "python": platform.python_version(),
    }
    return words | versions(("torch", "transformers", "trl"))


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """Of the packages that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            continue
    return found
