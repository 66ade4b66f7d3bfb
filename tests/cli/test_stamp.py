"""What `check` and `build` need not look at again: nothing that has changed in any way."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lawful.cli import cache as kept
from lawful.cli import stamp
from lawful.compiler import build, library

Run = Callable[..., tuple[int, str, str]]

USER = """import Scale from scale

module User
size B
index b: B
input x[B]
y = Scale(x)
output z[b] = y[b] + 1
"""


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The dotted names of files that were looked at, and of modules that were compiled."""
    seen: list[str] = []
    load_names, compile_module = library.load_names, build.compile_module

    def loading(root, log, names):  # type: ignore[no-untyped-def]
        names = list(names)
        seen.extend(names)
        return load_names(root, log, names)

    def compiling(module, without):  # type: ignore[no-untyped-def]
        seen.append(module.qualified)
        return compile_module(module, without)

    monkeypatch.setattr(library, "load_names", loading)
    monkeypatch.setattr(build, "compile_module", compiling)
    return seen


@pytest.fixture
def built(project: Path, lawful: Run, work: list[str]) -> Path:
    """A project of three specs, one of which imports another, built."""
    (project / "spec" / "user.eq").write_text(USER, encoding="utf-8")
    assert lawful("build")[0] == 0
    work.clear()
    return project


def test_what_is_unchanged_is_not_looked_at(built: Path, lawful: Run, work: list[str]) -> None:
    assert lawful("build") == (0, "3 modules built into generated: 0 files changed\n", "")
    assert lawful("build", "user")[1] == "1 module built into generated: 0 files changed\n"
    assert lawful("build", "--check")[1] == "generated is what the specs give: 5 files\n"
    assert lawful("build", "--force")[0] == 0
    assert lawful("check") == (0, "3 modules checked, no errors\n", "")
    assert lawful("check", "spec/user.eq") == (0, "2 modules checked, no errors\n", "")
    assert work == []


def test_what_was_checked_is_compiled_all_the_same(project: Path, lawful: Run) -> None:
    assert lawful("check")[0] == 0
    assert lawful("build")[1] == "2 modules built into generated: 4 files changed\n"


def test_a_changed_spec_is_looked_at_alone(built: Path, lawful: Run, work: list[str]) -> None:
    change(built / "spec" / "parts" / "shift.eq", "+ 3", "+ 4")
    assert lawful("build", "--check")[0] == 1
    assert work == ["parts.shift", "parts.shift.Shift"]
    assert lawful("build")[1] == "3 modules built into generated: 1 files changed\n"
    assert "x + 4" in (built / "generated" / "parts" / "shift.py").read_text()


def test_what_imports_a_changed_spec_is_looked_at(
    built: Path, lawful: Run, work: list[str]
) -> None:
    change(built / "spec" / "scale.eq", "module Scale", "module Scales")
    for command in ("check", "build"):
        status, _, err = lawful(command)
        assert status == 1 and "error[E702]" in err and "spec/user.eq:1" in err
    change(built / "spec" / "scale.eq", "module Scales", "module Scale")
    change(built / "spec" / "scale.eq", "const γ = 2", "const γ = 3")
    work.clear()
    assert lawful("build")[0] == 0
    assert work == ["scale", "user", "scale.Scale", "user.User"]
    assert lawful("build", "--check")[0] == 0


def test_a_change_that_was_only_checked_is_compiled(built: Path, lawful: Run) -> None:
    """The code known of a file is that of its spec at the time, not of one checked since."""
    change(built / "spec" / "parts" / "shift.eq", "+ 3", "+ 4")
    assert lawful("check")[0] == 0
    assert lawful("build", "--check")[0] == 1
    assert lawful("build")[1] == "3 modules built into generated: 1 files changed\n"


def test_a_spec_that_comes_back_is_compiled(built: Path, lawful: Run) -> None:
    path = built / "spec" / "parts" / "shift.eq"
    change(path, "+ 3", "+ 4")
    lawful("build")
    change(path, "+ 4", "+ 3")
    assert lawful("build")[1] == "3 modules built into generated: 1 files changed\n"
    assert "x + 3" in (built / "generated" / "parts" / "shift.py").read_text()


def test_a_removed_spec_is_missed(built: Path, lawful: Run) -> None:
    (built / "spec" / "scale.eq").unlink()
    for command in ("check", "build"):
        status, _, err = lawful(command)
        assert status == 1 and "error[E701]" in err
    (built / "spec" / "user.eq").unlink()
    assert lawful("check")[1] == "1 module checked, no errors\n"
    assert lawful("build", "--check")[0] == 1
    assert lawful("build")[1] == "1 module built into generated: 2 files changed\n"
    assert not (built / "generated" / "scale.py").exists()


@pytest.mark.parametrize("path", ["scale.py", "__init__.py", "parts/__init__.py"])
def test_a_generated_file_that_was_edited_is_found(built: Path, lawful: Run, path: str) -> None:
    file = built / "generated" / path
    whole = file.read_bytes()
    file.write_bytes(whole + b"# mine\n")
    assert lawful("build")[2].startswith(f"error: generated/{path} was edited by hand\n")
    assert lawful("build", "--check")[0] == 1
    assert lawful("build", "--force")[1] == "3 modules built into generated: 1 files changed\n"
    assert file.read_bytes() == whole


