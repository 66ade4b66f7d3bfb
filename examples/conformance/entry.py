"""What is held against a spec: one function of another library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

DTYPES = ("float64", "float32", "bfloat16")


@dataclass(frozen=True, slots=True)
class Entry:
    """One function of another library and the equation that it should be.

    `function` takes the spec's names and calls `code`, which is named as its library names it.
    `spec` is a qualified name: `lawful.…` in the library, others in `spec/` beside this file.
    `variant` says which convention it is, `why` the cause of what deviates, where it is known.
    """

    code: str
    spec: str
    function: Callable[..., Any]
    variant: str
    why: str = ""
    dtypes: tuple[str, ...] = DTYPES

    @property
    def name(self) -> str:
        """`MODULE:FUNCTION`, as `lawful verify --impl` takes it below this folder's name."""
        module = self.function.__module__.rpartition(".")[2]
        return f"{module}:{self.function.__qualname__}"
