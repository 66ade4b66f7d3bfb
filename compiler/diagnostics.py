"""The one kind of message users see for what they got wrong: code, place, carets, help."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from .codes import CODES
from .source import Span

LINE_WIDTH = 120
"""Longer source lines are shown cropped around the carets."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning.

    `span` is None where no place in a file can be named; `path` then says which file or
    folder it is about, if any. `label` stands behind the carets.
    """

    code: str
    message: str
    span: Span | None = None
    label: str = ""
    help: str = ""
    path: str = ""

    @property
    def is_error(self) -> bool:
        return not self.code.startswith("W")

    def __str__(self) -> str:
        kind = "error" if self.is_error else "warning"
        lines = [f"{kind}[{self.code}]: {printable(self.message)}"]
        if self.span is not None:
            lines += _excerpt(self.span, printable(self.label))
        elif self.path:
            lines.append(f"  --> {printable(self.path)}")
        if self.help:
            margin = " " * len(str(self.span.line)) if self.span else " "
            lines.append(f"{margin} = help: {printable(self.help)}")
        return "\n".join(lines)


class SpecError(Exception):
    """Raised with every diagnostic of a run, where there is no result to return."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n\n".join(str(d) for d in self.diagnostics))


class Poisoned(Exception):
    """A part of a statement is wrong and has been reported; drop what depends on it."""


@dataclass(slots=True)
class Log:
    """Collects the diagnostics of a run."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    _seen: set[Diagnostic] = field(default_factory=set, repr=False)

    def record(self, *entries: Diagnostic) -> None:
        """Add diagnostics, each once."""
        for entry in entries:
            if entry not in self._seen:
                self._seen.add(entry)
                self.diagnostics.append(entry)

    def add(
        self, code: str, span: Span | None, message: str, *, label: str = "", help: str = ""
    ) -> None:
        """Record an error or warning; a code that is not in the table is a KeyError."""
        CODES[code]
        self.record(Diagnostic(code, message, span, label, help))

    def fail(
        self, code: str, span: Span | None, message: str, *, label: str = "", help: str = ""
    ) -> NoReturn:
        """Record an error and raise Poisoned."""
        self.add(code, span, message, label=label, help=help)
        raise Poisoned

    @property
    def failed(self) -> bool:
        return any(entry.is_error for entry in self.diagnostics)

    def in_order(self) -> list[Diagnostic]:
        """Sorted by file and place."""

        def key(entry: Diagnostic) -> tuple[str, int, str]:
            span = entry.span
            return (span.source.path, span.start, entry.code) if span else (entry.path, 0, "")

        return sorted(self.diagnostics, key=key)

    def raise_errors(self) -> None:
        """Raise SpecError where any error was recorded."""
        if self.failed:
            raise SpecError(entry for entry in self.in_order() if entry.is_error)


def printable(text: str) -> str:
    """`text` with control and other invisible characters written as escapes."""
    return "".join(
        c if c.isprintable() else " " if c == "\t" else c.encode("unicode_escape").decode()
        for c in text
    )


def _width(text: str) -> int:
    """Columns a terminal gives to `text`."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) != 0 for c in text)


def _excerpt(span: Span, label: str) -> list[str]:
    line, column = span.line, span.column
    text = span.source.line(line)
    start = column - 1
    end = max(start + 1, min(start + span.end - span.start, len(text)))
    left = 0
    if len(text) > LINE_WIDTH:
        left = max(0, min(start - LINE_WIDTH // 3, len(text) - LINE_WIDTH))
    right = left + LINE_WIDTH
    shown = ("…" if left else "") + printable(text[left:right]) + ("…" if len(text) > right else "")
    before = ("…" if left else "") + printable(text[left:start])
    carets = "^" * max(1, _width(printable(text[start : min(end, right)])))
    margin = " " * len(str(line))
    return [
        f"{margin}--> {printable(span.source.path)}:{line}:{column}",
        f"{margin} |",
        f"{line} | {shown}",
        f"{margin} | {' ' * _width(before)}{carets} {label}".rstrip(),
    ]


def suggest(name: str, candidates: Iterable[str]) -> str:
    """A help line that names the candidate closest to a misspelt name, or ''."""
    import difflib

    near = difflib.get_close_matches(name, sorted(set(candidates)), n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else ""
