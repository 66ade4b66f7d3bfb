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
equal. A ratio is the median of those of neighbouring runs, with its quartiles; times are of
{clocks}. Memory is what a call needs at most beyond what was there before it. A gate is what the
project asks of the row, with what it would like in brackets. The floor is work that nobody can do
without.

Measured on {machine}. Absolute times are of that machine and that day.

`make bench` measures all of it and writes this page; `python benchmarks/run.py --quick NAME`
measures one row. On a GPU, `make gpu` does.
"""


def pages(records: Mapping[str, Any]) -> dict[Path, str]:
    """The page and its figures, by path."""
    made = {FIGURES / f"{name}.svg": text for name, text in figures(records["rows"])}
    return {PAGE: page(records), **made}


def page(records: Mapping[str, Any]) -> str:
    """The page, of what `run.py` and `gpu.py` found."""
    rows = records["rows"]
    gates = [gate for row in rows.values() for gate in row.get("gates", ())]
    head = _HEAD.format(
        met=sum(gate["met"] for gate in gates),
        gates=len(gates),
        clocks="the processor with one thread, of the wall clock with more",
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


def _section(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Peers and floors, and the table of the rows that are no points of a plot."""
    table = [row for row in rows.values() if not row["sweep"]]
    yield "| case | peer | time | floor | memory | gates |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for row in table:
        yield f"| {row['title']} | {row['peer']} | {' | '.join(_cells(row))} |"
    yield ""
    for text in dict.fromkeys(f"{row['case']}." for row in table):
        yield f"- {text}"
    for text in dict.fromkeys(row["floor"] for row in table if row["floor"]):
        yield f"- Floor: {text}."
    yield ""


def _cells(row: Mapping[str, Any]) -> Iterator[str]:
    why = row.get("error") or row.get("skipped")
    if why:
        yield from (f"not measured: {why}", "", "", "")
        return
    low, middle, high = row["ratio"]
    ours, peer = (row["seconds"][side][1] * 1000 for side in ("ours", "peer"))
    faster = f", {1 / middle:.3g} times faster" if middle < 0.5 else ""
    yield f"{middle:.3g} ({low:.3g} to {high:.3g}){faster}; {ours:.3g} and {peer:.3g} ms"
    yield f"{row['floor_ratio'][1]:.3g}" if "floor_ratio" in row else ""
    memory = row["memory"]
    if row["memory_ratio"] is None:
        yield "-"
    else:
        yield f"{row['memory_ratio']:.3g}; {_mib(memory['ours'])} and {_mib(memory['peer'])} MiB"
    yield "<br>".join(map(_judged, row["gates"]))


def _judged(gate: Mapping[str, Any]) -> str:
    met = "met" if gate["met"] else "**not met**"
    stretch = "" if gate["stretch"] is None else f" ({gate['stretch']:g})"
    if gate["stretched"]:
        met = "met, and what is in brackets"
    if gate["of"] == "speedup":
        return f"≥ {gate['bound']:g}{stretch} times faster: {met}"
    return f"{gate['of']} ≤ {gate['bound']:g}{stretch}: {met}"


def _mib(count: int) -> str:
    return f"{count / 2**20:.3g}"


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
        first = points[0][1]
        time = _lines(points, "seconds", lambda found: found[1] * 1000)
        memory = _lines(points, "memory", lambda found: (found or 0) / 2**20)
        panels = [
            Panel(f"{name}: time", AXES[name], "ms", time),
            Panel("memory", AXES[name], "MiB", memory),
        ]
        yield f"{first['topic']}_{name.split()[-1].lower()}", figure(panels)


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
