"""The museum's page: it names every exhibit, and says of them what is found."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "museum.md").read_text("utf-8")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_museum", ROOT / "docs" / "make_museum.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def exhibits(script: ModuleType) -> dict[str, Any]:
    return {exhibit.name: exhibit for exhibit in script.gallery.exhibits()}


def test_every_exhibit_has_a_section_with_its_links(
    script: ModuleType, exhibits: dict[str, Any]
) -> None:
    sections = dict(re.findall(r"^### ([^\n]*)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
    assert len(sections) == len(exhibits)
    for exhibit in exhibits.values():
        title = exhibit.title if exhibit.control else f"{script.number(exhibit)}. {exhibit.title}"
        text = sections[title]
        for link in exhibit.links:
            assert f"(https://github.com/{link.replace('#', '/issues/')})" in text
        functions = exhibit.functions("right" if exhibit.control else "wrong")
        verdict = "OK" if exhibit.control else "WRONG"
        assert re.findall(r"`(\w+)`: ([A-Z]+)", text) == [(name, verdict) for name in functions]


def test_the_totals_are_those_of_the_rows() -> None:
    rows = [row.split(" | ") for row in re.findall(r"^\| .*\| `wrong.*", PAGE, re.MULTILINE)]
    found = [sum("finds it" in row[column] for row in rows) for column in (-2, -1)]
    totals = re.findall(r"^\| .* \| (\d+) of (\d+) \|$", PAGE, re.MULTILINE)
    assert totals == [(str(n), str(len(rows))) for n in (*found, len(rows))]
    assert "not caught" not in PAGE


def test_every_link_within_the_project_leads_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
    for target in re.findall(r"\]\(([^)]*)\)", PAGE):
        file, _, anchor = target.partition("#")
        if not file:
            assert anchor in anchors, target
        elif not file.startswith("https://github.com/"):
            assert (ROOT / "docs" / file).exists(), target


@pytest.mark.parametrize("name", ["e11_k3_clamped_late", "e13_masked_advantage"])
def test_the_page_says_what_is_found(
    script: ModuleType, exhibits: dict[str, Any], name: str
) -> None:
    exhibit = exhibits[name]
    for row in script.rows(exhibit, script.findings(exhibit, "wrong")):
        assert row in PAGE


def altered(exhibit: Any, folder: Path, code: str) -> Any:
    """The exhibit with more code, which replaces functions of the same name."""
    shutil.copytree(exhibit.folder, folder)
    with (folder / "code.py").open("a", encoding="utf-8") as file:
        file.write(code)
    return replace(exhibit, folder=folder)


def test_what_is_not_caught_is_said_not_to_be(
    script: ModuleType, exhibits: dict[str, Any], tmp_path: Path
) -> None:
    code = "wrong_mean = right\ndel wrong_sum\n"
    exhibit = altered(exhibits["e13_masked_advantage"], tmp_path / "same", code)
    page = script.render([exhibit])
    assert "`wrong_mean`: OK" in page
    assert "| `wrong_mean` | not caught | - | - |" in page
    assert page.count("| 0 of 1 |") == 3


def test_an_ordinary_comparison_sees_other_shapes_and_errors(
    script: ModuleType, exhibits: dict[str, Any]
) -> None:
    exhibit = exhibits["e13_masked_advantage"]
    right = exhibit.functions("right")["right"]

    def fails(A: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
        raise ValueError

    assert script.compared(exhibit, right) == (False, False)
    assert script.compared(exhibit, lambda A, m: right(A, m) + 1e-3) == (False, True)
    assert script.compared(exhibit, lambda A, m: right(A, m)[None]) == (True, True)
    assert script.compared(exhibit, lambda A, m: right(A, m) * float("nan")) == (True, True)
    assert script.compared(exhibit, fails) == (True, True)


def test_no_place_is_one_on_a_machine() -> None:
    """Places are told from the root of the project, wherever it lies."""
    assert str(ROOT) not in PAGE
    assert not re.search(r"(?<![\w.])/[\w./-]+\.eq\b", PAGE)
