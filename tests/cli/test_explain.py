"""`lawful explain`: every equation beside its code and the checks that hold it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Run = Callable[..., tuple[int, str, str]]

LAWS = """module Kept
"What is kept."
source "A paper"
size T
index t: T
input x[T]
input m[T] in bool
a[t] = 2 *
    # a comment
    x[t]
h[0] = 1
h[t+1] = h[t] * a[t]
output y = h[T]
output n = count[t] (m[t])
top = max[t] a[t]
law bound: a[t] <= top
law twice: y' == y   with m'[t] = true
"""

SCALE = """scale.Scale    spec/scale.eq:1
  Twice γ.

(1)  spec/scale.eq:7
  output y[b] = γ * x[b]
  y_{{b}} = \\gamma\\,x_{{b}}
  generated/scale.py:{line}
  {line} | # output y[b] = γ * x[b]    (scale.eq:7)
  {next} | y = gamma * x
  held by: values of y; gradients of y

To hold all of it: lawful verify scale.Scale
"""


def test_a_module_as_a_page(project: Path, lawful: Run) -> None:
    lawful("build")
    lines = (project / "generated" / "scale.py").read_text(encoding="utf-8").split("\n")
    line = lines.index("    # output y[b] = γ * x[b]    (scale.eq:7)") + 1
    assert lawful("explain", "scale.Scale") == (0, SCALE.format(line=line, next=line + 1), "")


def test_before_a_build_there_is_no_code(project: Path, lawful: Run) -> None:
    status, out, _ = lawful("explain", "scale")
    assert status == 0
    assert "  no code: there is no generated/scale.py; lawful build writes it\n" in out


def test_a_name_may_select_several(project: Path, lawful: Run) -> None:
    status, out, _ = lawful("explain", "*.S*")
    assert status == 0 and "parts.shift.Shift" in out and "scale.Scale" in out


def test_sequences_laws_and_what_depends_on_what(project: Path, lawful: Run) -> None:
    (project / "spec" / "kept.eq").write_text(LAWS, encoding="utf-8")
    lawful("build")
    parts = lawful("explain", "kept")[1].split("\n\n")
    assert parts[0].endswith("Source: A paper")
    assert "  a[t] = 2 * x[t]\n  a_{t} = 2 x_{t}\n" in parts[1]
    assert parts[1].endswith("held by: values of y; gradients of y; laws bound, twice")
    assert parts[2].startswith("(2)  spec/kept.eq:11, spec/kept.eq:12\n  h[0] = 1\n  h[t+1]")
    assert "h_{0} &= 1 \\\\ h_{t + 1} &= h_{t}\\,a_{t}" in parts[2]
    assert parts[2].count("generated/kept.py:") == 2
    assert parts[4].endswith("held by: values of n")
    assert parts[5].endswith("  no code of its own\n  held by: law bound")
    assert parts[6] == "[1]  spec/kept.eq:16\n  law bound: a[t] <= top\n  a_{t} \\le \\mathrm{top}"


def test_the_shipped_library(nowhere: Path, lawful: Run) -> None:
    status, out, _ = lawful("explain", "lawful.losses.dpo.DPO")
    assert status == 0 and out.endswith("lawful verify lawful.losses.dpo.DPO\n")


def test_wrong_usage_and_wrong_specs(project: Path, lawful: Run) -> None:
    assert lawful("explain", "nothing.Here")[0] == 2
    assert lawful("explain")[0] == 2
    (project / "spec" / "scale.eq").write_text("module M\noutput y = z\n", encoding="utf-8")
    assert lawful("explain", "scale")[0] == 1
