"""What the tests of the command line share: a project, and a way to run commands in it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lawful.cli.main import main

Run = Callable[..., tuple[int, str, str]]

SCALE = """module Scale
"Twice γ."
size B
index b: B
input x[B]
const γ = 2
output y[b] = γ * x[b]
"""
SHIFT = """module Shift
size B
index b: B
input x[B]
output y[b] = x[b] + 3
"""


@pytest.fixture
def lawful(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process: its exit status, its stdout, its stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lawful", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
        code = caught.value.code
        assert isinstance(code, int)
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: two specs, nothing built, and a pyproject.toml without a word of
    lawful, where the search for one ends."""
    (tmp_path / "spec" / "parts").mkdir(parents=True)
    (tmp_path / "spec" / "scale.eq").write_text(SCALE, encoding="utf-8")
    (tmp_path / "spec" / "parts" / "shift.eq").write_text(SHIFT, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: no project."""
    (tmp_path / "pyproject.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path
