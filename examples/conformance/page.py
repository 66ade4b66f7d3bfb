"""docs/conformance.md, from the records that run.py keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from examples.conformance.entry import DTYPES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"

_TITLES = {
    "torch_ops": ("PyTorch", "torch"),
    "transformers_attention": ("Transformers: attention and blocks", "transformers"),
    "transformers_layers": ("Transformers: layers and positions", "transformers"),
    "transformers_sampling": ("Transformers: logits and losses", "transformers"),
    "trl_policy": ("TRL: policy losses and token statistics", "trl"),
    "trl_preference": ("TRL: preference losses and rewards", "trl"),
}

_HEAD = """# Conformance of other libraries

Code that people run, held against our specs by `lawful.verify` on the CPU: which equation it is, in
which variant, and how accurately. Written by [examples/conformance/run.py](../examples/conformance)
from `docs/conformance.json`; `make conformance` repeats it.

{summary}

Each cell gives the verdict in a dtype; the largest error met, over what rounding in that dtype may
amount to; and after the stroke the median error over that of a careful evaluation, of outputs or of
gradients, whichever is more (– where fewer than 100 numbers were compared). WRONG means that some
output, gradient or law is beyond the tolerance in some regime, be it inputs of ±1e4, exact ties or
a fully masked row; a section below says which, shows the first such element, and why.
Specs without `lawful.` are in `examples/conformance/spec/`; adapters give each function the names
of its spec, and round to the dtype of the inputs what comes in float32.

These are deviations from an equation, some of them from one that the library does not claim to
compute. Whether one matters is for its users to say.
"""


def page(records: Mapping[str, Any]) -> str:
    """The page, as text."""
    groups: dict[str, dict[str, Any]] = {name: {} for name in _TITLES}
    for name, record in records["entries"].items():
        if record["found"]:
            groups[name.partition(":")[0]][name] = record
    parts = [_HEAD.format(summary=_summary(groups))]
    for group, held in groups.items():
        if held:
            title, library = _TITLES[group]
            parts.append(f"## {title}\n\n{library} {records['versions'].get(library, '')}\n")
            parts.append(_table(held))
            parts += _deviations(held)
    return "\n".join(parts)


def _summary(groups: Mapping[str, Mapping[str, Any]]) -> str:
    records = [record for held in groups.values() for record in held.values()]
    deviant = [{d for d, of in r["found"].items() if of["verdict"] != "OK"} for r in records]
    lines = [
        f"{len(records)} functions; {deviant.count(set())} of them are OK in every dtype, "
        f"{deviant.count({'float64'})} deviate in float64 alone.\n"
    ]
    for dtype in DTYPES:
        verdicts = [r["found"][dtype]["verdict"] for r in records if dtype in r["found"]]
        count = {v: verdicts.count(v) for v in ("OK", "LOSSY", "WRONG", "INCONCLUSIVE")}
        lines.append(f"- {dtype}: " + ", ".join(f"{n} {v}" for v, n in count.items() if n))
    return "\n".join(lines)


def _table(held: Mapping[str, Any]) -> str:
    lines = [
        f"| code | equation | variant | {' | '.join(DTYPES)} |",
        f"| --- | --- | --- |{' --- |' * len(DTYPES)}",
    ]
    for record in held.values():
        cells = [_cell(record["found"].get(dtype)) for dtype in DTYPES]
        row = (f"`{record['code']}`", f"`{record['spec']}`", record["variant"], *cells)
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def _cell(of: Mapping[str, Any] | None) -> str:
    if of is None:
        return ""
    loss = "–" if of["loss"] is None else f"{of['loss']:g}"
    return f"{of['verdict']} {_ratio(of['worst'])} / {loss}"


def _ratio(ratio: float | None) -> str:
    return "∞" if ratio is None else f"{ratio:.2g}"


def _deviations(held: Mapping[str, Any]) -> Iterator[str]:
    for name, record in held.items():
        lines = []
        for dtype, of in record["found"].items():
            lines += [_example(dtype, example) for example in of["examples"]]
            lines += [f"- {dtype}, inconclusive: {doubt}" for doubt in of["doubts"]]
            if of["verdict"] == "LOSSY":
                lines.append(f"- {dtype}: the median error is {of['loss']:g} times a careful one's")
        if lines:
            yield f"### {record['code']}\n\n{record['why']}\n"
            command = f"lawful.verify of `{record['spec']}`, `examples.conformance.{name}`"
            yield "\n".join([f"{command}:", "", *lines]) + "\n"


def _example(dtype: str, example: Mapping[str, Any]) -> str:
    where = f"- {dtype}, {example['check']}, regime {example['regime']}: "
    if not example["expected"]:
        return f"{where}{example['found']}"
    times = "" if example["ratio"] is None else f", {example['ratio']:.3g} times the tolerance"
    return (
        f"{where}`{example['element']}` should be {example['expected']}, is {example['got']}{times}"
    )
