"""Writes docs/errors.md: every diagnostic with its explanation, an example, and its message.

The examples are the golden pairs of the tests, so what the page shows is what is printed.
Run it as `python docs/make_errors.py`; a test holds the page to it.
"""

from __future__ import annotations

from pathlib import Path

from lawful.compiler.codes import CODES

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "compiler" / "golden" / "diagnostics"
PAGE = ROOT / "docs" / "errors.md"

_GROUPS = {
    "E0": "Files and budgets",
    "E1": "Syntax",
    "E2": "Names and indices",
    "E3": "Sizes and shapes",
    "E4": "Types",
    "E5": "Ranges",
    "E6": "Definitions",
    "E7": "Modules and calls",
    "E8": "Laws and incremental evaluation",
    "E9": "The compiler",
    "W2": "Warnings",
}

_HEAD = """# Errors

Every error and warning has a code that stays the same from version to version. Each is shown
here with what it means, a spec that has it, and the message as it is printed.

This page is written by `docs/make_errors.py` from the table in `compiler/codes.py` and the golden
files of the tests.
"""


def render() -> str:
    """The page."""
    parts = [_HEAD]
    group = ""
    for code, row in sorted(CODES.items()):
        if code[:2] != group:
            group = code[:2]
            parts.append(f"## {_GROUPS[group]}\n")
        parts.append(f"### {code}: {row.title}\n\n{row.explanation}\n")
        spec, message = GOLDEN / f"{code}.eq", GOLDEN / f"{code}.txt"
        if spec.exists():
            parts.append(f"```\n{_excerpt(spec.read_text('utf-8'))}\n```\n")
        if message.exists():
            parts.append(f"```\n{message.read_text('utf-8').rstrip()}\n```\n")
    return "\n".join(parts)


def _excerpt(text: str) -> str:
    """A spec without the blank lines at its ends, its long lines cropped."""
    lines = text.strip("\n").split("\n")
    return "\n".join(line if len(line) <= 100 else line[:99] + "…" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
