"""All entries whose library is installed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

from examples.conformance.entry import Entry

MODULES = {
    "torch_ops": "torch",
    "transformers_attention": "transformers",
    "transformers_layers": "transformers",
    "transformers_sampling": "transformers",
    "trl_policy": "trl",
    "trl_preference": "trl",
}
"""The modules of adapters beside this file, and the library that each needs."""


def entries() -> Iterator[Entry]:
    """In the order of the modules, and of each one's table."""
    for name, library in MODULES.items():
        if find_spec(library) is not None:
            yield from import_module(f"examples.conformance.{name}").ENTRIES
