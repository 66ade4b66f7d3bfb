"""How commands start processes of their own."""

from __future__ import annotations

import multiprocessing
from typing import Any


def process_context() -> Any:
    """How processes start: where that can be, from one that has the large libraries loaded."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["flint", "sympy", "torch"])
    return context
