"""Cuts a spec file into statements and holds it to its budgets, before anything is parsed.

A statement starts in column 0; deeper lines continue it; `#` starts a comment; blank and
comment-only lines mean nothing. The scan is linear and knows brackets and strings alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .diagnostics import Log
from .source import Source, Span

MAX_BYTES = 48 * 1024
"""Size of a spec file."""
MAX_DEPTH = 64
"""Brackets within brackets."""
MAX_TERMS = 2_000
"""Operators and commas in one statement."""
MAX_NESTING = 64
"""Words and signs that nest without brackets in one statement: if, not, ^, //, %, reducers."""

_TOKEN = re.compile(
    r'"[^"]*"|"|\#[^\n]*|[\[\](){}]|//|[-+*/%,^]|\b(?:if|not|sum|prod|mean|logsumexp|argmax'
    r"|argmin|count|any|all|softmax|log_softmax|rank|min|max)\b"
)
_CLOSES = {")": "(", "]": "[", "}": "{"}
_FLAT = frozenset("+-*/,")


@dataclass(frozen=True, slots=True)
class Chunk:
    """The text of one statement: offsets into the source, the end excluded."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]


def split(source: Source, log: Log) -> list[Chunk]:
    """The statements of a file whose brackets match and whose budgets hold, in order."""
    if len(source.text) > MAX_BYTES:
        log.add(
            "E004",
            Span(source, 0, 1),
            f"the file has {len(source.text)} characters; the budget is {MAX_BYTES}",
            help="split it into several files",
        )
        return []
    chunks: list[Chunk] = []
    start: int | None = None
    end = 0
    for number, offset in enumerate(source.line_starts, 1):
        line = source.line(number)
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        if not line[0].isspace():
            if start is not None:
                chunks.append(Chunk(source, start, end))
            start = offset
        elif start is None:
            indent = offset + len(line) - len(line.lstrip())
            log.add(
                "E003",
                Span(source, indent, offset + len(line.rstrip())),
                "an indented line continues a statement, and there is none above it",
                help="start the statement in column 0",
            )
            continue
        end = offset + len(line.rstrip())
    if start is not None:
        chunks.append(Chunk(source, start, end))
    return [chunk for chunk in chunks if _sound(chunk, log)]


def _sound(chunk: Chunk, log: Log) -> bool:
    """Whether brackets match, strings end, and the statement is within its budgets."""
    open_at: list[tuple[str, int]] = []
    flat = nesting = 0
    for match in _TOKEN.finditer(chunk.text):
        token, at = match.group(), chunk.start + match.start()
        here = Span(chunk.source, at, at + len(token))
        if token == '"':
            log.add("E102", here, "this string does not end", help='close it with `"`')
            return False
        if token[0] in '"#':
            continue
        if token in "([{":
            open_at.append((token, at))
            if len(open_at) > MAX_DEPTH:
                log.add(
                    "E005",
                    here,
                    f"brackets nest deeper than {MAX_DEPTH} levels",
                    help="name a part of the expression in an equation of its own",
                )
                return False
        elif token in ")]}":
            if not open_at or open_at[-1][0] != _CLOSES[token]:
                log.add("E103", here, f"`{token}` closes nothing")
                return False
            open_at.pop()
        elif token in _FLAT:
            flat += 1
            if flat > MAX_TERMS:
                log.add(
                    "E006",
                    here,
                    f"the statement has more than {MAX_TERMS} operators and commas",
                    help="split it into several equations",
                )
                return False
        else:
            nesting += 1
            if nesting > MAX_NESTING:
                log.add(
                    "E007",
                    here,
                    f"the statement nests more than {MAX_NESTING} of `if`, `not`, `^`, `//`, "
                    "`%` and reducers",
                    help="name a part of the expression in an equation of its own",
                )
                return False
    if open_at:
        bracket, at = open_at[-1]
        log.add("E104", Span(chunk.source, at, at + 1), f"`{bracket}` is never closed")
        return False
    return True
