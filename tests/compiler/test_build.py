"""Specs -> the files of `generated/`: what counts as drift, what is never overwritten, writes
that are whole or not at all, and the same bytes everywhere."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from lawful.compiler import build, outputs
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load

ROOT = Path(__file__).resolve().parents[2]

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
output y[b] = x[b] + 1
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with two specs, one of them in a folder of its own, and their code."""
    (tmp_path / "spec" / "parts").mkdir(parents=True)
    (tmp_path / "spec" / "scale.eq").write_text(SCALE, encoding="utf-8")
    (tmp_path / "spec" / "parts" / "shift.eq").write_text(SHIFT, encoding="utf-8")
    outputs.write(generated(tmp_path), tmp_path / "generated", True)
    return tmp_path


def generated(project: Path) -> dict[str, str]:
    log = Log()
    modules = load(project / "spec", log)
    log.raise_errors()
    return build.generate(modules)


def drift(project: Path) -> str:
    return outputs.drift(generated(project), project / "generated", True)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- what is generated -------------------------------------------------------------------------


def test_every_folder_has_an_init_file_and_every_file_a_header(project: Path) -> None:
    files = snapshot(project / "generated")
    assert list(files) == ["__init__.py", "parts/__init__.py", "parts/shift.py", "scale.py"]
    for path, data in files.items():
        text = data.decode()
        first, second, rest = text.split("\n", 2)
        assert re.fullmatch(r"# Code generated .* DO NOT EDIT\.", first), path
        assert second.endswith(hashlib.sha256(rest.encode()).hexdigest())
        assert outputs.is_generated(text)
        ast.parse(text)
        assert data.endswith(b"\n") and b"\r" not in data


def test_is_generated_is_false_once_anything_changed(project: Path) -> None:
    text = (project / "generated" / "scale.py").read_text(encoding="utf-8")
    header = text.index("\n", text.index("\n") + 1)
    assert not outputs.is_generated(text + "# mine\n")
    assert not outputs.is_generated(text[header + 1 :])
    assert not outputs.is_generated(text.replace("gamma", "alpha"))
    assert not outputs.is_generated("")
    assert outputs.is_headed(text + "# mine\n")
    assert not outputs.is_headed(text[header + 1 :])


# --- drift -------------------------------------------------------------------------------------


def test_fresh_code_has_not_drifted_and_is_not_written_again(project: Path) -> None:
    assert drift(project) == ""
    assert outputs.write(generated(project), project / "generated", True) == []


def test_drift_when_a_spec_changed(project: Path) -> None:
    spec = project / "spec" / "scale.eq"
    spec.write_text(SCALE.replace("γ * x[b]", "γ / x[b]"), encoding="utf-8")
    diff = drift(project)
    assert diff.startswith("--- generated/scale.py\n+++ generated/scale.py\n@@")
    assert "-    # output y[b] = γ * x[b]    (scale.eq:7)" in diff
    assert "+    # output y[b] = γ / x[b]    (scale.eq:7)" in diff
    assert "shift.py" not in diff


def test_drift_when_the_generator_changed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "CODEGEN", build.CODEGEN + 1)
    diff = drift(project)
    assert f"-# codegen {build.CODEGEN - 1}, " in diff
    assert f"+# codegen {build.CODEGEN}, " in diff
    assert diff.count("+++ ") == 4


def test_drift_when_a_generated_file_changed(project: Path) -> None:
    path = project / "generated" / "parts" / "shift.py"
    path.write_text(path.read_text(encoding="utf-8") + "mine = 1\n", encoding="utf-8")
    diff = drift(project)
    assert "--- generated/parts/shift.py" in diff
    assert "\n-mine = 1" in diff


def test_drift_when_only_white_space_or_the_last_newline_changed(project: Path) -> None:
    path = project / "generated" / "scale.py"
    fresh = path.read_bytes()
    for spoilt, shown in (
        (fresh[:-1], "(no newline at the end)"),
        (fresh + b"\n", "\n-"),
        (fresh.replace(b"\n", b"\r\n"), "\\r\n"),
        (fresh.replace(b"    return y", b"\treturn y"), "\n- return y\n"),
        (fresh.replace("γ".encode(), b"\xce"), "\\udcce"),
    ):
        path.write_bytes(spoilt)
        diff = drift(project)
        assert "--- generated/scale.py" in diff, spoilt[-20:]
        assert shown in diff
        assert outputs.edited(generated(project), project / "generated", True) == ["scale.py"]


