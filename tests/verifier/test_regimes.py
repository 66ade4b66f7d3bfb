"""Inputs: exact in every format that shares them, reproducible, and what their regime claims."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import lawful
import numpy as np
import pytest
import torch
from lawful.compiler import typed as t
from lawful.verifier.plan import Options, regimes
from lawful.verifier.regimes import MASKS, REGIMES, Case, Regime, case, rounded, shape_of
from lawful.verifier.settings import NoSetting
from lawful.verifier.verify import BITS

SPEC = """\
module M
size B, T, D, V
index b: B  t: T  d: D
input x[B, T, D]
input w[B, T]
input r
input tok[B, T] in V
input m[B, T] in bool
input on in bool
param W[V, D] ~ normal(std = 0.02)
param gain[D] = 1
param bias[D] = 0
output s = r + sum[b, t] [m[b,t] and on] * w[b,t]
output y[b, t] = sum[d] (gain[d] * x[b,t,d] * W[tok[b,t], d] + bias[d])
output n[b] = count[t] (m[b,t])

module Sampler
size B, V
index b: B  v: V
input z[B, V]
input r
const p = 1
random u[B, V] ~ uniform(0, 1)
random h[B] ~ uniform(low = 1, high = 2)
random k[B] ~ uniform(low = -0.7, high = 0.7)
random e[B, V] ~ exponential()
random g[B, V] ~ gumbel()
random a[B, V] ~ normal(mean = 1, std = 0.5)
require 0 < p <= 1
output y[b] = p * r * h[b] * k[b] * sum[v] (z[b,v] + u[b,v] + e[b,v] + g[b,v] + a[b,v])
"""
SEEDS = range(4)
GROUPS = {bits: [d for d in BITS if BITS[d] == bits] for bits in sorted(set(BITS.values()))}
BY_NAME = {regime.name: regime for regime in REGIMES}


Spec = Callable[[str], t.Module]


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    def load(text: str) -> t.Module:
        (tmp_path / "m.eq").write_text("module M\n" + text + "\n", encoding="utf-8")
        return lawful.load("m.M", tmp_path)

    return load


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, t.Module]:
    root = tmp_path_factory.mktemp("spec")
    (root / "m.eq").write_text(SPEC, encoding="utf-8")
    return {name: lawful.load(f"m.{name}", root) for name in ("M", "Sampler")}


def cases(
    module: t.Module, names: list[str] | None = None, bits: list[int] | None = None
) -> Iterator[tuple[Regime, Case]]:
    for regime in REGIMES if names is None else [BY_NAME[name] for name in names]:
        for group in bits or GROUPS:
            for seed in SEEDS:
                for repeat in range(regime.repeats):
                    yield regime, case(module, regime, seed, group, repeat)


def reals(module: t.Module, the_case: Case) -> Iterator[tuple[t.Variable, Any]]:
    for name, tensor in the_case.tensors.items():
        variable = module.variable(name)
        assert variable is not None
        if variable.type == "real":
            yield variable, np.asarray(tensor)


# --- exact in the formats under test -----------------------------------------------------------


@pytest.mark.parametrize("name", ["M", "Sampler"])
def test_every_real_number_is_exact_in_every_format_of_its_group(
    modules: Mapping[str, t.Module], name: str
) -> None:
    tried = 0
    for regime, the_case in cases(modules[name]):
        for variable, tensor in reals(modules[name], the_case):
            mantissa = np.ldexp(np.frexp(tensor)[0], the_case.bits)
            assert (mantissa == np.round(mantissa)).all(), (regime.name, variable.name)
            for dtype in GROUPS[the_case.bits]:
                given = torch.from_numpy(np.array(tensor)).to(getattr(torch, dtype))
                assert np.array_equal(given.double().numpy(), tensor), (regime.name, dtype)
            tried += tensor.size
    assert tried > 8_000


def test_formats_that_share_their_inputs_are_as_documented() -> None:
    assert GROUPS == {8: ["bfloat16", "float16"], 24: ["float64", "float32"]}


@pytest.mark.parametrize("bits", GROUPS)
def test_rounded_gives_the_nearest_number_of_the_formats(bits: int) -> None:
    dtype = torch.float16 if bits == 8 else torch.float32
    least = float(torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps)
    x = np.random.default_rng(0).standard_normal(10_000)
    x = x * np.exp2(np.arange(10_000) % 40 - 30 if bits == 8 else np.arange(10_000) % 200 - 160)
    got = rounded(x, bits)
    unit = np.maximum(np.exp2(np.floor(np.log2(np.abs(x))) + 1 - bits), least)
    assert (np.abs(got - x) <= unit / 2).all() and (got / unit == np.round(got / unit)).all()
    below, above = rounded(x, bits, np.floor), rounded(x, bits, np.ceil)
    assert (below <= x).all() and (x <= above).all() and (above - below == unit).all()
    tie = 1 + np.exp2(-float(bits))
    assert rounded(np.array(tie), bits) == 1 and rounded(np.array(-tie), bits) == -1
    assert rounded(np.array(0.0), bits) == 0
    assert rounded(got, bits).tobytes() == got.tobytes(), "twice is once"


# --- reproducible ------------------------------------------------------------------------------


def test_a_case_is_its_arguments_and_nothing_else(modules: Mapping[str, t.Module]) -> None:
    for module in modules.values():
        for regime in REGIMES:
            np.random.seed(0)
            one = case(module, regime, 3, 24)
            np.random.seed(1)
            again = case(module, regime, 3, 24)
            assert one.setting == again.setting
            for mine, other in ((one.tensors, again.tensors), (one.cotangents, again.cotangents)):
                assert list(mine) == list(other)
                assert all(np.array_equal(mine[name], other[name]) for name in mine)


@pytest.mark.parametrize("regime", REGIMES, ids=lambda regime: regime.name)
def test_seeds_and_repeats_differ(modules: Mapping[str, t.Module], regime: Regime) -> None:
    module = modules["Sampler"]

    def print_of(seed: int, repeat: int) -> bytes:
        made = case(module, regime, seed, 24, repeat)
        return repr(made.setting).encode() + b"".join(
            np.asarray(x).tobytes() for x in (*made.tensors.values(), *made.cotangents.values())
        )

    prints = [print_of(seed, repeat) for seed in range(3) for repeat in range(3)]
    assert len(set(prints)) == len(prints)


def test_sizes_differ_between_seeds(modules: Mapping[str, t.Module]) -> None:
    for module in modules.values():
        sizes = [case(module, BY_NAME["typical"], seed, 24).setting.sizes for seed in range(6)]
        assert len({tuple(each.values()) for each in sizes}) > 1


def test_every_tensor_has_its_declared_shape_and_type(modules: Mapping[str, t.Module]) -> None:
    for module in modules.values():
        for _, the_case in cases(module):
            variables = {**module.inputs, **module.params, **module.randoms}
            assert list(the_case.tensors) == list(variables)
            for name, variable in variables.items():
                tensor = np.asarray(the_case.tensors[name])
                assert tensor.shape == shape_of(variable.dims, the_case.setting)
                assert tensor.dtype == {"real": "f8", "int": "i8", "bool": "?"}[variable.type]
                if variable.type == "int":
                    assert tensor.min() >= 0 and tensor.max() < the_case.setting.sizes["V"]


def test_cotangents_are_of_real_outputs_alone_and_all_their_own(
    modules: Mapping[str, t.Module],
) -> None:
    for _, the_case in cases(modules["M"]):
        assert set(the_case.cotangents) == {"s", "y"}
        y, sizes = the_case.cotangents["y"], the_case.setting.sizes
        assert y.shape == (sizes["B"], sizes["T"])
        assert len(np.unique(y)) > y.size / 2
        assert y.size < 12 or ((y < 0).any() and (y > 0).any())
        assert not (np.abs(y) == 1).all() and (y != 0).all()
        assert np.array_equal(rounded(y, 8), y), "exact in every format"


# --- what each regime claims -------------------------------------------------------------------


def test_regimes_have_names_of_their_own_and_a_claim() -> None:
    assert len(BY_NAME) == len(REGIMES)
    assert all(regime.claim for regime in REGIMES)
    quick = {regime.name for regime in REGIMES if regime.quick}
    assert {"typical", "consts", "extreme", "tiny", "ties", "ragged", "empty", "shortest"} <= quick
    assert {"confident", "log_probs"} <= quick


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("typical", 0.5, 2), ("large", 15, 60), ("tiny", 2.0**-11, 2.0**-9), ("offset", 2, 5)],
)
def test_inputs_have_the_size_that_the_regime_claims(
    modules: Mapping[str, t.Module], name: str, low: float, high: float
) -> None:
    for _, the_case in cases(modules["M"], [name]):
        x = the_case.tensors["x"]
        assert low < math.sqrt(np.mean(x * x)) < high
        assert (abs(x.mean()) / math.sqrt(np.mean(x * x)) > 0.7) == (name == "offset")
        for param in ("W", "gain", "bias"):
            assert np.abs(the_case.tensors[param]).max() < 4, "params stay moderate"


def test_params_scatter_around_where_they_start(modules: Mapping[str, t.Module]) -> None:
    gains, biases = (
        np.concatenate([c.tensors[name] for _, c in cases(modules["M"])])
        for name in ("gain", "bias")
    )
    assert 0.9 < gains.mean() < 1.1 and -0.1 < biases.mean() < 0.1
    assert gains.std() > 0.3 and biases.std() > 0.3, "neither is at its start"


def test_extreme_holds_1e4_of_either_sign_and_numbers_much_smaller(
    modules: Mapping[str, t.Module],
) -> None:
    for _, the_case in cases(modules["M"], ["extreme"]):
        x = the_case.tensors["x"]
        top = 1e4 if the_case.bits == 24 else 9984.0
        assert np.abs(x).max() == top
        assert (x == top).any() and (x == -top).any()
        assert (np.abs(x) <= 1).any()


def test_confident_has_rows_near_one_hot_whose_classes_the_integers_often_name(
    modules: Mapping[str, t.Module],
) -> None:
    named = []
    for _, the_case in cases(modules["M"], ["confident"]):
        x = the_case.tensors["x"]
        p = np.exp(x - x.max(-1, keepdims=True))
        p = p.max(-1) / p.sum(-1)
        assert (p > 0.5).all() and (p < 1).all()
        assert (p > 0.99).any(), "one minus p is lost in 16 bits"
        named.append((x.argmax(-1) == the_case.tensors["tok"]).mean())
        assert the_case.tensors["m"].all()
    assert 0.4 < np.mean(named) < 0.9


def test_log_probs_come_near_0_and_underflow(modules: Mapping[str, t.Module]) -> None:
    for _, the_case in cases(modules["M"], ["log_probs"]):
        x = the_case.tensors["x"]
        assert (x <= 0).all() and x.min() >= -1024
        assert (x > -1e-4).any() and (np.exp(x) < 2.0**-126).any()
        assert the_case.bits == 8 or (x < 0).all(), "float16 holds no -1e-8"


def test_heavy_has_numbers_hundreds_of_times_the_others(modules: Mapping[str, t.Module]) -> None:
    whole = [np.abs(c.tensors["x"]).ravel() for _, c in cases(modules["M"], ["heavy"])]
    x = np.concatenate(whole)
    assert x.max() > 100 * np.median(x)
    assert x.max() < 1e4, "extreme is another regime"
    plain = [np.abs(c.tensors["x"]).ravel() for _, c in cases(modules["M"], ["typical"])]
    assert np.concatenate(plain).max() < 10


def test_low_rank_has_rows_that_are_one_row_and_some_that_repeat(
    modules: Mapping[str, t.Module],
) -> None:
    repeats = 0
    for _, the_case in cases(modules["M"], ["low_rank"]):
        x = the_case.tensors["x"]
        rows = x.reshape(-1, x.shape[-1])
        assert np.linalg.matrix_rank(rows) == 1
        repeats += len(np.unique(rows, axis=0)) < len(rows)
    assert repeats == len(GROUPS) * len(SEEDS)


def test_ties_has_ties(modules: Mapping[str, t.Module]) -> None:
    for _, the_case in cases(modules["M"], ["ties"]):
        x = the_case.tensors["x"]
        assert len(np.unique(x)) <= 5 < x.size
        assert any(len(np.unique(row)) < row.size for row in x.reshape(-1, x.shape[-1]))
    for _, the_case in cases(modules["Sampler"], ["ties"]):
        assert set((8 * the_case.tensors["u"]).ravel()) <= set(range(8)), "draws on a grid"


def test_boundary_has_rows_without_a_largest_entry(modules: Mapping[str, t.Module]) -> None:
    for _, the_case in cases(modules["Sampler"], ["boundary"]):
        assert all(len(np.unique(row)) == 1 for row in the_case.tensors["z"])
        assert the_case.setting.consts["p"] < 1, "off its default"
        assert set((8 * the_case.tensors["u"]).ravel()) <= set(range(8))


def test_shortest_has_the_smallest_sizes(modules: Mapping[str, t.Module]) -> None:
    for module in modules.values():
        for _, the_case in cases(module, ["shortest"]):
            assert set(the_case.setting.sizes.values()) == {1}
        for _, the_case in cases(module, ["typical"]):
            assert min(the_case.setting.sizes.values()) > 1


def test_consts_are_off_their_defaults_where_the_regime_says_so(
    modules: Mapping[str, t.Module],
) -> None:
    for regime, the_case in cases(modules["Sampler"], bits=[24]):
        assert (the_case.setting.consts["p"] == 1) == regime.defaults


def test_scattered_masks_admit_something() -> None:
    for seed in range(200):
        mask = MASKS["random"]((3,), np.random.default_rng(seed))
        assert mask.any()
    alone = {bool(MASKS["random"]((), np.random.default_rng(seed))) for seed in range(20)}
    assert alone == {True, False}


def test_masks_follow_their_pattern(modules: Mapping[str, t.Module]) -> None:
    patterns = {"empty": "none", "ties": "all", "ragged": "ragged", "tiny": "ragged"}
    assert {name: BY_NAME[name].masks for name in patterns} == patterns
    mixed = 0
    for regime, the_case in cases(modules["M"]):
        m = the_case.tensors["m"]
        lengths = m.sum(-1)
        match regime.masks:
            case "none":
                assert not m.any()
            case "all":
                assert m.all()
            case "ragged":
                assert (np.sort(~m, axis=-1) == ~m).all(), "what is admitted comes first"
                if m.shape[0] >= 3:
                    assert (lengths == 0).sum() == 1, "one row is empty"
                    assert (lengths == m.shape[1]).any() and len(set(lengths)) >= 3
            case _:
                mixed += m.any() and not m.all()
    assert mixed > 15


def test_regimes_are_for_modules_that_have_what_they_need(
    modules: Mapping[str, t.Module],
) -> None:
    def names(module: str, **options: Any) -> set[str]:
        return {regime.name for regime in regimes(modules[module], Options(**options))}

    by_need = {
        need: {regime.name for regime in REGIMES if regime.needs == need}
        for need in ("masks", "consts", "draws")
    }
    assert by_need == {
        "masks": {"ragged", "empty"},
        "consts": {"consts"},
        "draws": {"filters", "boundary", "tail"},
    }
    assert by_need["masks"] <= names("M")
    assert not (by_need["consts"] | by_need["draws"]) & names("M", level="full")
    assert by_need["consts"] | by_need["draws"] <= names("Sampler")
    assert not by_need["masks"] & names("Sampler", level="full")
    assert names("Sampler", regime="ragged") == {"ragged"}, "where it is asked for"


def test_draws_lie_in_their_range(modules: Mapping[str, t.Module]) -> None:
    for _, the_case in cases(modules["Sampler"]):
        drawn = the_case.tensors
        assert (drawn["u"] >= 0).all() and (drawn["u"] < 1).all()
        assert (drawn["h"] >= 1).all() and (drawn["h"] < 2).all()
        assert (np.abs(drawn["k"]) <= 0.7).all() and (drawn["k"] < 0.7).all()
        assert (drawn["e"] >= 0).all()
        assert all(np.isfinite(drawn[name]).all() for name in "ega")


def test_tail_draws_at_both_ends(modules: Mapping[str, t.Module]) -> None:
    ends: dict[int, set[float]] = {bits: set() for bits in GROUPS}
    for _, the_case in cases(modules["Sampler"], ["tail"]):
        ends[the_case.bits] |= set(the_case.tensors["u"].ravel())
    assert ends == {bits: {0.0, 1.0 - 2.0**-bits} for bits in GROUPS}


def test_sizes_that_cannot_be_had_are_no_setting(spec: Spec) -> None:
    module = spec("size B\nindex b: B\ninput x[B]\nrequire B > 99\noutput y = sum[b] x[b]")
    with pytest.raises(NoSetting):
        case(module, REGIMES[0], 0, 24)
