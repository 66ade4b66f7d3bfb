"""What several equations have in common is computed once, where it lasts."""

from __future__ import annotations

from pathlib import Path

import pytest
from lawful.compiler.build import generate
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load
from lawful.compiler.outputs import write
from lawful.verifier.candidate import generated
from lawful.verifier.verify import Options, verify_candidate

HEAD = "module M\nsize B, V\nindex b: B   v, w: V\ninput z[B, V]\n"
SPECS = {
    "angles": (
        "torch.cos(",
        1,
        HEAD + "angle[v] = v / V\n"
        "p[b,v] = z[b,v] * cos(angle[v]) + cos(angle[v])\n"
        "output q[b,w] = cos(angle[w]) - p[b,w] * cos(angle[w])\n",
    ),
    "what follows the inputs' format": (
        "torch.cos(",
        2,
        HEAD + "p[b,v] = z[b,v] * cos(z[b,v]) + cos(z[b,v])\n"
        "output q[b,v] = cos(z[b,v]) - p[b,v] * cos(z[b,v])\n",
    ),
}


@pytest.mark.parametrize(("code", "times", "spec"), SPECS.values(), ids=SPECS)
def test_what_equations_share(code: str, times: int, spec: str, tmp_path: Path) -> None:
    root, out = tmp_path / "spec", tmp_path / "generated"
    root.mkdir()
    (root / "m.eq").write_text(spec, encoding="utf-8")
    log = Log()
    modules = load(root, log)
    assert not log.failed, "\n".join(map(str, log.in_order()))
    write(generate(modules), out, True)
    assert (out / "m.py").read_text(encoding="utf-8").count(code) == times
    options = Options(level="quick", dtypes=("float64", "bfloat16"))
    report = verify_candidate(modules["m.M"], generated(modules["m.M"], out), options)
    assert report.ok, str(report)