def test_drift_when_a_file_is_missing(project: Path) -> None:
    (project / "generated" / "scale.py").unlink()
    (project / "generated" / "parts" / "__init__.py").unlink()
    diff = drift(project)
    assert "--- /dev/null\n+++ generated/scale.py\n" in diff
    assert "--- /dev/null\n+++ generated/parts/__init__.py\n" in diff


def test_drift_when_all_is_missing(project: Path) -> None:
    diff = outputs.drift(generated(project), project / "nowhere", True)
    assert diff.count("--- /dev/null") == 4


def test_drift_when_a_file_is_left_over(project: Path) -> None:
    (project / "spec" / "parts" / "shift.eq").unlink()
    diff = drift(project)
    assert "--- generated/parts/shift.py\n+++ /dev/null\n" in diff
    assert "--- generated/parts/__init__.py\n+++ /dev/null\n" in diff
    part = outputs.drift(generated(project), project / "generated", False)
    assert part == "", "where not all is built, the rest is no drift"


def test_files_that_were_never_generated_are_no_drift(project: Path) -> None:
    (project / "generated" / "mine.py").write_text("x = 1\n", encoding="utf-8")
    (project / "generated" / "folder.py").mkdir()
    assert drift(project) == ""
    outputs.write(generated(project), project / "generated", True)
    assert (project / "generated" / "mine.py").read_text(encoding="utf-8") == "x = 1\n"


# --- hand edits --------------------------------------------------------------------------------


def test_hand_edits_are_found_in_files_to_overwrite_and_to_remove(project: Path) -> None:
    out = project / "generated"
    for name in ("scale.py", "parts/shift.py", "parts/__init__.py"):
        (out / name).write_bytes((out / name).read_bytes() + b"# mine\n")
    assert outputs.edited(generated(project), out, True) == [
        "parts/__init__.py",
        "parts/shift.py",
        "scale.py",
    ]
    (project / "spec" / "parts" / "shift.eq").unlink()
    assert outputs.edited(generated(project), out, True) == [
        "parts/__init__.py",
        "parts/shift.py",
        "scale.py",
    ]
    assert outputs.edited(generated(project), out, False) == ["scale.py"]


def test_a_file_of_ones_own_in_the_place_of_a_generated_one_counts_as_edited(
    project: Path,
) -> None:
    (project / "generated" / "scale.py").write_text("x = 1\n", encoding="utf-8")
    assert outputs.edited(generated(project), project / "generated", True) == ["scale.py"]


def test_code_of_an_older_spec_or_generator_is_not_edited(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "CODEGEN", build.CODEGEN + 1)
    spec = project / "spec" / "scale.eq"
    spec.write_text(SCALE.replace("γ * x[b]", "γ / x[b]"), encoding="utf-8")
    (project / "spec" / "parts" / "shift.eq").unlink()
    assert outputs.edited(generated(project), project / "generated", True) == []


# --- writing -----------------------------------------------------------------------------------


def test_write_changes_what_differs_and_removes_what_is_left_over(project: Path) -> None:
    out = project / "generated"
    before = (out / "__init__.py").stat().st_mtime_ns
    (project / "spec" / "parts" / "shift.eq").unlink()
    spec = project / "spec" / "scale.eq"
    spec.write_text(SCALE + SHIFT, encoding="utf-8")
    changed = outputs.write(generated(project), out, True)
    assert sorted(changed) == ["parts/__init__.py", "parts/shift.py", "scale.py"]
    assert list(snapshot(out)) == ["__init__.py", "scale.py"]
    assert (out / "__init__.py").stat().st_mtime_ns == before, "what is right is not touched"
    assert drift(project) == ""