@pytest.mark.parametrize("path", ["user.py", "__init__.py", "parts/__init__.py"])
def test_a_generated_file_that_is_gone_is_written(built: Path, lawful: Run, path: str) -> None:
    (built / "generated" / path).unlink()
    assert lawful("build", "--check")[0] == 1
    assert lawful("build")[1] == "3 modules built into generated: 1 files changed\n"
    assert lawful("build", "--check")[0] == 0


def test_another_lawful_looks_again(
    built: Path, lawful: Run, work: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "CODEGEN", 99)
    assert lawful("build", "--check")[0] == 0, "which nobody can see from outside"
    monkeypatch.setattr(kept, "sources", lambda: "others")
    assert lawful("build")[1] == "3 modules built into generated: 5 files changed\n"
    work.clear()
    monkeypatch.setattr(kept, "versions", lambda *names: ["1.0" for _ in names])
    assert lawful("build")[1] == "3 modules built into generated: 0 files changed\n"
    assert lawful("check")[0] == 0
    assert len(work) == 6


def test_other_rules_look_again(built: Path, lawful: Run) -> None:
    change(built / "spec" / "scale.eq", "γ * x[b]", "γ * log(sigmoid(x[b]))")
    path = built / "generated" / "scale.py"
    for _ in range(2):
        assert lawful("build", "--without", "log-sigmoid")[0] == 0
        assert "logsigmoid" not in path.read_text(encoding="utf-8")
        assert lawful("build", "--check")[0] == 1
        assert lawful("build")[0] == 0
        assert "logsigmoid" in path.read_text(encoding="utf-8")
        assert lawful("build", "--check", "--without", "log-sigmoid")[0] == 1


def test_a_spoilt_entry_is_none(built: Path, lawful: Run, work: list[str], cache: Path) -> None:
    for path in cache.rglob("*.json"):
        data = path.read_bytes().replace(b"Shift", b"Thift")
        path.write_bytes(data)
    assert lawful("check")[1] == "3 modules checked, no errors\n"
    assert sorted(work) == ["parts.shift", "scale", "user"]


def test_nothing_is_remembered_where_it_cannot_be_written(
    built: Path, lawful: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(built / "pyproject.toml"))
    change(built / "spec" / "parts" / "shift.eq", "+ 3", "+ 4")
    for changed in (1, 0):
        line = f"3 modules built into generated: {changed} files changed\n"
        assert lawful("build") == (0, line, "")


def test_nothing_is_remembered_in_the_project(built: Path, lawful: Run) -> None:
    """What came with a stranger's project would be believed."""
    lawful("check")
    assert sorted(path.name for path in built.iterdir()) == ["generated", "pyproject.toml", "spec"]


def test_a_warning_is_said_each_time(built: Path, lawful: Run) -> None:
    path = built / "spec" / "parts" / "shift.eq"
    path.write_text(path.read_text(encoding="utf-8") + "size V\n", encoding="utf-8")
    for _ in range(2):
        for command in ("check", "build"):
            status, _, err = lawful(command)
            assert status == 0 and err.count("warning[W202]") == 1
        assert lawful("check", "spec/parts/shift.eq")[2].count("warning[W202]") == 1


def test_what_changes_while_it_is_looked_at_is_not_remembered(
    built: Path, lawful: Run, work: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`scale` is known when the run begins, and another one when `user` is read."""
    change(built / "spec" / "user.eq", "+ 1", "+ 2")
    (load,) = [library.load_names]

    def late(root, log, names):  # type: ignore[no-untyped-def]
        change(built / "spec" / "scale.eq", "const γ = 2", "const γ = 3")
        return load(root, log, names)

    with monkeypatch.context() as patch:
        patch.setattr(library, "load_names", late)
        assert lawful("build", "--quiet")[0] == 0
    work.clear()
    assert lawful("build")[0] == 0
    assert work == ["scale", "user", "scale.Scale", "user.User"]
    assert lawful("build", "--check")[0] == 0


def test_two_builds_at_once_leave_what_each_alone_would(
    built: Path, lawful: Run, work: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One comes between what another one reads of the memory and what it writes there."""
    change(built / "spec" / "parts" / "shift.eq", "+ 3", "+ 4")
    learn = stamp.Stamp.learn

    def late(self, clean, files):  # type: ignore[no-untyped-def]
        with monkeypatch.context() as patch:
            patch.setattr(stamp.Stamp, "learn", learn)
            change(built / "spec" / "parts" / "shift.eq", "+ 4", "+ 5")
            assert lawful("build", "--quiet")[0] == 0
        learn(self, clean, files)

    arguments = sys.argv
    with monkeypatch.context() as patch:
        patch.setattr(stamp.Stamp, "learn", late)
        lawful("build", "--quiet")
    sys.argv = arguments
    assert lawful("build")[0] == 0
    assert "x + 5" in (built / "generated" / "parts" / "shift.py").read_text()
    assert lawful("build", "--check")[0] == 0
