"""The figures of the tool itself: exponents, gates, projects as large as they should be, and
sides that disagree."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "tool.py"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmarks_tool", PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "benchmarks_tool", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("exponent", [0.5, 1, 2])
def test_the_slope_is_the_exponent(tool: ModuleType, exponent: float) -> None:
    sizes = (25, 50, 100, 200)
    assert tool.slope(sizes, [0.3 * n**exponent for n in sizes]) == pytest.approx(exponent)


def test_a_gate_is_a_bound_from_above_or_below(tool: ModuleType) -> None:
    assert tool.Row("a", "", 1.1, "", 1.1).met and not tool.Row("a", "", 1.11, "", 1.1).met
    faster = tool.Row("a", "why", 1001.0, "times", 1_000, floor=True)
    assert faster.met and " met " in str(faster)
    slower = tool.Row("a", "why", 999.0, "times", 1_000, floor=True)
    assert not slower.met and "NOT MET" in str(slower)


@pytest.mark.parametrize("modules", [3, 4, 17])
def test_copies_are_so_many_modules(tool: ModuleType, tmp_path: Path, modules: int) -> None:
    tool.copies(tmp_path, modules)
    log = Log()
    assert len(load(tmp_path, log)) == modules
    assert log.diagnostics == []


def test_a_chain_is_so_many_equations(tool: ModuleType, tmp_path: Path) -> None:
    tool.chain(tmp_path, 12)
    log = Log()
    (module,) = load(tmp_path, log).values()
    assert len(module.definitions) == 12 and log.diagnostics == []


def test_commands_are_timed_anew_each_time_and_must_end_well(
    tool: ModuleType, tmp_path: Path
) -> None:
    turns: list[int] = []
    assert 0 < tool._wall(["--help"], tmp_path, 3, turns.append) < 60
    assert turns == [0, 1, 2]
    with pytest.raises(subprocess.CalledProcessError):
        tool._wall(["check", "--spec", str(tmp_path / "nothing")], tmp_path, 1, None)


def test_sides_that_disagree_are_no_figure(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tool._expressions

    def other(length, tensors):  # type: ignore[no-untyped-def]
        found = real(1, tensors)
        return {place: (lambda e=e: e() + 1) for place, e in found.items()}

    monkeypatch.setattr(tool, "_expressions", other)
    with pytest.raises(AssertionError, match=r"y\[0,0,0\] is off by"):
        tool.oracle(1)


def test_the_table_and_the_file_say_the_same(
    tool: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [tool.Row("a", "this", 1.0, "s", 2.0), tool.Row("b", "that", 3.0, "s", 2.0)]
    monkeypatch.setattr(tool, "library", lambda quick: [])
    monkeypatch.setattr(tool, "growth", lambda quick: rows[:1])
    monkeypatch.setattr(tool, "oracle", lambda rounds: rows[1:])
    assert tool.main(["--json", str(tmp_path / "figures.json")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["row", "a", "b"]
    found = json.loads((tmp_path / "figures.json").read_text())
    assert [row["met"] for row in found["rows"]] == [True, False]
    monkeypatch.setattr(tool, "oracle", lambda rounds: [])
    assert tool.main([]) == 0
