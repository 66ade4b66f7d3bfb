"""Code of other libraries: entries are held as their records say, and the page says it too."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
SHOWN = ("attention_window", "multi_head_attention", "layer_norm", "sgd_nesterov_step")


@pytest.fixture(scope="module")
def run() -> Iterator[ModuleType]:
    """The script, with the root on the path as it puts it there."""
    before = list(sys.path)
    path = ROOT / "examples" / "conformance" / "run.py"
    spec = importlib.util.spec_from_file_location("conformance_run", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = before


@pytest.fixture(scope="module")
def records(run: ModuleType) -> Any:
    return json.loads(run.RECORDS.read_text("utf-8"))


@pytest.fixture(scope="module")
def torch_entries(run: ModuleType) -> dict[str, Any]:
    from examples.conformance.torch_ops import ENTRIES

    return {entry.function.__name__: entry for entry in ENTRIES}


@pytest.mark.parametrize("name", SHOWN)
def test_code_of_torch_is_what_its_record_says(
    run: ModuleType, records: Any, torch_entries: dict[str, Any], name: str
) -> None:
    entry = replace(torch_entries[name], dtypes=("float32",))
    record = records["entries"][entry.name]["found"]["float32"]
    found = run.found(entry)["float32"]
    assert found["verdict"] == record["verdict"]
    assert [e["check"] for e in found["examples"]] == [e["check"] for e in record["examples"]]


def test_an_adapter_of_another_variant_is_wrong_and_shown(
    run: ModuleType, torch_entries: dict[str, Any]
) -> None:
    def sgd_plain_step(
        theta: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float, decay: float
    ) -> dict[str, Tensor]:
        velocity = momentum * v + g + decay * theta
        return {"theta_new": theta - lr * velocity, "v_new": velocity}

    entry = replace(
        torch_entries["sgd_nesterov_step"], function=sgd_plain_step, dtypes=("float64",)
    )
    found = run.found(entry)["float64"]
    assert found["verdict"] == "WRONG"
    first = found["examples"][0]
    assert first["check"] == "values" and first["element"].startswith("theta_new")
    assert float(first["expected"]) != pytest.approx(float(first["got"]), rel=1e-6)
    record = {**run.text(entry), "why": "It does not look ahead.", "found": {"float64": found}}
    name = "torch_ops:sgd_plain_step"
    text = run.page({"versions": {"torch": torch.__version__}, "entries": {name: record}})
    assert f"should be {first['expected']}, is {first['got']}" in text
    assert "It does not look ahead." in text


def test_the_page_is_what_the_records_give(run: ModuleType, records: Any) -> None:
    assert run.PAGE.read_text("utf-8") == run.page(records)


def test_every_deviation_has_its_cause(records: Any) -> None:
    for name, record in records["entries"].items():
        deviates = any(of["verdict"] != "OK" for of in record["found"].values())
        assert record["found"], f"{name} was not verified"
        assert bool(record["why"]) == deviates, name


def test_records_are_those_of_the_entries(run: ModuleType, records: Any) -> None:
    pytest.importorskip("trl")
    entries = {entry.name: entry for entry in run.entries()}
    assert list(entries) == list(records["entries"])
    for name, entry in entries.items():
        text = run.text(entry)
        assert {key: records["entries"][name][key] for key in text} == text
        assert set(records["entries"][name]["found"]) == set(entry.dtypes)


def test_without_a_library_its_entries_are_left_out(
    run: ModuleType, torch_entries: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from examples.conformance import entries

    monkeypatch.setattr(entries, "find_spec", lambda name: name == "torch" or None)
    assert [entry.name for entry in entries.entries()] == [
        f"torch_ops:{name}" for name in torch_entries
    ]
