"""The page that defines the language: its specs are verified, its errors are those printed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import lawful
import pytest
from lawful.compiler.build import generate
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load
from lawful.compiler.outputs import write
from lawful.compiler.typed import Module
from lawful.verifier.candidate import generated
from lawful.verifier.verify import Options, verify_candidate

PAGE = Path(__file__).resolve().parents[2] / "docs" / "language.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MODULE = re.compile(r"^module (\w+)", re.MULTILINE)
FILE = re.compile(r"\A# spec/(\w+)\.eq$", re.MULTILINE)


class Block(NamedTuple):
    kind: str
    text: str


class Section(NamedTuple):
    title: str
    level: int
    blocks: tuple[Block, ...]


def sections(page: str) -> list[Section]:
    """The headings of a page, each with the blocks before the next one."""
    outside = FENCE.sub(lambda match: re.sub("^#", " ", match[0], flags=re.MULTILINE), page)
    heads = list(re.finditer(r"^(#+) (.*)$", outside, re.MULTILINE))
    ends = [head.start() for head in heads[1:]] + [len(page)]
    found = []
    for head, end in zip(heads, ends, strict=True):
        blocks = tuple(Block(*match.groups()) for match in FENCE.finditer(page[head.end() : end]))
        found.append(Section(head[2], len(head[1]), blocks))
    return found


SECTIONS = sections(PAGE.read_text(encoding="utf-8"))
BLOCKS = [block for section in SECTIONS for block in section.blocks]


def specs() -> dict[str, str]:
    """The text of each file of equations, by its stem: the one that it says, or else that of
    its first module."""
    found: dict[str, str] = {}
    for block in BLOCKS:
        if block.kind == "eq":
            named, first = FILE.search(block.text), MODULE.search(block.text)
            assert first is not None, f"no module:\n{block.text}"
            stem = named[1] if named else f"of_{first[1].lower()}"
            assert stem not in found
            found[stem] = block.text
    return found


SPECS = specs()
NAMES = [f"{stem}.{name}" for stem, text in SPECS.items() for name in MODULE.findall(text)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Module], Path]:
    """The modules of the page, with the folder of the code generated from them."""
    folder = tmp_path_factory.mktemp("page")
    root, out = folder / "spec", folder / "generated"
    root.mkdir()
    for stem, text in SPECS.items():
        (root / f"{stem}.eq").write_text(text, encoding="utf-8")
    log = Log()
    modules = load(root, log)
    assert not log.in_order(), "\n".join(map(str, log.in_order()))
    write(generate(modules), out, True)
    return dict(modules), out


@pytest.mark.parametrize("name", NAMES)
def test_every_spec_is_what_its_code_computes(
    name: str, built: tuple[dict[str, Module], Path]
) -> None:
    modules, out = built
    options = Options(level="quick", dtypes=("float64", "float32"))
    report = verify_candidate(modules[name], generated(modules[name], out), options)
    assert report.ok, str(report)


def test_the_two_specs_of_one_function_are_the_same(
    built: tuple[dict[str, Module], Path],
) -> None:
    _, out = built
    pair = ("of_variance.Variance", "of_variance.CentredVariance")
    report = lawful.verify(pair[0], against=pair[1], root=out.parent / "spec")
    assert report.ok, str(report)


def wrong() -> Iterator[tuple[str, str]]:
    """Each spec that is wrong, with the diagnostics shown below it."""
    for block, after in zip(BLOCKS, [*BLOCKS[1:], Block("", "")], strict=True):
        if block.kind == "text":
            assert after.kind == "console", f"no diagnostics below:\n{block.text}"
            yield block.text, after.text


@pytest.mark.parametrize(("spec", "shown"), tuple(wrong()))
def test_every_error_is_shown_as_it_is_printed(spec: str, shown: str, tmp_path: Path) -> None:
    (tmp_path / "my.eq").write_text(spec, encoding="utf-8")
    log = Log()
    load(tmp_path, log)
    printed = "\n\n".join(map(str, log.in_order())) + "\n"
    assert log.failed
    assert printed.replace(f"{tmp_path}/", "spec/") == shown


def test_every_program_runs(
    built: tuple[dict[str, Module], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, out = built
    monkeypatch.syspath_prepend(str(out.parent))
    programs = [block.text for block in BLOCKS if block.kind == "python"]
    assert programs
    try:
        for program in programs:
            exec(compile(program, PAGE, "exec"), {})
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == out.name]:
            del sys.modules[name]


def test_every_section_has_an_example() -> None:
    bare = []
    for section, after in zip(SECTIONS, [*SECTIONS[1:], None], strict=True):
        only_a_head = after is not None and after.level > section.level
        if not section.blocks and not only_a_head:
            bare.append(section.title)
    assert not bare
    assert {block.kind for block in BLOCKS} == {"eq", "text", "console", "python"}
