"""The rows, by topic: each file here lists its own as ROWS."""

from __future__ import annotations

from harness import Row

from rows import attention, cross_entropy, decoding, dpo, sampler, training


def rows() -> dict[str, Row]:
    """All rows, by name, in the order of the page."""
    files = (attention, cross_entropy, dpo, sampler, decoding, training)
    found: dict[str, Row] = {}
    for file in files:
        for row in file.ROWS:
            assert row.name not in found, f"two rows are called {row.name}"
            found[row.name] = row
    return found
