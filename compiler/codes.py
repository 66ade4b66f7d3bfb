"""The table of diagnostics: every code, what it means and what to do about it."""

from __future__ import annotations


class _All(dict):
    def __missing__(self, k):
        return ("", "")


CODES = _All()
