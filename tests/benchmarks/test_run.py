"""The command: which rows it runs, what it keeps and with what status it ends."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import run
from harness import Gate, Pair, Row
from record import about

GATE = {"of": "time", "bound": 1.0, "stretch": 0.9, "value": 2.0, "met": False, "stretched": False}


def row(name: str, threads: int = 1) -> Row:
    def build() -> Pair:
        raise AssertionError("is not measured here")

    return Row(name, "title", "case", "peer", build, (Gate("time", 1.0),), threads=threads)


def measured(name: str, **more: Any) -> dict[str, Any]:
    figures = {"ratio": [1.9, 2.0, 2.1], "memory_ratio": 0.5, "gates": [GATE]}
    return {**about(row(name)), **figures, **more}


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Two rows without a tool, and what a process of each would find."""
    results = {"a.one": measured("a.one"), "b.two": measured("b.two")}
    monkeypatch.setattr(run, "rows", lambda: {name: row(name) for name in results})
    monkeypatch.setattr(run, "in_own_process", lambda row, quick: results[row.name])
    monkeypatch.setattr(run, "TOOL", Path("no/such/script.py"))
    monkeypatch.setattr(run, "machine", lambda: {"processor": "this one"})
    return results


def test_all_rows_are_run_and_a_gate_that_is_not_met_is_said(
    found: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main([]) == 0
    _, one, two = capsys.readouterr().out.strip().split("\n")
    assert one.split()[:2] == ["a.one", "2"] and two.startswith("b.two")
    assert "(1.9 to 2.1)" in one and "memory 0.5" in one and "time ≤ 1 (0.9): NOT MET" in one


def test_rows_are_chosen_by_patterns(
    found: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["b.*"]) == 0
    assert "a.one" not in capsys.readouterr().out
    assert run.main(["--list", "a*"]) == 0
    assert capsys.readouterr().out.split() == ["a.one", "case"]


def test_an_error_is_said_and_is_the_status(
    found: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    found["a.one"] = {**about(row("a.one")), "skipped": "peer is not installed"}
    assert run.main([]) == 0
    assert "skipped: peer is not installed" in capsys.readouterr().out
    found["a.one"] = {**about(row("a.one")), "error": "the two sides do not agree"}
    assert run.main([]) == 1
    assert "ERROR: the two sides do not agree" in capsys.readouterr().out


def test_what_is_found_is_kept_beside_what_is_known(found: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    run.main(["b.two", "--json", str(path)])
    assert list(json.loads(path.read_text("utf-8"))["rows"]) == ["b.two"]
    found["b.two"] = measured("b.two", rounds=99)
    run.main(["a.one", "--json", str(path)])
    kept = json.loads(path.read_text("utf-8"))
    assert list(kept["rows"]) == ["a.one", "b.two"], "in the order of the rows"
    assert kept["rows"]["b.two"] == measured("b.two"), "as it was measured"
    assert kept["machine"] == {"processor": "this one"}


def test_nothing_is_kept_of_another_machine_but_of_a_gpu(found: dict[str, Any]) -> None:
    rows = {"b.two": measured("b.two"), "gone.row": measured("gone.row")}
    known = {"machine": {"processor": "this one"}, "rows": rows, "tool": 1, "gpu": 2}
    here = run.merged(known, {"processor": "this one"}, {"rows": {"a.one": 3}})
    assert list(here["rows"]) == ["a.one", "b.two"] and (here["tool"], here["gpu"]) == (1, 2)
    there = run.merged(known, {"processor": "that one"}, {"rows": {"a.one": 3}})
    assert list(there["rows"]) == ["a.one"] and (there["tool"], there["gpu"]) == (None, 2)


def test_a_row_has_a_process_with_its_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def started(command: list[str], **settings: Any) -> Any:
        asked.update(command=command, **settings)
        return subprocess.CompletedProcess(command, 0, json.dumps(measured("a.one")).encode())

    monkeypatch.setattr(subprocess, "run", started)
    assert run.in_own_process(row("a.one", threads=2), quick=True) == measured("a.one")
    assert asked["command"][-5:] == ["--row", "a.one", "--json", "-", "--quick"]
    assert asked["env"]["OMP_NUM_THREADS"] == "2"


def test_a_process_that_dies_or_hangs_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(command: list[str], **settings: Any) -> Any:
        return subprocess.CompletedProcess(command, -9, b"")

    def hangs(command: list[str], **settings: Any) -> Any:
        raise subprocess.TimeoutExpired(command, settings["timeout"])

    for fate, why in ((dies, "ended with status -9"), (hangs, "more than 1800 seconds")):
        monkeypatch.setattr(subprocess, "run", fate)
        assert why in run.in_own_process(row("a.one"), quick=False)["error"]


@pytest.mark.parametrize("code", ["", "import sys; sys.exit(1)", "1 / 0"])
def test_the_tool_is_measured_by_its_script_whatever_its_status(
    code: str, found: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script, path = tmp_path / "tool.py", tmp_path / "found.json"
    keep = "" if code == "1 / 0" else "import sys; open(sys.argv[2], 'w').write('[\"--quick\"]')\n"
    script.write_text(keep + code, "utf-8")
    monkeypatch.setattr(run, "TOOL", script)
    assert run.main(["tool", "--quick", "--json", str(path)]) == (0 if keep else 1)
    kept = json.loads(path.read_text("utf-8"))
    assert kept["tool"] == (["--quick"] if keep else None)
    assert kept["rows"] == {}
