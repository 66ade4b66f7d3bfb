"""Names the mistake behind a syntax error, where the parser only knows what it expected."""

from __future__ import annotations

from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from .diagnostics import Log, suggest
from .grammar import OPENERS, REDUCER_HELP, RESERVED, span_of
from .layout import Chunk
from .source import Span

_CHARACTER_HELP = {
    "&": "write `and`",
    "|": "write `or`, or `abs(x)` for an absolute value",
    "!": "write `not`, or `!=`",
    "{": "sets of indices stand in square brackets: `sum[u if c] …`",
    ";": "a statement ends with its line",
    "Σ": "write `sum[u] …`",
    "≤": "write `<=`",
    "≥": "write `>=`",
    "≠": "write `!=`",
    "·": "write `*`",
    "×": "write `*`",
    "∞": "write `inf`",
    "²": "write `^2`",
    "√": "write `sqrt(…)`",
}


def report_character(chunk: Chunk, error: UnexpectedCharacters, log: Log) -> None:
    at = chunk.start + (error.pos_in_stream or 0)
    character = chunk.source.text[at]
    log.add(
        "E101",
        Span(chunk.source, at, at + 1),
        f"the character `{character}` has no meaning here",
        help=_CHARACTER_HELP.get(character, ""),
    )


_EXPRESSION_STARTS = {"NAME", "NUMBER", "LPAR"}


def report_token(chunk: Chunk, error: UnexpectedToken, log: Log) -> None:
    token, expected = error.token, set(error.expected)
    if token.type == "$END":
        log.add(
            "E106",
            Span(chunk.source, chunk.end - 1, chunk.end),
            "the statement ends too early",
            label=f"{_describe(expected)} should follow",
        )
        return
    here = span_of(chunk, token)
    first = chunk.text.split(None, 1)[0]
    before = chunk.text[: token.start_pos or 0].rstrip()
    wants_operand = expected >= _EXPRESSION_STARTS
    if expected == {"LSQB", "EQUAL"} or (not before and token.type != "NAME"):
        log.add(
            "E107",
            Span(chunk.source, chunk.start, chunk.start + len(first)),
            f"`{first}` does not begin a statement",
            help=suggest(first, OPENERS)
            or "a statement is an equation `name[…] = …` or begins with a keyword",
        )
    elif token in ("if", "not") and wants_operand:
        log.add(
            "E100",
            here,
            f"`{token}` cannot stand here",
            help=f"put it in parentheses: `({token} …)`",
        )
    elif token in RESERVED and "NAME" in expected:
        code = "E109" if token.type in ("REDUCER", "MINMAX") and wants_operand else "E105"
        log.add(
            code,
            here,
            f"`{token}` is a reserved word and cannot be a name"
            if code == "E105"
            else f"the reducer `{token}` cannot stand here",
            help="choose another name" if code == "E105" else REDUCER_HELP,
        )
    elif token.type == "MINUS" and wants_operand:
        log.add(
            "E108",
            here,
            "a minus may begin only a sum or an exponent",
            help="put the negated part in parentheses: `a * (-b)`",
        )
    elif token.type == "EQUAL" and "COMPARISON" in expected:
        log.add("E112", here, "`=` defines; it does not compare", help="equality is `==`")
    elif token.type == "TIMES" and before.endswith("*"):
        log.add("E113", here, "there is no operator `**`", help="a power is written `x^2`")
    elif token.type in _EXPRESSION_STARTS | {"REDUCER", "MINMAX"} and "COMPARISON" in expected:
        log.add(
            "E114",
            here,
            "two expressions stand side by side",
            help="there is no implicit product: write `*` between them",
        )
    else:
        log.add(
            "E100", here, f"`{token}` cannot stand here", label=f"expected {_describe(expected)}"
        )


_TERMINALS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": "a string",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "COMMA": "`,`",
    "COLON": "`:`",
    "DOT": "`.`",
    "EQUAL": "`=`",
    "TILDE": "`~`",
    "__TILDE": "`~`",
}


def _describe(expected: set[str]) -> str:
    """What the grammar would take, in a few words."""
    if expected >= _EXPRESSION_STARTS:
        return "an expression"
    operators = {"TIMES", "PLUS", "MINUS", "DIVIDE", "FLOORDIV", "MODULO", "COMPARISON", "AND"}
    operators |= {"OR", "CIRCUMFLEX", "PRIME", "DOT", "LPAR", "LSQB", "GIVEN", "WITH"}
    names = sorted(expected - operators - {"$END"}) or sorted(expected - {"$END"})
    words = [_TERMINALS.get(name, f"`{name.lower()}`") for name in names]
    if "COMPARISON" in expected:
        words.append("an operator")
    if not words:
        return "the end of the statement"
    return " or ".join(words) if len(words) < 5 else "something else"
