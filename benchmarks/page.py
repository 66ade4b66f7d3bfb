"""Writes docs/performance.md and its figures from docs/performance.json.

python benchmarks/page.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from plots import Panel, figure

DOCS = Path(__file__).resolve().parents[1] / "docs"
RECORDS = DOCS / "performance.json"
PAGE = DOCS / "performance.md"
FIGURES = DOCS / "performance"

TOPICS = {
    "attention": "Attention with rotary positions",
    "cross_entropy": "Linear head with cross-entropy",
    "dpo": "Direct preference optimisation from logits",
    "sampler": "Sampler: temperature, top-k and top-p",
    "decoding": "Decoding with a cache",
    "training": "A training step",
}
AXES = {
    "attention: T": "T, positions",
    "linear head and cross-entropy: V": "V, classes",
    "sampler: V": "V, tokens",
    "decoding: batch": "sequences at once",
    "decoding: position": "positions in the cache",
}

_HEAD = """# Performance

The generated code beside what its users would run otherwise: time and memory over the peer's, so
that less than 1 is better. {met} of {gates} gates are met.

Both sides of a row run in one process, in turns, after their values and gradients were found
equal. A ratio is the median of those of neighbouring runs, with its quartiles; times are of the
processor with one thread, of the wall clock with more. Memory is that of the tensors that a call
holds at most, beside those that were there before. A gate is what the project asks of the row,
with what it would like in brackets. The floor is work that nobody can do without.

Measured on: {machine}. Absolute times are of that machine and that day.

`make bench` measures all of it and writes this page; `python benchmarks/run.py --quick NAME`
measures one row. On a GPU, `make gpu` does.
"""


def pages(records: Mapping[str, Any]) -> dict[Path, str]:
    """The page and its figures, by path."""
    made = {FIGURES / f"{name}.svg": text for name, text in figures(records["rows"])}
    return {PAGE: page(records), **made}


def page(records: Mapping[str, Any]) -> str:
    """The page, of what `run.py` and `gpu.py` found."""
    rows, tool = records["rows"], (records.get("tool") or {"rows": []})["rows"]
    gates = [gate for row in rows.values() for gate in row.get("gates", ())] + tool
    head = _HEAD.format(
        met=sum(gate["met"] for gate in gates),
        gates=len(gates),
        machine=_machine(records["machine"]),
    )
    parts = [head]
    drawn = dict(figures(rows))
    for topic, title in TOPICS.items():
        of = {name: row for name, row in rows.items() if name.partition(".")[0] == topic}
        if of:
            parts += [f"## {title}\n", *_section(of)]
            parts += [
                f"![{_alternative(name)}](performance/{name}.svg)\n"
                for name in drawn
                if name.startswith(topic)
            ]
    if tool:
        parts += ["## The tool itself\n", *_tool(tool)]
    if records.get("gpu"):
        gpu = records["gpu"]
        parts += [f"## On a GPU\n\n{_machine(gpu['machine'])}.\n", *_verified(gpu)]
        parts += _section(gpu["rows"])
    return "\n".join(parts)


def _machine(words: Mapping[str, str]) -> str:
    names = {"torch": "torch", "transformers": "transformers", "trl": "TRL", "python": "Python"}
    return ", ".join(f"{names[k]} {v}" if k in names else v for k, v in words.items())


def _verified(gpu: Mapping[str, Any]) -> Iterator[str]:
    if gpu.get("verified"):
        counts = ", ".join(f"{count} {verdict}" for verdict, count in gpu["verified"].items())
        yield f"`lawful verify --device cuda`, level quick, all dtypes: {counts}.\n"


def _tool(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The table of what `tool.py` measures."""
    yield "| row | what | figure | gate |"
    yield "| --- | --- | --- | --- |"
    for row in rows:
        bound = f"{'≥' if row['floor'] else '≤'} {row['gate']:g}"
        met = "met" if row["met"] else "**not met**"
        figure = f"{_digits(row['figure'])} {row['unit']}".strip()
        yield f"| {row['name']} | {row['what']} | {figure} | {bound}: {met} |"
    yield ""


def _section(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The table of the rows that are no points of a plot, and what they are."""
    table = [row for row in rows.values() if not row["sweep"]]
    yield "| case | time, ours / peer's | ms | floor / peer's | memory | MiB | gates |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for row in table:
        yield f"| {row['title']} | {' | '.join(_cells(row))} |"
    yield ""
    for row in table:
        floor = f" Floor: {row['floor']}." if row["floor"] else ""
        yield f"- {row['title']}: {row['case']}. Peer: {row['peer']}.{floor}"
    yield ""


def _cells(row: Mapping[str, Any]) -> Iterator[str]:
    why = row.get("error") or row.get("skipped")
    if why:
        yield from (f"not measured: {why}", "", "", "", "", "")
        return
    low, middle, high = row["ratio"]
    faster = f", {1 / middle:.3g} times faster" if middle < 0.5 else ""
    yield f"{_digits(middle)} ({_digits(low)} to {_digits(high)}){faster}"
    yield " / ".join(_digits(row["seconds"][side][1] * 1000) for side in ("ours", "peer"))
    yield _digits(row["floor_ratio"][1]) if "floor_ratio" in row else ""
    memory = row["memory_ratio"]
    yield "" if memory is None else _digits(memory)
    sizes = [row["memory"][side] for side in ("ours", "peer")]
    yield "" if None in sizes else " / ".join(_digits(size / 2**20) for size in sizes)
    yield "<br>".join(map(_judged, row["gates"]))


def _digits(x: float) -> str:
    """Three digits, or all before the point."""
    return f"{x:.3g}" if x < 1000 else f"{x:,.0f}"


def _judged(gate: Mapping[str, Any]) -> str:
    met = "met" if gate["met"] else "**not met**"
    stretch = "" if gate["stretch"] is None else f" ({gate['stretch']:g})"
    if gate["stretched"]:
        met = "met, and what is in brackets"
    if gate["of"] == "speedup":
        return f"≥ {gate['bound']:g}{stretch} times faster: {met}"
    return f"{gate['of']} ≤ {gate['bound']:g}{stretch}: {met}"


# figures


def figures(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """A figure for each sweep, by its name: time and memory."""
    sweeps: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
    for row in rows.values():
        if row["sweep"] and "seconds" in row:
            name, x = row["sweep"]
            sweeps.setdefault(name, []).append((x, row))
    for name, points in sweeps.items():
        points.sort(key=lambda point: point[0])
        what, _, axis = name.partition(": ")
        time = _lines(points, "seconds", lambda found: found[1] * 1000)
        memory = _lines(points, "memory", lambda found: (found or 0) / 2**20)
        panels = [
            Panel(f"{what}: time", AXES[name], "ms", time),
            Panel(f"{what}: memory", AXES[name], "MiB", memory),
        ]
        yield f"{points[0][1]['topic']}_{axis.lower()}", figure(panels)


def _lines(
    points: Sequence[tuple[int, Mapping[str, Any]]], key: str, number: Any
) -> dict[str, list[tuple[float, float]]]:
    names = [name for name in ("ours", "peer", "floor") if name in points[0][1][key]]
    return {name: [(x, number(row[key][name])) for x, row in points] for name in names}


def _alternative(name: str) -> str:
    topic, _, axis = name.rpartition("_")
    return f"Time and memory of {topic.replace('_', ' ')} against {axis}"


def main() -> None:
    made = pages(json.loads(RECORDS.read_text("utf-8")))
    for path in set(FIGURES.glob("*.svg")) - set(made):
        path.unlink()
    for path, text in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
