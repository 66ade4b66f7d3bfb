"""Sizes and consts: they satisfy what is required, differ from one another and from defaults."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import lawful
import pytest
from lawful.compiler import typed as t
from lawful.compiler.source import Source, Span
from lawful.verifier import settings
from lawful.verifier.index_conditions import index_conditions
from lawful.verifier.settings import (
    FAR,
    LARGEST,
    NoSetting,
    Setting,
    choose,
    default_of,
    evaluate,
    limits,
    tells,
    with_derived,
)

SPAN = Span(Source("test.eq", ""), 0, 0)
Spec = Callable[[str], t.Module]


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    """A module M with these declarations, and an output that uses every const."""

    def load(declarations: str) -> t.Module:
        lines = re.findall("^const (.*)$", declarations, re.MULTILINE)
        consts = [const.split("=")[0] for line in lines for const in line.split(",")]
        text = f"module M\n{declarations}\noutput y = {' + '.join(consts) or 1}\n"
        (tmp_path / "m.eq").write_text(text, encoding="utf-8")
        return lawful.load("m.M", tmp_path)

    return load


def settings_of(
    module: t.Module, *, shortest: bool = False, defaults: bool = True, n: int = 20
) -> list[Setting]:
    return [
        choose(module, random.Random(seed), shortest=shortest, defaults=defaults)
        for seed in range(n)
    ]


FOUR = "size B, T, H, K\nindex b: B t: T h: H k: K"


# --- sizes -------------------------------------------------------------------------------------


def test_sizes_differ_from_one_another_and_from_1_and_2(spec: Spec) -> None:
    for setting in settings_of(spec(FOUR)):
        sizes = list(setting.sizes.values())
        assert len(set(sizes)) == 4 and min(sizes) >= 3, setting


def test_sizes_are_reproducible_and_vary_with_the_seed(spec: Spec) -> None:
    module = spec(FOUR)
    found = settings_of(module)
    assert found == settings_of(module)
    assert len({tuple(setting.sizes.values()) for setting in found}) > 3


def test_the_shortest_setting_has_the_smallest_sizes_there_are(spec: Spec) -> None:
    for setting in settings_of(spec(FOUR), shortest=True):
        assert set(setting.sizes.values()) == {1}
    module = spec("size B, H, D = 2 * H\nrequire B > H, H % 2 == 0")
    for setting in settings_of(module, shortest=True):
        assert setting.sizes == {"B": 3, "H": 2, "D": 4}


def test_every_requirement_holds(spec: Spec) -> None:
    module = spec(
        "size H, G, K, D = H * K, R = H // G\n"
        "const a = 1, w = 3\n"
        "const c\n"
        "require H % G == 0, K % 2 == 0, H > G, 0 < c <= 2, a * K >= c, w <= H"
    )
    for shortest in (False, True):
        for defaults in (False, True):
            for setting in settings_of(module, shortest=shortest, defaults=defaults, n=4):
                s, c = setting.sizes, setting.consts
                assert list(s) == ["H", "G", "K", "D", "R"] and list(c) == ["a", "w", "c"]
                assert s["D"] == s["H"] * s["K"] and s["R"] == s["H"] // s["G"]
                assert s["H"] % s["G"] == 0 and s["K"] % 2 == 0 and s["H"] > s["G"]
                assert 0 < c["c"] <= 2 and c["a"] * s["K"] >= c["c"] and c["w"] <= s["H"]


def test_sizes_are_found_that_few_settings_have(spec: Spec) -> None:
    module = spec("size B, T, H\nrequire B == 2, T == 2, H == 2")
    for setting in settings_of(module, n=3):
        assert set(setting.sizes.values()) == {2}


def test_a_single_size_makes_no_case_of_three_numbers(spec: Spec) -> None:
    assert {s.sizes["B"] for s in settings_of(spec("size B"), n=5)} == {7}
    assert {sum(s.sizes.values()) for s in settings_of(spec("size B, T"), n=5)} == {7}


def test_sizes_give_way_where_the_defaults_of_consts_ask_for_it(spec: Spec) -> None:
    module = spec("size T, B\nconst w = 6\nrequire w < T")
    for shortest in (False, True):
        for setting in settings_of(module, shortest=shortest, n=5):
            assert setting.sizes["T"] == 7 and setting.consts == {"w": 6}
    assert choose(module, random.Random(0), shortest=True, defaults=True).sizes["B"] <= 2


@pytest.mark.parametrize(
    "declarations",
    [
        "size B\nrequire B > 100",
        "size B\nrequire B % 2 == 0, B % 2 == 1",
        "size B, C = B - 9",
        "const c\nrequire c > 0, c < 0",
        "size B\nconst c\nrequire c > B + 100",
        "const c = 3\nrequire log(c - 4) < 1",
        "const c = inf\nrequire c > 100, 1 / c > 0",
        "const c = inf - inf",
    ],
)
def test_what_cannot_be_satisfied_is_no_setting(spec: Spec, declarations: str) -> None:
    module = spec(declarations)
    for shortest in (False, True):
        with pytest.raises(NoSetting):
            choose(module, random.Random(0), shortest=shortest, defaults=True)


def test_an_undefined_requirement_does_not_hold_and_does_not_stop_the_search(spec: Spec) -> None:
    module = spec(
        "size B\nconst c\nrequire 1 / (B - 3) > 0, sqrt(c - 2) > 0, c > 1 or (-c)^0.5 >= 0"
    )
    for setting in settings_of(module, n=8):
        assert setting.sizes["B"] > 3 and setting.consts["c"] > 2


def test_derived_sizes_follow_in_any_order(spec: Spec) -> None:
    module = spec("size D = H * K, K = H + 1, H")
    assert with_derived(module, {"H": 3}) == {"D": 12, "K": 4, "H": 3}


def test_a_derived_size_below_1_is_no_setting(spec: Spec) -> None:
    module = spec("size B, C = B - 2")
    assert with_derived(module, {"B": 3})["C"] == 1
    with pytest.raises(NoSetting):
        with_derived(module, {"B": 2})


def test_a_size_that_nothing_gives_is_a_key_error(spec: Spec) -> None:
    module = spec("size B, C = B + 1")
    with pytest.raises(KeyError, match="B"):
        with_derived(module, {})


# --- conditions on indices ---------------------------------------------------------------------

WINDOW = """\
size T, U, W
index t: T u: U
input x[U]
output o[t] = sum[u if t + U - T - W < u <= t + U - T] x[u]"""


def test_sizes_are_such_that_a_window_cuts(spec: Spec) -> None:
    """A window that holds every key would tell nothing of where it ends."""
    module = spec(WINDOW)
    assert len(index_conditions(module)) == 2
    for setting in settings_of(module):
        assert setting.sizes["W"] < setting.sizes["U"]


def test_windows_often_cut_nothing_where_conditions_are_not_asked(
    spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = spec(WINDOW)
    monkeypatch.setattr(settings, "index_conditions", lambda module: [])
    assert sum(s.sizes["W"] >= s.sizes["U"] for s in settings_of(module)) > 5


def test_consts_that_are_compared_with_indices_cut_off_their_defaults(spec: Spec) -> None:
    module = spec(
        "size T\nindex t, u: T\ninput x[T]\nconst W = 4096\n"
        "output o[t] = sum[u if u <= t and t - u < W] x[u]"
    )
    for setting in settings_of(module, defaults=False):
        assert 0 < setting.consts["W"] < setting.sizes["T"]
    assert settings_of(module, n=1)[0].consts["W"] == 4096


def test_a_condition_that_can_tell_nothing_leaves_the_best_there_is(spec: Spec) -> None:
    module = spec(WINDOW + "\nz[t] = if t < T then o[t] else 0\noutput p[t] = z[t]")
    for setting in settings_of(module, n=5):
        assert setting.sizes["W"] < setting.sizes["U"]
    module = spec(WINDOW + "\nrequire W >= U")
    for setting in settings_of(module, n=5):
        assert setting.sizes["W"] >= setting.sizes["U"]


def test_a_part_of_a_condition_tells_only_where_the_others_hold(spec: Spec) -> None:
    module = spec(
        "size T, W\nindex t, u: T\ninput x[T]\n"
        "output o[t] = sum[u if u <= t and t - u < W and u < t + W] x[u]"
    )
    order, window, future = index_conditions(module)
    assert tells(order, {"T": 3, "W": 2}, {}) and tells(window, {"T": 3, "W": 2}, {})
    assert not tells(order, {"T": 1, "W": 1}, {}) and not tells(window, {"T": 3, "W": 3}, {})
    assert not tells(future, {"T": 3, "W": 1}, {}), "u <= t has said it"


def test_conditions_that_read_tensors_are_not_asked(spec: Spec) -> None:
    module = spec(
        "size T\nindex t, u: T\ninput x[T], n in T\n"
        "output o[t] = sum[u if u < n or x[u] > 0 or (count[t] (t < n)) > u] x[u]"
    )
    assert index_conditions(module) == []


# --- sizes that are no axis --------------------------------------------------------------------


def test_positions_that_cost_nothing_are_large(spec: Spec) -> None:
    module = spec("size T, N\nindex t: T\ninput pos[T] in N\noutput o[t] = 2 * pos[t]")
    for setting in settings_of(module):
        assert FAR // 2 <= setting.sizes["N"] <= FAR and 3 <= setting.sizes["T"] <= LARGEST
    for setting in settings_of(module, shortest=True):
        assert setting.sizes == {"T": 1, "N": 1}


@pytest.mark.parametrize(
    "declarations",
    [
        "input x[T] in N\nparam W[N] = 0\noutput o[t] = W[x[t]]",
        "index n: N\ninput x[T] in N\noutput o[t] = sum[n] [x[t] <= n]",
        "size M = N + 1\nindex m: M\ninput x[T] in N\noutput o[t,m] = x[t] - m",
        "input x[T] in N\nrequire N <= T\noutput o[t] = x[t]",
    ],
)
def test_domains_that_are_axes_or_bounded_stay_small(spec: Spec, declarations: str) -> None:
    module = spec("size T, N\nindex t: T\n" + declarations)
    for setting in settings_of(module, n=5):
        assert max(setting.sizes.values()) <= LARGEST + 1


# --- consts ------------------------------------------------------------------------------------

CONSTS = """\
const one = 1, small = 0.1, zero = 0, minus = -2, large = 1000, half = 1 / 2
const free
"""


def test_defaults_are_exact(spec: Spec) -> None:
    module = spec(CONSTS + "const root = sqrt(2)")
    for setting in settings_of(module, n=5):
        assert {name: setting.consts[name] for name in ("one", "small", "zero", "minus")} == {
            "one": 1,
            "small": Fraction(1, 10),
            "zero": 0,
            "minus": -2,
        }
        assert setting.consts["half"] == Fraction(1, 2)
        assert setting.consts["root"] == Fraction(math.sqrt(2))
    assert default_of(module.consts["free"]) is None


def test_a_const_may_be_infinite(spec: Spec) -> None:
    module = spec(
        "const top = inf, low = -inf, huge = exp(inf)\nrequire low < 0 * top, top > 1 / 8"
    )
    for setting in settings_of(module, n=5):
        assert setting.consts == {"top": math.inf, "low": -math.inf, "huge": math.inf}
    for setting in settings_of(module, defaults=False, n=20):
        assert all(math.isfinite(value) for value in setting.consts.values())
        assert setting.consts["low"] < 0 < setting.consts["top"]


def test_off_their_defaults_consts_differ_keep_their_sign_and_scale_and_are_dyadic(
    spec: Spec,
) -> None:
    module = spec(CONSTS)
    seen: dict[str, set[Fraction]] = {name: set() for name in module.consts}
    for setting in settings_of(module, defaults=False, n=60):
        for name, const in module.consts.items():
            value, default = setting.consts[name], default_of(const)
            seen[name].add(value)
            assert value != default
            assert value.denominator & (value.denominator - 1) == 0, "exact in every format"
            assert (value.numerator // (value.numerator & -value.numerator)).bit_length() <= 4
            if default:
                assert 1 / 6 < value / default < 8
    assert all(len(values) >= 4 for values in seen.values())


def test_off_their_defaults_consts_satisfy_what_is_required(spec: Spec) -> None:
    module = spec("const p = 1, q = 0.9\nrequire 0 < p <= 1, p <= q, q < 1")
    for setting in settings_of(module, defaults=False):
        assert 0 < setting.consts["p"] <= setting.consts["q"] < 1


def test_a_switch_is_turned_and_a_default_that_alone_will_do_is_kept(spec: Spec) -> None:
    switch = spec("const on = 1\nrequire on == 0 or on == 1")
    assert {s.consts["on"] for s in settings_of(switch, defaults=False)} == {0}
    fixed = spec("const n = 0.1\nrequire n == 0.1")
    assert settings_of(fixed, defaults=False, n=1)[0].consts["n"] == Fraction(1, 10)


LIMITS = """\
size B
const share = 0.5, mode = 0, eps = 0.1, at_least = 1, open = 2, of_size = 1, of_const = 1
require 0 <= share <= 1, mode == 0 or mode == 1 or mode == 2, eps >= 0
require at_least >= 1, 0 < open < 9, of_size <= B, of_const <= open + share, eps <= inf
"""


def test_limits_are_the_numbers_that_a_const_may_equal_and_is_compared_with(spec: Spec) -> None:
    assert limits(spec(LIMITS)) == {"share": [0, 1], "mode": [0, 1, 2], "eps": [0]}
    assert limits(spec("const c = 1\nrequire c >= log(-1) or c >= 1 / 0")) == {}


def test_consts_are_at_their_limits_one_after_another_and_else_at_their_defaults(
    spec: Spec,
) -> None:
    module = spec(LIMITS)
    for limit, wanted in enumerate([(0, 0, 0), (1, 1, 0), (0, 2, 0)]):
        setting = choose(module, random.Random(0), shortest=False, defaults=True, limit=limit)
        assert tuple(setting.consts[name] for name in ("share", "mode", "eps")) == wanted
        assert setting.consts["open"] == 2 and setting.consts["at_least"] == 1


def test_limits_that_exclude_one_another_are_no_setting(spec: Spec) -> None:
    module = spec("const a = 2, b = 1\nrequire a >= 0, b >= 0, a > b")
    with pytest.raises(NoSetting):
        choose(module, random.Random(0), shortest=False, defaults=True, limit=0)


# --- evaluate ----------------------------------------------------------------------------------


def real(value: str) -> t.Expr:
    return t.Number(SPAN, Fraction(value), "real")


def whole(value: int) -> t.Expr:
    return t.Number(SPAN, Fraction(value), "int")


TRUE, FALSE = t.Truth(SPAN, True), t.Truth(SPAN, False)
K, C, MISSING = t.SizeRef(SPAN, "K"), t.ConstRef(SPAN, "c"), t.SizeRef(SPAN, "missing")
BROKEN = t.IntDiv(SPAN, "//", whole(1), whole(0))


def call(name: str, *arguments: t.Expr) -> t.Expr:
    return t.Function(SPAN, name, arguments, "real")


def add(*terms: tuple[int, t.Expr]) -> t.Expr:
    return t.Add(SPAN, terms, "real")


SQUARE = t.Apply(
    SPAN,
    "square",
    ("x",),
    (add((1, K), (1, whole(1))),),
    t.Mul(SPAN, 2 * (("*", t.ArgumentRef(SPAN, "x", "real")),), "real"),
    False,
    "real",
)
EXACT: dict[str, tuple[t.Expr, int | Fraction | bool | float]] = {
    "integer": (whole(3), 3),
    "decimal": (real("0.1"), Fraction(1, 10)),
    "true": (TRUE, True),
    "pi": (t.Constant(SPAN, "pi"), math.pi),
    "inf": (t.Constant(SPAN, "inf"), math.inf),
    "size": (K, 5),
    "const": (C, Fraction(1, 3)),
    "sum": (add((1, K), (-1, C), (1, real("0.5"))), Fraction(31, 6)),
    "product": (t.Mul(SPAN, (("*", K), ("*", C), ("/", whole(2))), "real"), Fraction(5, 6)),
    "quotient of integers": (
        t.Mul(SPAN, (("*", whole(1)), ("/", whole(3))), "real"),
        Fraction(1, 3),
    ),
    "floor division": (t.IntDiv(SPAN, "//", whole(-7), whole(2)), -4),
    "remainder": (t.IntDiv(SPAN, "%", whole(-7), K), 3),
    "power": (t.Power(SPAN, C, whole(-2)), 9),
    "root": (t.Power(SPAN, whole(9), real("0.5")), 3.0),
    "0 ^ 0": (t.Power(SPAN, whole(0), whole(0)), 1),
    "and": (t.And(SPAN, (TRUE, FALSE, t.Not(SPAN, BROKEN))), False),
    "or": (t.Or(SPAN, (FALSE, TRUE, t.Not(SPAN, BROKEN))), True),
    "not": (t.Not(SPAN, TRUE), False),
    "bracket": (t.Iverson(SPAN, TRUE), 1),
    "if": (t.If(SPAN, TRUE, K, BROKEN, "int"), 5),
    "else": (t.If(SPAN, FALSE, BROKEN, C, "real"), Fraction(1, 3)),
    "def": (SQUARE, 36),
    "min": (call("min", K, C, whole(2)), Fraction(1, 3)),
    "max": (call("max", K, C), 5),
    "abs": (call("abs", real("-0.1")), Fraction(1, 10)),
    "floor": (call("floor", real("-1.5")), -2),
    "ceil": (call("ceil", real("1.1")), 2),
    "sign": (call("sign", real("-0.1")), -1),
    "sqrt": (call("sqrt", real("2.25")), 1.5),
    "exp": (call("exp", whole(1)), math.e),
    "log": (call("log", whole(2)), math.log(2)),
    "log of 0": (call("log", whole(0)), -math.inf),
    "log1p": (call("log1p", whole(1)), math.log(2)),
    "expm1": (call("expm1", whole(1)), math.expm1(1)),
    "sin": (call("sin", whole(1)), math.sin(1)),
    "cos": (call("cos", whole(1)), math.cos(1)),
    "tanh": (call("tanh", whole(1)), math.tanh(1)),
    "erf": (call("erf", whole(1)), math.erf(1)),
    "stop": (call("stop", C), Fraction(1, 3)),
}


@pytest.mark.parametrize("name", EXACT)
def test_expressions_of_sizes_and_consts_have_their_exact_value(name: str) -> None:
    expr, wanted = EXACT[name]
    got = evaluate(expr, {"K": 5}, {"c": Fraction(1, 3)})
    assert got == wanted
    assert isinstance(got, float) == isinstance(wanted, float), "exact where it can be"


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">=", "==", "!="])
def test_comparisons_of_integers_and_reals_are_exact(operator: str) -> None:
    tenth = add((1, real("0.1")), (1, real("0.2")))
    for left, right in ((tenth, real("0.3")), (K, whole(6)), (K, t.Constant(SPAN, "inf"))):
        expr = t.Compare(SPAN, operator, left, right)  # type: ignore[arg-type]
        wanted = operator in (("<=", ">=", "==") if left is tenth else ("<", "<=", "!="))
        assert evaluate(expr, {"K": 5}, {}) is wanted


def test_a_name_without_a_value_is_a_key_error() -> None:
    for expr in (MISSING, C, t.Iverson(SPAN, t.Compare(SPAN, "<", MISSING, C))):
        with pytest.raises(KeyError):
            evaluate(expr, {"K": 5}, {})


@pytest.mark.parametrize(
    "expr",
    [
        BROKEN,
        t.Mul(SPAN, (("*", K), ("/", whole(0))), "real"),
        call("log", whole(-1)),
        call("sqrt", whole(-1)),
        t.Power(SPAN, whole(-1), real("0.5")),
        t.Power(SPAN, whole(0), whole(-1)),
        call("exp", whole(10_000)),
    ],
)
def test_what_is_undefined_or_too_large_raises(expr: t.Expr) -> None:
    with pytest.raises((ArithmeticError, ValueError)):
        evaluate(expr, {"K": 5}, {})


def test_huge_powers_are_not_worked_out() -> None:
    nine = whole(9)
    for exponent in (whole(10**6), t.Power(SPAN, nine, nine)):
        with pytest.raises(ArithmeticError):
            evaluate(add((1, t.Power(SPAN, nine, exponent)), (-1, whole(1))), {}, {})
