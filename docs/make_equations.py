"""Writes docs/equations.md, a page a spec file in docs/equations/, and docs/coverage.svg.

    python docs/make_equations.py              # the pages, from specs, code and records
    python docs/make_equations.py --from F     # first take the records of a verification over:
                                               # F is what `lawful verify --json F` wrote

A record holds the hashes of the spec file and of the generated file as they are when it is
taken over; where either has changed since, the pages say so. A test holds the pages to this.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lawful.cli.equations import Numbered, code_of, numbered
from lawful.compiler import typed as t
from lawful.compiler.diagnostics import Log
from lawful.compiler.latex import function, latex
from lawful.compiler.latex import law as law_latex
from lawful.compiler.library import load
from lawful.compiler.show import show
from lawful.compiler.source import Span
from lawful.compiler.walk import nodes

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
RECORDS = DOCS / "verification.json"
COVERAGE = DOCS / "coverage.toml"

SECTIONS = {
    1: "Paper core",
    2: "Attention variants",
    3: "Losses",
    4: "Samplers",
    5: "Identities",
}
COLOURS = {"done": "#2e7d32", "differs": "#f9a825", "not done": "#c62828"}

_HEAD = """# The equations

Every equation of the library that ships with lawful: {modules} modules in {files} files, with
{equations} equations and {laws} laws. A page a file shows them as mathematics, each with its number,
its place in the spec, the lines of `generated/` that implement it, and what verification found.

Indices count from 0 and run over the size that stands beside them; a sum without limits runs over
all of its index. $`\\mathbf{{1}}[c]`$ is 1 where $`c`$ holds and 0 elsewhere, a sum over nothing is
0, and $`0 \\cdot \\infty = 0`$: see [language.md](language.md). `lawful explain NAME` shows a module in
the terminal.

