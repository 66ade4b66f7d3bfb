"""The page on performance and its figures: what the script gives of what was measured."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("page")


@pytest.fixture
def records() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCS / "performance.json").read_text("utf-8"))
    return found


def test_the_page_is_what_the_script_gives(
    script: ModuleType, records: dict[str, Any], golden: Callable[[Path, str], None]
) -> None:
    made = script.pages(records)
    for path, text in made.items():
        golden(path, text)
    assert set((DOCS / "performance").glob("*")) <= set(made), "a figure of nothing"


def test_every_figure_of_the_page_exists() -> None:
    text = (DOCS / "performance.md").read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (DOCS / target).exists(), target


def test_no_gate_is_said_to_be_met_that_is_not(records: dict[str, Any]) -> None:
    """The verdicts follow from the figures."""
    for name, row in records["rows"].items():
        for gate in row.get("gates", ()):
            ratio = row["memory_ratio"] if gate["of"] == "memory" else row["ratio"][1]
            if gate["of"] == "speedup":
                assert gate["met"] == (1 / ratio >= gate["bound"]), name
            else:
                assert gate["met"] == (ratio <= gate["bound"]), name


def test_nothing_tells_of_a_host_or_a_place(records: dict[str, Any]) -> None:
    assert set(records["machine"]) <= {
        "processor", "memory", "python", "torch", "transformers", "trl",
    }  # fmt: skip
    assert str(ROOT) not in json.dumps(records)
