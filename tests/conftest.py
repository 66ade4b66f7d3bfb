"""What all tests share: golden files, and a root that pytest leaves alone."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


class PlainRoot:
    """The root is the package `lawful`, and installed as such: pytest, which takes a folder with
    an `__init__.py` for a package of tests, would import it once more under the folder's name.
    """

    def pytest_collect_directory(
        self, path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        return pytest.Dir.from_parent(parent, path=path) if path == ROOT else None


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(PlainRoot())


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of the user: an empty one for each test."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite the golden files that differ from what the tests find",
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Assert that a file has exactly this text; under --update-golden, rewrite it."""
    update = request.config.getoption("--update-golden")

    def check(path: Path, text: str) -> None:
        expected = path.read_bytes().decode("utf-8") if path.exists() else None
        if expected == text:
            return
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8"))
            return
        if expected is None:
            why = f"{path} is missing"
        else:
            why = f"{path} differs:\n{diff(expected, text)}"
        pytest.fail(f"{why}\n(pytest --update-golden rewrites it)", pytrace=False)

    return check


def diff(expected: str, found: str) -> str:
    lines = difflib.unified_diff(
        visible_lines(expected), visible_lines(found), "golden", "found", lineterm=""
    )
    return "\n".join(lines)


def visible_lines(text: str) -> list[str]:
    """The lines of a text; a carriage return or a missing last newline is shown."""
    *lines, last = text.replace("\r", "␍").split("\n")
    return [*lines, last + "␃"] if last else lines


SPEED = (
    "entry-at-place",
    "top-k",
    "prefix-sum",
    "mass-before",
    "discounted-sum",
    "pieces",
    "gathered-log-prob",
    "linear-cross-entropy",
    "attention",
    "activations",
    "norms",
    "linear",
)


@pytest.fixture(scope="session")
def literal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library compiled equation by equation, without the rules that are there for speed."""
    from lawful.compiler.build import generate
    from lawful.compiler.diagnostics import Log
    from lawful.compiler.library import load
    from lawful.compiler.outputs import write
    from lawful.compiler.project import shipped

    out = tmp_path_factory.mktemp("literal") / "generated"
    write(generate(load(shipped().root, Log()), SPEED), out, True)
    return out