This page, those below it and the figure are written by `docs/make_equations.py` from the specs, the
generated code, `docs/coverage.toml` and the records in `docs/verification.json`.
"""


def pages() -> dict[Path, str]:
    """Every page and the figure, by path."""
    log = Log()
    modules = load(ROOT / "spec", log)
    log.raise_errors()
    records = json.loads(RECORDS.read_text("utf-8"))
    by_file: dict[str, list[t.Module]] = {}
    for module in modules.values():
        by_file.setdefault(module.qualified.rpartition(".")[0], []).append(module)
    for group in by_file.values():
        group.sort(key=lambda module: module.span.start)
    rows = coverage()
    made = {DOCS / "equations.md": _index(by_file, rows, records)}
    made |= {DOCS / "coverage.svg": figure(rows)}
    for stem, group in by_file.items():
        made[DOCS / "equations" / f"{stem}.md"] = _page(stem, group, records)
    return made


# records of verification


def condense(written: Mapping[str, Any], records: Mapping[str, Any]) -> dict[str, Any]:
    """The records, with those of the reports that `lawful verify --json` wrote in their place."""
    found = dict(records)
    for report in written["reports"]:
        checks = [c for c in report["checks"] if c["unit"] == "numbers"]
        laws = [c for c in report["checks"] if c["unit"] == "instances"]
        worst = [c["worst"] for c in report["checks"]]
        found[report["module"]] = {
            "verdict": report["verdict"],
            "level": written["level"],
            "torch": written["torch"],
            "dtypes": report["dtypes"],
            "checks": {c["name"]: c["verdict"] for c in checks},
            "compared": sum(c["compared"] for c in checks),
            "left_out": sum(c["left_out"] for c in checks),
            "worst": None if None in worst else float(f"{max(worst):.3g}"),
            "laws": {c["name"].removeprefix("law "): [c["verdict"], c["compared"]] for c in laws},
            **_hashes(report["module"]),
        }
    return dict(sorted(found.items()))


def _hashes(qualified: str) -> dict[str, str]:
    path = qualified.rpartition(".")[0].replace(".", "/")
    files = {"spec": ROOT / "spec" / f"{path}.eq", "code": ROOT / "generated" / f"{path}.py"}
    return {kind: hashlib.sha256(file.read_bytes()).hexdigest() for kind, file in files.items()}


def status(qualified: str, records: Mapping[str, Any]) -> str:
    """What is known of a module: a verdict only where spec and code are what was verified."""
    record = records.get(qualified)
    if record is None:
        return "not verified yet"
    if any(record[kind] != found for kind, found in _hashes(qualified).items()):
        return "changed since it was verified"
    return str(record["verdict"])


def _details(module: t.Module, records: Mapping[str, Any]) -> str:
    state = status(module.qualified, records)
    if state not in ("OK", "WRONG", "INCONCLUSIVE"):
        return state
    record = records[module.qualified]
    worst = "without bound" if record["worst"] is None else f"{record['worst']:g} of its tolerance"
    return (
        f"{state} ({', '.join(record['checks'])}): {record['compared']:,} numbers compared in "
        f"{', '.join(record['dtypes'])}, {record['left_out']:,} left out, largest error {worst}; "
        f"level {record['level']}, torch {record['torch']}"
    )


def _law_status(module: t.Module, law: t.Law, records: Mapping[str, Any]) -> str:
    state = status(module.qualified, records)
    if state not in ("OK", "WRONG", "INCONCLUSIVE"):
        return state
    verdict, tried = records[module.qualified]["laws"].get(law.name, ["not verified yet", 0])
    return f"{verdict}, {tried:,} instances"


# one page a spec file


def _page(stem: str, group: Sequence[t.Module], records: Mapping[str, Any]) -> str:
    path = stem.replace(".", "/")
    code = (ROOT / "generated" / f"{path}.py").read_text("utf-8")
    parts = [
        f"# {stem}",
        f"Written by `docs/make_equations.py` from [spec/{path}.eq](../../spec/{path}.eq). "
        "[All files](../equations.md)",
    ]
    for module in group:
        parts += _module(module, path, code, records)
    return "\n\n".join(parts) + "\n"


def _module(module: t.Module, path: str, code: str, records: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {module.name}"
    yield _plain(module.doc) if module.doc else f"`{module.qualified}`"
    for source in module.sources:
        yield f"Source: {_plain(source)}"
    yield f"Verification: {_details(module, records)}"
    yield "\n".join(_declarations(module))
    for entry in numbered(module):
        places = f"{_spec_links(path, entry.spans)}, {_code_links(path, code, entry)}"
        yield f"**{module.qualified} ({entry.number})** {places}\n\n{_math(entry.latex)}"
    for e in _functions([module], prelude=False):
        yield f"where\n\n{_math(function(e))}"
    for law in module.laws:
        head = f"**Law {_plain(law.name)}** {_spec_links(path, [law.span])}"
        yield f"{head}: {_law_status(module, law, records)}\n\n{_math(law_latex(law))}"


def _declarations(module: t.Module) -> Iterator[str]:
    """What the equations take as given, a line each, as it is written."""
    indices = (f"`{i.name}` in 0 … `{show(i.range)}` - 1" for i in module.indices.values())
    rows = {
        "Indices": indices,
        "Sizes": (f"`{_text(s.span)}`" for s in module.sizes.values() if s.value is not None),
        "Inputs": (f"`{_text(v.span)}`" for v in module.inputs.values()),
        "Params": (f"`{_text(v.span)}`" for v in module.params.values()),
        "Random": (f"`{_text(v.span)}`" for v in module.randoms.values()),
        "Constants": (f"`{_text(c.span)}`" for c in module.consts.values()),
        "Modules": (f"`{_text(s.span)}`" for s in module.submodules.values()),
        "Requires": (f"$`{latex(e)}`$" for e in module.requires),
    }
    for heading, items in rows.items():
        shown = ", ".join(items)
        if shown:
            yield f"- {heading}: {shown}"


def _functions(modules: Iterable[t.Module], *, prelude: bool) -> list[t.Apply]:
    """The defs that modules apply, one application of each."""
    found: dict[str, t.Apply] = {}
    for module in modules:
        for d in module.definitions.values():
            for part in (d.base, d.step) if isinstance(d, t.Recurrence) else (d,):
                pending = list(nodes(part.body)) if isinstance(part, t.Equation) else []
                while pending:
                    e = pending.pop()
                    if isinstance(e, t.Apply):
                        pending += nodes(e.body)
                        if e.prelude == prelude:
                            found.setdefault(e.name, e)
    return [found[name] for name in sorted(found)]


def _spec_links(path: str, spans: Sequence[Span]) -> str:
    last = f"-L{spans[-1].line}" if len(spans) > 1 else ""
    line = spans[0].line
    return f"[spec/{path}.eq:{line}](../../spec/{path}.eq#L{line}{last})"


def _code_links(path: str, code: str, entry: Numbered) -> str:
    found = [place for span in entry.spans for place in code_of(code, f"{path}.eq", span)]
    if not found:
        return "for the laws alone" if not entry.outputs else "no code of its own"
    links = []
    for place in found:
        lines = f"#L{place.line}-L{place.line + len(place.lines) - 1}"
        links.append(f"[generated/{path}.py:{place.line}](../../generated/{path}.py{lines})")
    return ", ".join(links)


def _math(text: str) -> str:
    return f"```math\n{text}\n```"


def _text(span: Span) -> str:
    return " ".join(span.text.split())


def _plain(text: str) -> str:
    """Text in which Markdown sees nothing of its own."""
    for mark in "\\`*_[]<>|$#":
        text = text.replace(mark, f"\\{mark}")
    return text


# the first page


def coverage() -> list[dict[str, Any]]:
    """The rows of docs/coverage.toml."""
    return list(tomllib.loads(COVERAGE.read_text("utf-8"))["row"])


def _index(
    by_file: Mapping[str, Sequence[t.Module]],
    rows: Sequence[Mapping[str, Any]],
    records: Mapping[str, Any],
) -> str:
    modules = [module for group in by_file.values() for module in group]
    head = _HEAD.format(
        modules=len(modules),
        files=len(by_file),
        equations=sum(len(numbered(module)) for module in modules),
        laws=sum(len(module.laws) for module in modules),
    )
    parts = [head, "## Coverage\n"]
    parts.append(
        "What the paper and the practice around it call for, and where it is: *done*, *differs* "
        "(the library has another form of it, or a part), or *not done*.\n\n"
        "![Rows of the list that are done, by section](coverage.svg)\n"
    )
    for number, title in SECTIONS.items():
        parts.append(f"### {title}\n\n| row | what | modules | state |\n| --- | --- | --- | --- |")
        parts += [_coverage_row(row) for row in rows if row["section"] == number]
        parts.append("")
    parts.append("## Functions\n\nNamed in the formulas, and defined for every spec:\n")
    parts += [f"{_math(function(e))}\n" for e in _functions(modules, prelude=True)]
    parts.append("## Modules\n\n| module | equations | laws | verification |")
    parts.append("| --- | ---: | ---: | --- |")
    for module in modules:
        state = status(module.qualified, records)
        link = f"[{_plain(module.qualified)}]({_target(module.qualified)})"
        parts.append(f"| {link} | {len(numbered(module))} | {len(module.laws)} | {state} |")
    return "\n".join(parts) + "\n"


def _coverage_row(row: Mapping[str, Any]) -> str:
    links = [f"[{_plain(name)}]({_target(name)})" for name in row["modules"]]
    state = row["state"] + (f": {_plain(row['note'])}" if row.get("note") else "")
    laws = ", ".join(_plain(law) for law in row.get("laws", ()))
    where = "<br>".join(links) + (f"<br>laws: {laws}" if laws else "")
    return f"| {_plain(row['id'])} | {_plain(row['title'])} | {where} | {state} |"


def _target(qualified: str) -> str:
    stem, _, name = qualified.rpartition(".")
    return f"equations/{stem}.md#{name.lower()}"


def figure(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows of each section by state, as bars."""
    width, left, step = 480, 150, 34
    height = step * len(SECTIONS) + 40
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{height}" '
        f'viewBox="0 0 720 {height}" font-family="sans-serif" font-size="14">',
        f'<rect width="720" height="{height}" fill="#ffffff"/>',
    ]
    for i, (number, title) in enumerate(SECTIONS.items()):
        states = [row["state"] for row in rows if row["section"] == number]
        x, y = float(left), 10 + step * i
        lines.append(f'<text x="{left - 8}" y="{y + 17}" text-anchor="end">{title}</text>')
        for state, colour in COLOURS.items():
            part = width * states.count(state) / max(len(states), 1)
            shape = f'x="{x:.1f}" y="{y}" width="{part:.1f}" height="24"'
            lines.append(f'<rect {shape} fill="{colour}"><title>{state}</title></rect>')
            x += part
        count = f"{states.count('done')} of {len(states)}"
        lines.append(f'<text x="{left + width + 8}" y="{y + 17}">{count}</text>')
    for i, (state, colour) in enumerate(COLOURS.items()):
        x, y = left + 110 * i, step * len(SECTIONS) + 14
        lines.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}"/>')
        lines.append(f'<text x="{x + 18}" y="{y + 11}">{state}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the pages of equations.")
    parser.add_argument("--from", dest="written", type=Path, help="what lawful verify --json wrote")
    written = parser.parse_args().written
    if written is not None:
        records = json.loads(RECORDS.read_text("utf-8"))
        records = condense(json.loads(written.read_text("utf-8")), records)
        RECORDS.write_text(json.dumps(records, indent=1) + "\n", "utf-8")
    made = pages()
    for path in set((DOCS / "equations").glob("*.md")) - set(made):
        path.unlink()
    for path, text in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