def test_a_module_that_is_removed_takes_its_code_along(project: Path) -> None:
    spec = project / "spec" / "scale.eq"
    spec.write_text(SCALE + SHIFT, encoding="utf-8")
    outputs.write(generated(project), project / "generated", True)
    assert "class Shift" in (project / "generated" / "scale.py").read_text(encoding="utf-8")
    spec.write_text(SCALE, encoding="utf-8")
    assert outputs.write(generated(project), project / "generated", True) == ["scale.py"]
    assert "class Shift" not in (project / "generated" / "scale.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("failing", range(1, 4))
def test_a_write_that_dies_midway_leaves_every_file_whole(
    project: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    out = project / "generated"
    old = snapshot(out)
    monkeypatch.setattr(build, "CODEGEN", build.CODEGEN + 1)
    files = generated(project)
    calls = 0
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise KeyboardInterrupt
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            outputs.write(files, out, True)
    there = {p: d for p, d in snapshot(out).items() if p.endswith(".py")}
    assert there.keys() == old.keys()
    new = {path: text.encode() for path, text in files.items()}
    fresh = [path for path in there if there[path] == new[path]]
    assert len(fresh) == failing - 1
    assert all(there[path] in (old[path], new[path]) for path in there)
    outputs.write(files, out, True)
    assert snapshot(out) == new, "nothing is left of the run that died"


def test_no_file_is_ever_open_for_writing_in_its_place(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader sees the old text or the new one: only `os.replace` touches a target."""
    written: list[str] = []
    real = Path.write_bytes

    def write_bytes(self: Path, data: bytes) -> int:
        written.append(self.name)
        return real(self, data)

    monkeypatch.setattr(build, "CODEGEN", build.CODEGEN + 1)
    files = generated(project)
    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    outputs.write(files, project / "generated", True)
    assert len(written) == 4
    assert not {Path(path).name for path in files} & set(written)


def test_strays_of_a_run_that_was_killed_are_removed(project: Path) -> None:
    out = project / "generated"
    strays = [out / ".scale.py.lawful-new", out / "parts" / ".gone.py.lawful-new"]
    for stray in strays:
        stray.write_text("half a fi", encoding="utf-8")
    assert drift(project) == ""
    outputs.write(generated(project), out, True)
    assert not any(stray.exists() for stray in strays)


# --- the same bytes everywhere -----------------------------------------------------------------

SCRIPT = """
import hashlib, json, sys
from pathlib import Path
from lawful.compiler.build import generate
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load
digests = {}
for root in sys.argv[1:]:
    log = Log()
    modules = load(Path(root), log)
    log.raise_errors()
    for path, text in generate(modules).items():
        digests[root + ":" + path] = hashlib.sha256(text.encode()).hexdigest()
print(json.dumps(digests))
"""
ROOTS = [str(ROOT / "spec"), str(ROOT / "tests" / "compiler" / "zoo")]


def digests(cwd: Path, **environment: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *ROOTS],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_the_same_bytes_under_every_seed_locale_folder_and_ruff_configuration(
    tmp_path: Path,
) -> None:
    hostile = 'line-length = 40\nindent-width = 2\n[format]\nquote-style = "single"\n'
    hostile += 'indent-style = "tab"\nline-ending = "cr-lf"\nexclude = ["*.py"]\n'
    (tmp_path / "ruff.toml").write_text(hostile, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\nline-length = 40\n", encoding="utf-8")
    there = digests(
        tmp_path,
        PYTHONHASHSEED="0",
        LC_ALL="C",
        PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
        TMPDIR=str(tmp_path),
        RUFF_LINE_LENGTH="40",
        RUFF_OUTPUT_FORMAT="json",
        RUFF_TARGET_VERSION="py37",
        XDG_CONFIG_HOME=str(tmp_path),
    )
    here = digests(ROOT, PYTHONHASHSEED="1", LC_ALL="C.UTF-8")
    assert len(here) >= 11
    assert there == here


def test_the_shipped_code_is_what_the_shipped_specs_give() -> None:
    log = Log()
    files = build.generate(load(ROOT / "spec", log))
    assert outputs.drift(files, ROOT / "generated", True) == ""
