"""Which folder of specs is meant, and which modules a name selects."""

from __future__ import annotations

from pathlib import Path

import pytest
from lawful.compiler.project import Project, UsageError, find_project, select, shipped


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the current one; nothing above it is a project."""
    monkeypatch.chdir(tmp_path)
    assert not any((folder / "pyproject.toml").exists() for folder in tmp_path.resolve().parents)
    return tmp_path.resolve()


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def config(where: Path, *lines: str) -> Path:
    path = where / "pyproject.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def places(project: Project) -> tuple[Path, Path]:
    return project.root.resolve(), project.out.resolve()


# --- find_project ------------------------------------------------------------------------------


def test_the_library_comes_last_and_is_read_only(home: Path) -> None:
    project = find_project()
    assert project == shipped() and project.shipped
    assert (project.root / "attention.eq").is_file() and (project.out / "attention.py").is_file()


def test_the_library_built_elsewhere_may_be_written(home: Path) -> None:
    project = find_project(out=Path("mine"))
    assert project == Project(shipped().root, Path("mine"), False)


def test_the_folder_spec_of_the_current_folder_comes_before_the_library(home: Path) -> None:
    folder(home / "spec")
    assert find_project() == Project(Path("spec"), Path("generated"), False)
    assert find_project(out=Path("o")).out == Path("o")


def test_a_file_called_spec_is_no_folder_of_specs(home: Path) -> None:
    (home / "spec").write_text("", encoding="utf-8")
    assert find_project().shipped


def test_the_configuration_comes_before_the_folder_spec(home: Path) -> None:
    folder(home / "spec")
    equations = folder(home / "equations")
    config(home, "[tool.lawful]", 'spec = "equations"', 'out = "made/code"')
    assert places(find_project()) == (equations, home / "made" / "code")
    assert not find_project().shipped
    assert find_project().root == Path("equations"), "short where it lies below"


def test_the_configuration_names_spec_and_generated_unless_it_says_otherwise(home: Path) -> None:
    folder(home / "spec")
    config(home, "[tool.lawful]")
    assert places(find_project()) == (home / "spec", home / "generated")
    folder(home / "a" / "b")
    config(home, "[tool.lawful]", 'spec = "a/b"')
    assert places(find_project()) == (home / "a" / "b", home / "a" / "generated")


def test_the_nearest_configuration_upwards_counts_from_where_it_stands(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(home / "spec")
    config(home, "[tool.lawful]", 'out = "code"')
    deep = folder(home / "one" / "two")
    monkeypatch.chdir(deep)
    assert places(find_project()) == (home / "spec", home / "code")
    folder(home / "one" / "mine")
    config(home / "one", "[tool.lawful]", 'spec = "mine"')
    assert places(find_project()) == (home / "one" / "mine", home / "one" / "generated")


def test_a_configuration_of_other_tools_ends_the_search_upwards(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(home / "spec")
    config(home, "[tool.lawful]")
    inner = folder(home / "inner")
    config(inner, "[project]", 'name = "other"')
    monkeypatch.chdir(inner)
    assert find_project().shipped
    folder(inner / "spec")
    assert places(find_project()) == (inner / "spec", inner / "generated")


def test_options_come_before_everything(home: Path) -> None:
    folder(home / "spec")
    config(home, "[tool.lawful]")
    mine = folder(home / "deep" / "mine")
    assert places(find_project(Path("deep/mine"))) == (mine, home / "deep" / "generated")
    assert not find_project(mine).shipped
    assert find_project(mine, Path("o")) == Project(mine, Path("o"), False)
    assert places(find_project(None, Path("o"))) == (home / "spec", home / "o")


def test_a_folder_that_is_named_and_missing_is_wrong_usage(home: Path) -> None:
    folder(home / "spec")
    with pytest.raises(UsageError, match=r"there is no folder .*missing"):
        find_project(Path("missing"))
    (home / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match=r"there is no folder .*file"):
        find_project(Path("file"))
    path = config(home, "[tool.lawful]", 'spec = "missing"')
    with pytest.raises(UsageError, match=r"there is no folder .*missing, which ") as caught:
        find_project()
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"[tool.lawful", b"[tool.lawful]\nspec = \xff\xfe"])
def test_a_configuration_that_cannot_be_read_is_wrong_usage(home: Path, content: bytes) -> None:
    path = home / "pyproject.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is not valid TOML") as caught:
        find_project()
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("line", ["[tool]\nlawful = 3", "[[tool.lawful]]"])
def test_a_configuration_that_is_no_table_is_wrong_usage(home: Path, line: str) -> None:
    path = config(home, line)
    with pytest.raises(UsageError, match="is not a table") as caught:
        find_project()
    assert str(path) in str(caught.value)


def test_generated_code_goes_beside_a_spec_root_named_by_dots(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = folder(home / "spec")
    monkeypatch.chdir(root)
    assert places(find_project(Path("."))) == (root, home / "generated")
    monkeypatch.chdir(folder(root / "losses"))
    assert places(find_project(Path(".."))) == (root, home / "generated")


# --- select ------------------------------------------------------------------------------------

KNOWN = [
    "attention.CausalSelfAttention",
    "losses.dpo.DPO",
    "losses.dpo.RobustDPO",
    "losses.dpo_extra.DPO",
    "losses.kto.KTO",
    "norms.RMSNorm",
]


@pytest.mark.parametrize(
    ("names", "selected"),
    [
        ([], KNOWN),
        (["norms.RMSNorm"], ["norms.RMSNorm"]),
        (["losses.dpo"], ["losses.dpo.DPO", "losses.dpo.RobustDPO"]),
        (["losses"], KNOWN[1:5]),
        (["*.DPO"], ["losses.dpo.DPO", "losses.dpo_extra.DPO"]),
        (["*.*DPO"], KNOWN[1:4]),
        (["losses.?to.*"], ["losses.kto.KTO"]),
        (["[an]*"], ["attention.CausalSelfAttention", "norms.RMSNorm"]),
        (["*"], KNOWN),
        (["norms", "losses.kto", "*.KTO"], ["losses.kto.KTO", "norms.RMSNorm"]),
    ],
)
def test_a_name_a_prefix_at_a_dot_or_a_glob_selects_in_the_known_order(
    names: list[str], selected: list[str]
) -> None:
    assert select(names, KNOWN) == selected
    assert select(iter(names), iter(KNOWN)) == selected


@pytest.mark.parametrize(
    "name",
    ["losses.dp", "loss", "DPO", "dpo.DPO", "norms.rmsnorm", "*.dpo", "losses.", "", "norms.R"],
)
def test_parts_of_names_and_other_cases_select_nothing(name: str) -> None:
    with pytest.raises(UsageError, match="no module is called"):
        select([name], KNOWN)


def test_an_unknown_name_is_wrong_usage_even_beside_a_known_one_and_gets_a_hint() -> None:
    with pytest.raises(UsageError) as caught:
        select(["norms", "losses.dpo.DPQ"], KNOWN)
    assert str(caught.value) == (
        "no module is called `losses.dpo.DPQ`; did you mean `losses.dpo.DPO`?"
    )
    with pytest.raises(UsageError) as caught:
        select(["zzz"], KNOWN)
    assert str(caught.value) == "no module is called `zzz`"


def test_nothing_can_be_selected_where_there_is_nothing() -> None:
    with pytest.raises(UsageError, match="there are no modules"):
        select([], [])
    with pytest.raises(UsageError, match="no module is called `norms`"):
        select(["norms"], [])
