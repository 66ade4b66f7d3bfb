"""`lawful check`: status, streams, and which files it looks at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]


def spoil(project: Path) -> None:
    """Two errors in one spec, none in the other."""
    path = project / "spec" / "scale.eq"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("γ * x[b]", "γ * z[b] * w"), encoding="utf-8")


def test_what_is_right_is_counted_on_stdout(project: Path, lawful: Run) -> None:
    assert lawful("check") == (0, "2 modules checked, no errors\n", "")
    assert lawful("check", "--quiet") == (0, "", "")
    assert lawful("check", "spec/scale.eq") == (0, "1 module checked, no errors\n", "")


def test_errors_go_to_stderr_with_code_place_and_count(project: Path, lawful: Run) -> None:
    spoil(project)
    for arguments in ((), ("--quiet",), ("--no-color",), ("spec/scale.eq",)):
        status, out, err = lawful("check", *arguments)
        assert (status, out) == (1, "")
        assert "error[E201]" in err and "--> spec/scale.eq:7:19\n" in err
        assert "7 | output y[b] = γ * z[b] * w\n" in err
        assert err.endswith("\n2 errors\n")
    assert lawful("check", "spec/parts/shift.eq") == (0, "1 module checked, no errors\n", "")


def test_one_error_is_one_error(project: Path, lawful: Run) -> None:
    (project / "spec" / "scale.eq").write_text("module M\noutput y = z\n", encoding="utf-8")
    assert lawful("check")[2].endswith("\n1 error\n")


def test_a_warning_is_shown_and_fails_nothing(project: Path, lawful: Run) -> None:
    path = project / "spec" / "scale.eq"
    path.write_text(path.read_text(encoding="utf-8") + "size V\n", encoding="utf-8")
    status, out, err = lawful("check")
    assert (status, out) == (0, "2 modules checked, no errors\n")
    assert err.startswith("warning[W202]: ")
    status, out, err = lawful("check", "--quiet")
    assert (status, out) == (0, "")
    assert err.startswith("warning[W202]: ")


def test_a_file_is_checked_with_what_it_imports(project: Path, lawful: Run) -> None:
    text = "import Scale from scale\n\n" + (project / "spec" / "parts" / "shift.eq").read_text()
    (project / "spec" / "more.eq").write_text(text, encoding="utf-8")
    assert lawful("check", "spec/more.eq")[0] == 0
    spoil(project)
    status, _, err = lawful("check", "spec/more.eq")
    assert status == 1 and "spec/scale.eq:7" in err


def test_a_file_outside_any_spec_folder_has_its_own_for_root(project: Path, lawful: Run) -> None:
    (project / "loose.eq").write_text("module M\ninput x\noutput y = 2 * x\n", encoding="utf-8")
    assert lawful("check", project / "loose.eq") == (0, "1 module checked, no errors\n", "")
    assert lawful("check", "loose.eq")[0] == 0


def test_the_spec_folder_is_the_option_the_configuration_or_the_folder_spec(
    project: Path, lawful: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = project / "other"
    other.mkdir()
    (other / "one.eq").write_text("module M\ninput x\noutput y = 2 * x\n", encoding="utf-8")
    one = (0, "1 module checked, no errors\n", "")
    assert lawful("check", "--spec", "other") == one
    (project / "pyproject.toml").write_text('[tool.lawful]\nspec = "other"\n', encoding="utf-8")
    assert lawful("check") == one
    (project / "spec" / "deep").mkdir()
    monkeypatch.chdir(project / "spec" / "deep")
    assert lawful("check") == one
    assert lawful("check", "--spec", "..")[1] == "2 modules checked, no errors\n"


def test_outside_a_project_the_library_is_checked(nowhere: Path, lawful: Run) -> None:
    status, out, err = lawful("check")
    assert (status, err) == (0, "")
    assert int(out.split()[0]) >= 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.eq",), "there is no file nowhere.eq"),
        (("spec",), "there is no file spec"),
        (("spec/folder.eq",), "there is no file spec/folder.eq"),
        (("--spec", "nowhere"), "there is no folder nowhere"),
        (("--spec", "spec/scale.eq"), "there is no folder spec/scale.eq"),
        (("--spec", "empty"), "there are no specs below empty"),
    ],
)
def test_wrong_usage_is_status_2(
    project: Path, lawful: Run, arguments: tuple[str, ...], message: str
) -> None:
    (project / "empty").mkdir()
    (project / "spec" / "folder.eq").mkdir()
    assert lawful("check", *arguments) == (2, "", f"error: {message}\n")


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ("[tool.lawful]\nspec = 'nowhere'\n", "there is no folder nowhere, which "),
        ("tool = 1\n[", "is not valid TOML"),
        ("[tool]\nlawful = 3\n", "is not a table"),
    ],
)
def test_a_wrong_configuration_is_status_2(
    project: Path, lawful: Run, configuration: str, message: str
) -> None:
    (project / "pyproject.toml").write_text(configuration, encoding="utf-8")
    for command in ("check", "build", "verify"):
        status, out, err = lawful(command)
        assert (status, out) == (2, "")
        assert err.startswith("error: ") and message in err and err.count("\n") == 1


def test_a_configuration_of_other_tools_alone_is_none(project: Path, lawful: Run) -> None:
    for text in ("tool = 3\n", "[tool.other]\nlawful = 1\n"):
        (project / "pyproject.toml").write_text(text, encoding="utf-8")
        assert lawful("check")[:2] == (0, "2 modules checked, no errors\n")


@pytest.mark.parametrize("arguments", [("--nonsense",), ("--spec",)])
def test_an_unknown_option_is_status_2(
    project: Path, lawful: Run, arguments: tuple[str, ...]
) -> None:
    status, out, err = lawful("check", *arguments)
    assert (status, out) == (2, "")
    assert arguments[0] in err
    assert lawful("nonsense")[0] == 2
