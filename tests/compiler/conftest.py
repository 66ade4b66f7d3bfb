"""What the tests of compiled specs share: a spec that is compiled, with some rules left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from lawful.compiler.build import generate
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load
from lawful.compiler.lower import lower
from lawful.compiler.outputs import write
from lawful.compiler.program import Fused, Program, walk
from lawful.compiler.rewrite import rewrite
from lawful.compiler.typed import Module
from lawful.verifier.candidate import Candidate, generated
from lawful.verifier.plan import QUICK_DTYPES, Options
from lawful.verifier.report import Report
from lawful.verifier.verify import verify_candidate


@dataclass(frozen=True)
class Compiled:
    """A module, its program after rewriting, and the folder of the code generated from it."""

    module: Module
    program: Program
    out: Path

    @property
    def code(self) -> str:
        return (self.out / "m.py").read_text(encoding="utf-8")

    @property
    def candidate(self) -> Candidate:
        return generated(self.module, self.out)

    @property
    def fused(self) -> list[str]:
        """The functions of the runtime that stand in the program in place of several nodes."""
        nodes = (node for step in self.program.steps for node in walk(step.body))
        return [node.function for node in nodes if isinstance(node, Fused)]

    def verify(self, dtypes: tuple[str, ...] = QUICK_DTYPES) -> Report:
        options = Options(level="quick", dtypes=dtypes)
        return verify_candidate(self.module, self.candidate, options)


Compile = Callable[..., Compiled]


@pytest.fixture
def compile_spec(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """Compiles the spec of a module M, without the rules named, in a folder of its own."""

    def compiled(spec: str, *without: str) -> Compiled:
        folder = tmp_path_factory.mktemp("compiled")
        root, out = folder / "spec", folder / "generated"
        root.mkdir()
        (root / "m.eq").write_text(spec, encoding="utf-8")
        log = Log()
        modules = load(root, log)
        assert not log.failed, "\n".join(map(str, log.in_order()))
        write(generate(modules, without), out, True)
        module = modules["m.M"]
        return Compiled(module, rewrite(lower(module), without), out)

    return compiled
