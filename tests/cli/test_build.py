"""`lawful build`: status and streams, drift, hand edits, and what it never touches."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]

MAIN = "from lawful.cli.main import main; main()"
FILES = ["__init__.py", "parts/__init__.py", "parts/shift.py", "scale.py"]


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_build_writes_everything_and_then_nothing(project: Path, lawful: Run) -> None:
    assert lawful("build") == (0, "2 modules built into generated: 4 files changed\n", "")
    before = snapshot(project / "generated")
    assert list(before) == FILES
    assert lawful("build") == (0, "2 modules built into generated: 0 files changed\n", "")
    assert lawful("build", "--quiet") == (0, "", "")
    assert snapshot(project / "generated") == before


def test_check_is_status_0_where_nothing_has_drifted(project: Path, lawful: Run) -> None:
    lawful("build")
    expected = "generated is what the specs give: 4 files\n"
    assert lawful("build", "--check") == (0, expected, "")
    assert lawful("build", "--check", "--quiet") == (0, "", "")


def test_check_shows_drift_and_writes_nothing(project: Path, lawful: Run) -> None:
    status, out, err = lawful("build", "--check")
    assert status == 1
    assert out.count("--- /dev/null\n+++ generated/") == 4
    assert err == "generated is not what the specs give; run `lawful build`\n"
    assert not (project / "generated").exists()

    lawful("build")
    for spoil, shown in (
        (lambda: change(project / "spec" / "scale.eq", "γ * x[b]", "γ / x[b]"), "+    y = "),
        (lambda: change(project / "generated" / "parts" / "shift.py", "3", "4"), "-    y = "),
        (lambda: (project / "generated" / "scale.py").unlink(), "--- /dev/null"),
        (lambda: (project / "generated" / "__init__.py").unlink(), "+++ generated/__init__.py"),
        (lambda: (project / "spec" / "parts" / "shift.eq").unlink(), "+++ /dev/null"),
    ):
        lawful("build", "--force")
        spoil()
        before = snapshot(project)
        for quiet in ((), ("--quiet",)):
            status, out, err = lawful("build", "--check", *quiet)
            assert status == 1
            assert shown in out and "\n@@ " in out
            assert err == "generated is not what the specs give; run `lawful build`\n"
        assert snapshot(project) == before
    assert lawful("build", "--force")[0] == 0
    assert lawful("build", "--check")[0] == 0


def test_check_with_a_name_looks_at_its_file_alone(project: Path, lawful: Run) -> None:
    lawful("build")
    change(project / "generated" / "scale.py", "gamma", "delta")
    assert lawful("build", "--check", "parts.shift.Shift")[0] == 0
    assert lawful("build", "--check", "parts")[0] == 0
    assert lawful("build", "--check", "scale")[0] == 1
    assert lawful("build", "--check", "*.Scale")[0] == 1


def test_a_hand_edit_is_refused_and_nothing_is_written(project: Path, lawful: Run) -> None:
    lawful("build")
    change(project / "generated" / "scale.py", "gamma * ", "2 * gamma * ")
    change(project / "spec" / "parts" / "shift.eq", "+ 3", "+ 4")
    before = snapshot(project)
    for arguments in ((), ("--quiet",), ("scale",)):
        status, out, err = lawful("build", *arguments)
        assert (status, out) == (1, "")
        assert err == (
            "error: generated/scale.py was edited by hand\n"
            "--force overwrites it; nothing was written\n"
        )
        assert snapshot(project) == before
    assert lawful("build", "parts")[0] == 0, "another file is not held up"
    assert lawful("build", "--force")[:2] == (
        0,
        "2 modules built into generated: 1 files changed\n",
    )
    assert lawful("build", "--check")[0] == 0


def test_a_left_over_file_with_a_hand_edit_is_not_removed(project: Path, lawful: Run) -> None:
    lawful("build")
    change(project / "generated" / "parts" / "shift.py", "3", "4")
    (project / "spec" / "parts" / "shift.eq").unlink()
    status, _, err = lawful("build")
    assert status == 1 and "generated/parts/shift.py was edited by hand" in err
    assert (project / "generated" / "parts" / "shift.py").exists()
    assert lawful("build", "--force")[0] == 0
    assert not (project / "generated" / "parts" / "shift.py").exists()


def test_removing_a_spec_removes_its_file_and_nobody_elses(project: Path, lawful: Run) -> None:
    (project / "spec" / "more.eq").write_text("module M\ninput x\noutput y = 2 * x\n")
    lawful("build")
    own = project / "generated" / "parts" / "own.py"
    own.write_text("x = 1\n", encoding="utf-8")
    (project / "spec" / "parts" / "shift.eq").unlink()
    assert lawful("build", "scale")[0] == 0
    assert (project / "generated" / "parts" / "shift.py").exists(), "only all of it removes"
    assert lawful("build")[0] == 0
    assert list(snapshot(project / "generated")) == [
        "__init__.py",
        "more.py",
        "parts/own.py",
        "scale.py",
    ]


def test_names_prefixes_and_globs_select(project: Path, lawful: Run) -> None:
    assert lawful("build", "parts")[:2] == (
        0,
        "1 module built into generated: 3 files changed\n",
    )
    assert list(snapshot(project / "generated")) == FILES[:3]
    assert lawful("build", "*.Sc?le")[:2] == (
        0,
        "1 module built into generated: 1 files changed\n",
    )
    assert lawful("build", "scale.Scale", "parts.shift")[0] == 0


def test_a_name_selects_all_of_its_file(project: Path, lawful: Run) -> None:
    """A file is generated whole: the modules beside the one that was named stay in it."""
    path = project / "spec" / "scale.eq"
    path.write_text(
        path.read_text(encoding="utf-8")
        + (project / "spec" / "parts" / "shift.eq").read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    assert lawful("build", "scale.Scale")[1].startswith("2 modules built")
    text = (project / "generated" / "scale.py").read_text(encoding="utf-8")
    assert "class Scale" in text and "class Shift" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("scale.Scalr",), "no module is called `scale.Scalr`; did you mean `scale.Scale`?"),
        (("Scale",), "no module is called `Scale`"),
        (("scal",), "no module is called `scal`"),
        (("scale", "nothing"), "no module is called `nothing`"),
        (("*.nothing",), "no module is called `*.nothing`"),
        (("--spec", "nowhere"), "there is no folder nowhere"),
        (("--spec", "empty"), "there are no modules"),
        (("--without", "nonsense"), "no rule is called `nonsense`; there are "),
        (("--out", "spec/scale.eq"), "spec/scale.eq cannot be written: "),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_wrong_usage_is_status_2_and_writes_nothing(
    project: Path, lawful: Run, arguments: tuple[str, ...], message: str
) -> None:
    (project / "empty").mkdir()
    before = snapshot(project)
    status, out, err = lawful("build", *arguments)
    assert (status, out) == (2, "")
    assert message in err and "Traceback" not in err
    assert snapshot(project) == before


def test_the_shipped_library_is_read_only(nowhere: Path, lawful: Run) -> None:
    status, out, err = lawful("build")
    assert (status, out) == (2, "")
    assert err.startswith("error: the library that ships with lawful is read-only")
    status, out, err = lawful("build", "--check")
    assert (status, err) == (0, "")
    assert lawful("build", "--out", "mine")[0] == 0, "a copy of one's own is fine"
    assert (nowhere / "mine" / "losses" / "dpo.py").is_file()


@pytest.mark.parametrize("wrong", ["output y[b] = z[b]", "output y[b] = (x[b]", "h[0] = 1"])
def test_a_wrong_spec_is_status_1_and_leaves_generated_alone(
    project: Path, lawful: Run, wrong: str
) -> None:
    lawful("build")
    change(project / "spec" / "parts" / "shift.eq", "+ 3", "+ 4")
    change(project / "spec" / "scale.eq", "output y[b] = γ * x[b]", wrong)
    before = snapshot(project)
    for arguments in ((), ("--force",), ("--check",), ("parts",), ("--quiet",)):
        status, out, err = lawful("build", *arguments)
        assert (status, out) == (1, "")
        assert "error[E" in err and "spec/scale.eq:" in err
        assert snapshot(project) == before


def test_without_leaves_a_rule_out(project: Path, lawful: Run) -> None:
    change(project / "spec" / "scale.eq", "γ * x[b]", "γ * log(sigmoid(x[b]))")
    lawful("build")
    path = project / "generated" / "scale.py"
    assert "logsigmoid" in path.read_text(encoding="utf-8")
    assert lawful("build", "--without", "log-sigmoid")[0] == 0
    assert "logsigmoid" not in path.read_text(encoding="utf-8")


def test_generated_lies_beside_the_spec_folder_wherever_that_is_seen_from(
    project: Path, lawful: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "spec")
    assert lawful("build", "--spec", ".")[0] == 0
    assert list(snapshot(project / "generated")) == FILES
    assert not (project / "spec" / "generated").exists()
    monkeypatch.chdir(project / "spec" / "parts")
    assert lawful("build", "--spec", "..", "--check")[0] == 0
    assert lawful("build", "--spec", project / "spec", "--check")[0] == 0


def test_the_configuration_names_both_folders(
    project: Path, lawful: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[tool.lawful]\nspec = "spec"\nout = "src/made"\n'
    (project / "pyproject.toml").write_text(text, encoding="utf-8")
    assert lawful("build")[:2] == (0, "2 modules built into src/made: 4 files changed\n")
    assert list(snapshot(project / "src" / "made")) == FILES
    monkeypatch.chdir(project / "spec" / "parts")
    assert lawful("build", "--check")[0] == 0
    assert lawful("build", "--out", "here")[0] == 0
    assert list(snapshot(project / "spec" / "parts" / "here")) == FILES


def test_a_terminal_that_knows_ascii_alone_gets_escapes(project: Path, lawful: Run) -> None:
    """The diff holds Greek letters; the same process also shows that torch is not loaded."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", MAIN, "build", "--check"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "+    # output y[b] = \\u03b3 * x[b]    (scale.eq:7)\n" in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "lawful.compiler.build" in loaded
    assert not loaded & {"torch", "sympy", "numpy"}
