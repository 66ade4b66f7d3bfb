"""The equations of a module in the order of the text: what each is, where its code stands, and
what depends on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..compiler import typed as t
from ..compiler.latex import equation
from ..compiler.reads import reads_of
from ..compiler.source import Span
from ..compiler.walk import nodes


@dataclass(frozen=True, slots=True)
class Numbered:
    """An equation with its number, counted from 1. `spans` are one place, or base and step;
    `outputs` and `laws` are those that depend on it."""

    number: int
    spans: tuple[Span, ...]
    latex: str
    outputs: tuple[str, ...]
    laws: tuple[str, ...]


def numbered(module: t.Module) -> list[Numbered]:
    """All equations of a module. The outputs of one call are one equation."""
    needs = {name: set(_reads(d)) for name, d in module.definitions.items()}
    outputs = {name: _closure([name], needs) for name in module.outputs}
    laws = {law.name: _closure(_mentions(law), needs) for law in module.laws}
    by_place: dict[int, list[str]] = {}
    for name, d in module.definitions.items():
        by_place.setdefault(d.span.start, []).append(name)
    found = []
    for number, (_, names) in enumerate(sorted(by_place.items()), start=1):
        d = module.definitions[names[0]]
        parts = (d.base, d.step) if isinstance(d, t.Recurrence) else (d,)
        found.append(
            Numbered(
                number,
                tuple(part.span for part in parts),
                equation(d),
                tuple(output for output, all_of in outputs.items() if all_of & set(names)),
                tuple(law for law, all_of in laws.items() if all_of & set(names)),
            )
        )
    return found


def _reads(d: t.Definition) -> Iterator[str]:
    for part in (d.base, d.step) if isinstance(d, t.Recurrence) else (d,):
        yield from (read.tensor for read in reads_of(part))


def _mentions(law: t.Law) -> list[str]:
    """The tensors that a law speaks of."""
    expressions = [law.claim, *law.given, *(b.value for b in law.bindings)]
    return [n.tensor for e in expressions for n in nodes(e) if isinstance(n, t.Element)]


def _closure(names: Sequence[str], needs: Mapping[str, set[str]]) -> set[str]:
    """The names, and all that they need."""
    pending, found = list(names), set()
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += needs.get(name, ())
    return found


@dataclass(frozen=True, slots=True)
class Code:
    """Lines of a generated file, the first counted from 1: an equation as a comment, and the
    statements below it."""

    line: int
    lines: tuple[str, ...]


def code_of(text: str, path: str, span: Span) -> list[Code]:
    """The places in a generated file that implement an equation. `path` is that of the spec
    below the spec root."""
    lines = text.split("\n")
    found = []
    for i, line in enumerate(lines):
        if line.lstrip().startswith("#") and line.endswith(f"({path}:{span.line})"):
            first, last = i, i + 1
            while lines[first - 1].lstrip().startswith("#"):
                first -= 1
            while last < len(lines) and lines[last].strip():
                last += 1
            found.append(Code(first + 1, tuple(lines[first:last])))
    return found


def text_of(span: Span) -> str:
    """A statement of a spec on one line, without its comments."""
    lines = [line.strip() for line in span.text.split("\n")]
    return " ".join(line for line in lines if line and not line.startswith("#"))
