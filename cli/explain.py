"""`lawful explain`: each equation as text and LaTeX, its code, and the checks that hold it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from ..compiler import typed as t
from ..compiler.latex import law as law_latex
from ..compiler.project import Project
from .commands import selection
from .equations import Numbered, code_of, numbered, text_of


def explain_command(names: Sequence[str], spec: Path | None, out: Path | None) -> int:
    """Status 0; 1 with diagnostics where a spec is wrong. Raises UsageError where no module is
    selected."""
    chosen = selection(names, spec, out)
    if chosen is None:
        return 1
    pages = [explain(chosen.modules[n], chosen.project, chosen.prefix) for n in chosen.names]
    print("\n\n\n".join(pages))
    return 0


def explain(module: t.Module, project: Project, prefix: str = "") -> str:
    """A module as a page of plain text. `prefix` stands before its name on the command line."""
    stem = module.qualified.rpartition(".")[0].replace(".", "/")
    path = project.out / f"{stem}.py"
    text = path.read_text("utf-8") if path.is_file() else ""
    parts = [_head(module)]
    parts += [_equation(module, entry, text, f"{stem}.eq", path) for entry in numbered(module)]
    parts += [_law(law, number) for number, law in enumerate(module.laws, start=1)]
    parts.append(f"To hold all of it: lawful verify {prefix}{module.qualified}")
    return "\n\n".join(parts)


def _head(module: t.Module) -> str:
    lines = [f"{module.qualified}    {_place(module)}"]
    lines += textwrap.wrap(module.doc, 96, initial_indent="  ", subsequent_indent="  ")
    for source in module.sources:
        lines += textwrap.wrap(
            f"Source: {source}", 96, initial_indent="  ", subsequent_indent="    "
        )
    return "\n".join(lines)


def _equation(module: t.Module, entry: Numbered, text: str, spec: str, path: Path) -> str:
    lines = [f"({entry.number})  {_at(entry)}"]
    lines += [f"  {text_of(span)}" for span in entry.spans]
    lines.append(f"  {entry.latex}")
    blocks = [code for span in entry.spans for code in code_of(text, spec, span)]
    for code in blocks:
        lines.append(f"  {path.as_posix()}:{code.line}")
        last = code.line + len(code.lines) - 1
        rows = textwrap.dedent("\n".join(code.lines)).split("\n")
        numbers = range(code.line, last + 1)
        lines += [f"  {n:{len(str(last))}} | {row}" for n, row in zip(numbers, rows, strict=True)]
    if not text:
        lines.append(f"  no code: there is no {path.as_posix()}; lawful build writes it")
    elif not blocks:
        lines.append("  no code of its own")
    lines.append(f"  held by: {_holds(module, entry)}")
    return "\n".join(lines)


def _law(law: t.Law, number: int) -> str:
    head = f"[{number}]  {law.span.source.path}:{law.span.line}"
    return "\n".join([head, f"  {text_of(law.span)}", f"  {law_latex(law)}"])


def _holds(module: t.Module, entry: Numbered) -> str:
    """The checks that would see a wrong equation: of outputs that depend on it, and laws."""
    held = [f"values of {', '.join(entry.outputs)}"] if entry.outputs else []
    given = (*module.inputs.values(), *module.params.values())
    outputs = [name for name in entry.outputs if module.definitions[name].type == "real"]
    if outputs and any(variable.type == "real" for variable in given):
        held.append(f"gradients of {', '.join(outputs)}")
    if entry.laws:
        held.append(("law " if len(entry.laws) == 1 else "laws ") + ", ".join(entry.laws))
    return "; ".join(held)


def _at(entry: Numbered) -> str:
    return ", ".join(f"{span.source.path}:{span.line}" for span in entry.spans)


def _place(module: t.Module) -> str:
    return f"{module.span.source.path}:{module.span.line}"
