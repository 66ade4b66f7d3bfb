"""Time and memory of a computation on the processor."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate
from pathlib import Path

import torch
from torch.autograd.profiler import profile


class HostMeter:
    """Processor time of this process, and the memory of its tensors."""

    clocks = ("processor", "wall")

    def seconds(self, side: Callable[[], object], calls: int) -> tuple[float, float]:
        processor, wall = time.process_time(), time.perf_counter()
        for _ in range(calls):
            side()
        return time.process_time() - processor, time.perf_counter() - wall

    def peak(self, side: Callable[[], object]) -> int | None:
        """By what tensors were given and gave back, in the order of time."""
        side()
        with _quiet(), profile(profile_memory=True) as watched:
            kept = side()
        del kept
        results = watched.kineto_results
        assert results is not None
        changes = [e for e in results.events() if e.name() == "[memory]"]
        changes.sort(key=lambda e: e.start_ns())
        return max(accumulate((e.nbytes() for e in changes), initial=0))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the profiler writes on standard error each time."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


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
