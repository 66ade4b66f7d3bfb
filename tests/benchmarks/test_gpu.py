"""The script for a GPU, on the processor: all of it but the device."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gpu
import pytest
import torch


def test_without_a_gpu_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 0
    assert "no CUDA device" in capsys.readouterr().out


@pytest.fixture
def on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script as it runs on a GPU, on small rows of the processor, of which nothing is
    compiled or verified."""
    everything = gpu.everything

    def small(device: str, names: Any, rounds: int) -> Any:
        assert device == "cuda"
        return everything("cpu", names, rounds, small=True)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "compile", lambda f: f)
    monkeypatch.setattr(gpu, "everything", small)
    monkeypatch.setattr(gpu, "verified", lambda device, names: {"OK": 2})


@pytest.mark.usefixtures("on_the_processor")
def test_it_measures_what_it_can(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "found.json"
    path.write_text('{"rows": 1}', "utf-8")
    assert gpu.main(["--quick", "--json", str(path)]) == 1
    kept = json.loads(path.read_text("utf-8"))
    assert kept["rows"] == 1, "what was known stays"
    found = kept["gpu"]["rows"]
    assert len(found) == 6 + 3 + 2 + 2
    assert kept["gpu"]["verified"] == {"OK": 2}
    for name, row in found.items():
        if "flex" in name:
            assert "FlexAttention" in row["error"], "it has no backward pass here"
        elif "skipped" not in row:
            assert row["ratio"][1] > 0, name
    assert {"attention.sdpa", "cross_entropy.torch"} <= {
        n for n, r in found.items() if "ratio" in r
    }
    printed = capsys.readouterr().out
    assert all(name in printed for name in found)


def test_the_status() -> None:
    row: dict[str, Any] = {"a.b": {"skipped": "not installed"}}
    assert gpu.status({"verified": {"OK": 3}, "rows": row}) == 0
    assert gpu.status({"verified": {"OK": 3, "WRONG": 1}, "rows": row}) == 1
    assert gpu.status({"verified": None, "rows": row}) == 1
    assert gpu.status({"verified": {"OK": 3}, "rows": {"a.b": {"error": "differs"}}}) == 1


def test_verification_runs_and_counts_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "DTYPES", ("float64",))
    assert gpu.verified("cpu", ["losses.dpo.HingeDPO"]) == {"OK": 1}
    assert gpu.verified("cpu", ["no.such.Module"]) is None
