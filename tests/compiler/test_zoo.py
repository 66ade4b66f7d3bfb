"""One module after another of everything that compiles: built, run, and held against the
oracle in every regime, float64 and float32."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lawful.compiler.build import generate
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load
from lawful.compiler.outputs import write
from lawful.compiler.typed import Module
from lawful.verifier.candidate import generated
from lawful.verifier.verify import Options, verify_candidate

ZOO = Path(__file__).parent / "zoo"
NAMES = tuple(load(ZOO, Log()))


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Module], Path]:
    out = tmp_path_factory.mktemp("zoo") / "generated"
    log = Log()
    modules = load(ZOO, log)
    assert not log.failed, "\n".join(map(str, log.in_order()))
    write(generate(modules), out, True)
    return modules, out


@pytest.mark.parametrize("name", NAMES)
def test_everything_that_compiles_is_what_it_says(
    name: str, zoo: tuple[dict[str, Module], Path]
) -> None:
    modules, out = zoo
    report = verify_candidate(modules[name], generated(modules[name], out), Options(level="quick"))
    assert report.ok, str(report)


@pytest.mark.parametrize("stem", sorted({name.split(".")[0] for name in NAMES}))
def test_the_generated_code_is_the_golden_one(
    stem: str, zoo: tuple[dict[str, Module], Path], golden: Callable[[Path, str], None]
) -> None:
    _, out = zoo
    text = (out / f"{stem}.py").read_text(encoding="utf-8")
    golden(Path(__file__).parent / "golden" / "emit" / f"{stem}.py", text)


def test_the_zoo_is_not_empty() -> None:
    assert len(NAMES) == 38
