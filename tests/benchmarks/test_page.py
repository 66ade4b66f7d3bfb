"""The page, from records that are made up."""

from __future__ import annotations

from typing import Any

import page
import pytest

MACHINE = {"processor": "2 cores", "memory": "4 GiB", "torch": "9.9", "trl": "8.8"}


def gate(of: str, bound: float, met: bool, stretched: bool = False) -> dict[str, Any]:
    return {"of": of, "bound": bound, "stretch": 2, "value": 1, "met": met, "stretched": stretched}


def row(topic: str, sweep: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    seconds = {"ours": [0.01, 0.02, 0.03], "peer": [0.1, 0.2, 0.3]}
    return {
        "topic": topic,
        "title": f"B={len(topic)}",
        "case": "norms.RMSNorm, forward",
        "peer": "a peer",
        "floor": "nothing at all",
        "threads": 1,
        "sweep": sweep,
        "seconds": seconds,
        "ratio": [0.09, 0.1, 0.11],
        "floor_ratio": [0.01, 0.02, 0.03],
        "memory": {"ours": 2**20, "peer": 2**22},
        "memory_ratio": 0.25,
        "gates": [],
        **more,
    }


def records(**rows: dict[str, Any]) -> dict[str, Any]:
    return {"machine": MACHINE, "rows": {k.replace("__", "."): v for k, v in rows.items()}}


def test_a_row_is_a_line_with_all_that_was_found() -> None:
    gates = [gate("speedup", 5, True, True), gate("memory", 0.2, False)]
    text = page.page(records(sampler__b1=row("sampler", gates=gates)))
    assert "1 of 2 gates are met" in text
    assert "2 cores, 4 GiB, torch 9.9, TRL 8.8" in text
    assert (
        "| B=7 | 0.1 (0.09 to 0.11), 10 times faster | 20 / 200 | 0.02 | 0.25 | 1 / 4 "
        "| ≥ 5 (2) times faster: met, and what is in brackets"
        "<br>memory ≤ 0.2 (2): **not met** |" in text
    )
    assert "- B=7: norms.RMSNorm, forward. Peer: a peer. Floor: nothing at all." in text


def test_memory_and_a_floor_may_be_unknown() -> None:
    more = {"memory": {"ours": None, "peer": None}, "memory_ratio": None}
    bare = row("decoding", floor="", **more)
    del bare["floor_ratio"]
    text = page.page(records(decoding__b1=bare))
    assert "| 20 / 200 |  |  |  |  |" in text and "Floor" not in text.partition("Peer")[2]


@pytest.mark.parametrize("why", ["error", "skipped"])
def test_what_was_not_measured_says_why(why: str) -> None:
    bare = {k: row("dpo")[k] for k in ("topic", "title", "case", "peer", "floor", "sweep")}
    text = page.page(records(dpo__v1={**bare, why: "the sides do not agree"}))
    assert "| not measured: the sides do not agree |" in text
    assert "0 of 0 gates" in text


def test_what_a_plot_shows_is_in_no_table() -> None:
    points = {f"sampler__over_v_{v}": row("sampler", ["sampler: V", v]) for v in (64, 128)}
    made = page.pages(records(**points))
    assert [path.name for path in made] == ["performance.md", "sampler_v.svg"]
    text, drawn = made.values()
    assert "| B=7 |" not in text
    assert "![Time and memory of sampler against v](performance/sampler_v.svg)" in text
    for label in ("V, tokens", ">ms<", ">MiB<", ">64<", ">128<", ">ours<", ">peer<"):
        assert label in drawn


def test_a_point_that_was_not_measured_is_left_out() -> None:
    lost = {k: v for k, v in row("sampler", ["sampler: V", 99]).items() if k != "seconds"}
    made = page.pages(records(a__b=row("sampler", ["sampler: V", 64]), a__c=lost))
    assert ">64<" in made[page.FIGURES / "sampler_v.svg"]
    assert ">99<" not in made[page.FIGURES / "sampler_v.svg"]


def test_the_tool_has_a_section_and_its_gates_count() -> None:
    one = {"name": "oracle", "what": "beside sympy", "figure": 1234.5, "unit": "times"}
    rows = [{**one, "gate": 1000, "floor": True, "met": True}]
    rows += [{**one, "gate": 1.1, "floor": False, "met": False}]
    text = page.page(
        {**records(a__b=row("a", gates=[gate("time", 1, True)])), "tool": {"rows": rows}}
    )
    assert "| oracle | beside sympy | 1,234 times | ≥ 1000: met |" in text
    assert "≤ 1.1: **not met** |" in text and "2 of 3 gates are met" in text
    assert "## The tool itself" not in page.page(records())


def test_a_gpu_has_a_section() -> None:
    of_gpu = {"machine": {"card": "A Card"}, "verified": {"OK": 3}, "rows": {"a.b": row("a")}}
    text = page.page({**records(), "gpu": of_gpu})
    section = text.partition("## On a GPU")[2]
    assert "A Card." in section and ": 3 OK." in section and "| B=1 | 0.1 (" in section
    assert "## On a GPU" not in page.page(records())
