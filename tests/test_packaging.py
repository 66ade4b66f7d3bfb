"""What is packaged: the wheel's files, the pins, and a complete list of the back end."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

PACKAGED = ["cli", "compiler", "generated", "runtime", "spec", "verifier"]

# The modules that the verifier may share with the compiler. All others are back end.
FRONT_END = [
    "check*",
    "codes",
    "diagnostics",
    "grammar",
    "infer*",
    "integers",
    "latex*",
    "layout",
    "library",
    "linear",
    "names",
    "parse",
    "project",
    "ranges",
    "reads",
    "show",
    "source",
    "stepwise",
    "substitute",
    "support",
    "syntax*",
    "typed",
    "walk",
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    (path,) = folder.glob("lawful-*.whl")
    return zipfile.ZipFile(path)


def test_wheel_has_every_source_file(wheel: zipfile.ZipFile) -> None:
    expected = {"lawful/__init__.py", "lawful/py.typed"}
    for folder in PACKAGED:
        for path in (ROOT / folder).rglob("*"):
            relative = path.relative_to(ROOT)
            hidden = any(part.startswith((".", "__pycache__")) for part in relative.parts)
            if path.is_file() and not hidden:
                expected.add(f"lawful/{relative.as_posix()}")
    assert expected - set(wheel.namelist()) == set()


@pytest.mark.parametrize(
    "pattern",
    [
        "lawful/py.typed",
        "lawful/compiler/grammar.lark",
        "lawful/compiler/prelude.eq",
        "lawful/compiler/templates/*",
        "lawful/spec/*.eq",
        "lawful/generated/*.py",
        "lawful-*.dist-info/licenses/LICENSE",
    ],
)
def test_wheel_has(wheel: zipfile.ZipFile, pattern: str) -> None:
    assert any(fnmatch(name, pattern) for name in wheel.namelist())


def test_wheel_has_nothing_else(wheel: zipfile.ZipFile) -> None:
    places = {name.split("/")[1] for name in wheel.namelist() if name.startswith("lawful/")}
    assert places == {"__init__.py", "py.typed", *PACKAGED}
    outside = {name.split("/")[0] for name in wheel.namelist()} - {"lawful"}
    assert [name.endswith(".dist-info") for name in outside] == [True]


def test_wheel_installs_the_command(wheel: zipfile.ZipFile) -> None:
    (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/entry_points.txt"))
    assert "lawful = lawful.cli.main:main" in wheel.read(name).decode()


def test_pins_lie_within_the_ranges() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    project = PYPROJECT["project"]
    for text in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        assert name in pins, f"constraints.txt does not pin {name}"
        assert requirement.specifier.contains(pins[name]), f"{name} {pins[name]} is not {text}"


def test_ruff_is_pinned_exactly() -> None:
    """Generated code is formatted by ruff, so another ruff could give other bytes."""
    (ruff,) = (
        requirement
        for requirement in map(Requirement, PYPROJECT["project"]["dependencies"])
        if requirement.name == "ruff"
    )
    assert [specifier.operator for specifier in ruff.specifier] == ["=="]


def test_the_verifier_is_forbidden_the_whole_back_end() -> None:
    """The contract names what is forbidden, so a new back-end module must be added to it."""
    (forbidden,) = (
        contract["forbidden_modules"]
        for contract in PYPROJECT["tool"]["importlinter"]["contracts"]
        if contract["name"] == "the verifier shares the front end alone"
    )
    compiler = ROOT / "compiler"
    modules = {path.stem for path in compiler.glob("*.py")} - {"__init__"}
    modules |= {path.parent.name for path in compiler.glob("*/__init__.py")}
    back_end = {
        f"lawful.compiler.{module}"
        for module in modules
        if not any(fnmatch(module, pattern) for pattern in FRONT_END)
    }
    assert back_end - set(forbidden) == set(), "add these to the contract in pyproject.toml"
    front_end = [
        name for name in forbidden for p in FRONT_END if fnmatch(name, f"lawful.compiler.{p}")
    ]
    assert front_end == []
