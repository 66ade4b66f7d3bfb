"""One module after another of everything that compiles: built, run, and held against the
oracle in every regime, float64 and float32."""

from __future__ import annotations

from pathlib import Path

import pytest
from lawful.compiler.build import generate, write
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load
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
    write(generate(modules, log), out, True)
    return modules, out


@pytest.mark.parametrize("name", NAMES)
def test_everything_that_compiles_is_what_it_says(
    name: str, zoo: tuple[dict[str, Module], Path]
) -> None:
    modules, out = zoo
    report = verify_candidate(modules[name], generated(modules[name], out), Options(level="quick"))
    assert report.ok, str(report)


def test_every_construct_is_in_the_zoo() -> None:
    assert len(NAMES) == 12
