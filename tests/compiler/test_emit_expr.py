"""What several equations have in common is computed once, where it lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Compile

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
def test_what_equations_share(code: str, times: int, spec: str, compile_spec: Compile) -> None:
    made = compile_spec(spec)
    assert made.code.count(code) == times
    report = made.verify(("float64", "bfloat16"))
    assert report.ok, str(report)
