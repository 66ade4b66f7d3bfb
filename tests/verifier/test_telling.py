"""Cases at which all that a module is given has an effect."""

from __future__ import annotations

from pathlib import Path

import lawful
import pytest
from lawful.compiler.typed import Module
from lawful.verifier.flatten import flatten
from lawful.verifier.plan import Options, all_cases
from lawful.verifier.regimes import REGIMES, case
from lawful.verifier.telling import given, most_telling, without_effect

SPEC = """
module Late
size B, T
index b: B  t: T
input x[B, T], m[B]
const after = 0, times = 2
require 0 <= after, after <= 4
output y[b] = sum[t if t >= 1 + after] (x[b,t] + times * m[b])

module Never
size B
index b: B
input x[B], z[B]
const c = 2
output y[b] = c * x[b] + 0 * z[b]
"""


@pytest.fixture
def specs(tmp_path: Path) -> dict[str, Module]:
    (tmp_path / "m.eq").write_text(SPEC, encoding="utf-8")
    return {n: flatten(lawful.load(f"m.{n}", tmp_path)) for n in ("Late", "Never")}


def test_what_has_no_effect_is_told(specs: dict[str, Module]) -> None:
    never = specs["Never"]
    the_case = case(never, REGIMES[0], 0, 24)
    assert given(never) == ["x", "z", "c"]
    assert list(without_effect(never, the_case, given(never))) == ["z"]


def test_settings_are_tried_until_all_has_an_effect(specs: dict[str, Module]) -> None:
    late, consts = specs["Late"], next(r for r in REGIMES if r.telling)
    for seed in range(6):
        the_case = most_telling(late, consts, seed, 24, 0)
        assert list(without_effect(late, the_case, given(late))) == []
    of_one_row = case(late, next(r for r in REGIMES if r.shortest), 0, 24)
    assert of_one_row.setting.sizes["T"] == 1
    assert list(without_effect(late, of_one_row, given(late))) == ["x", "m", "after", "times"]


def test_a_run_has_such_a_case_in_both_groups_of_formats(specs: dict[str, Module]) -> None:
    late = specs["Late"]
    options = Options(dtypes=("float32", "bfloat16"), regime="consts")
    fine, coarse = all_cases(late, options)
    assert fine.setting == coarse.setting and (fine.bits, coarse.bits) == (24, 8)
    assert list(without_effect(late, fine, given(late))) == []
