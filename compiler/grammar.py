"""The grammar as an object: its words, its parser, where its tokens stand."""

from __future__ import annotations

from functools import cache

from lark import Lark, Token

from .layout import Chunk
from .source import Span

KEYWORDS = (
    "module source size index input param const random require use import from def law with "
    "given output incremental if then else and or not in true false"
).split()
REDUCERS = "sum prod max min mean logsumexp argmax argmin count any all".split()
ROW_OPERATORS = "softmax log_softmax rank".split()
RESERVED = frozenset(KEYWORDS + REDUCERS + ROW_OPERATORS)

OPENERS = (
    "module source size index input param const random require use import def law output"
).split()

REDUCER_HELP = (
    "a reducer follows `*`, `/`, `+`, `-`, a comparison or an opening bracket; "
    "otherwise put it in parentheses"
)


@cache
def lark() -> Lark:
    """The parser of one statement."""
    return Lark.open_from_package(
        __package__,
        "grammar.lark",
        ("",),
        start="statement",
        parser="lalr",
        lexer="basic",
        keep_all_tokens=True,
        maybe_placeholders=False,
    )


def span_of(chunk: Chunk, token: Token) -> Span:
    start = chunk.start + (token.start_pos or 0)
    return Span(chunk.source, start, start + len(token))
