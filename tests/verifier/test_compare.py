"""Errors over tolerances: what counts, what passes, and what never does."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import lawful
import numpy as np
import pytest
import torch
from lawful.compiler import typed as t
from lawful.verifier.compare import (
    FACTOR,
    FORMATS,
    ROUGH,
    ULPS,
    Noise,
    Target,
    disagree,
    ratios,
    target,
)
from lawful.verifier.oracle import Exact, Oracle
from lawful.verifier.reference import FORMATS as ROUNDING
from lawful.verifier.reference import Rounding, Spread, spread
from lawful.verifier.verify import BITS
from torch import Tensor

INF, NAN = math.inf, math.nan
F32 = FORMATS["float32"]


def exact(values: Any, low: Any = 0.0, undefined: Any = False) -> Exact:
    high = np.asarray(values)
    off = np.broadcast_to(np.asarray(undefined), high.shape)
    finite = np.isfinite(high) & ~off
    return Exact(high.astype(object), high, np.broadcast_to(low, high.shape), off, finite)


def noise(nominal: Any, sigma: Any = 0.0, reach: Any = 0.0, jump: Any = False) -> Spread:
    x = np.asarray(nominal)
    parts = (np.broadcast_to(np.asarray(part), x.shape) for part in (sigma, reach, jump))
    return Spread(x, *parts)


def aim_at(values: Any, sigma: Any = 0.0, **options: Any) -> Target:
    low, undefined = options.pop("low", 0.0), options.pop("undefined", False)
    reach, bound = options.pop("reach", 0.0), options.pop("bound", None)
    form = FORMATS[options.pop("format", "float32")]
    fine = noise(values, sigma, jump=options.pop("jump", False))
    assert not options
    rough = noise(values, reach=reach)
    still = noise(values)
    return target(exact(values, low, undefined), Noise(fine, rough, still), form, bound)


def test_what_flushing_loses_is_allowed_unless_nothing_finite_is_left() -> None:
    values, still = [1e-41, -1e4], noise([1e-41, -1e4])
    flushed = noise(values, reach=[1e-41, INF])
    aim = target(exact(values), Noise(still, still, flushed), F32)
    assert ratios(np.array([0.0, -1e4]), aim).max() <= 1
    assert ratios(np.array([1e-37, -1e4]), aim)[0] > 1
    assert ratios(np.array([0.0, -INF]), aim)[1] == INF


# --- ratios ------------------------------------------------------------------------------------


def test_the_ratio_is_the_error_over_the_tolerance() -> None:
    aim = aim_at([1.0, -2.0, 1e4], sigma=[0.5, 1.0, 2.0])
    got = aim.exact.high + np.array([1.0, -3.0, 0.25]) * aim.tolerance
    np.testing.assert_allclose(ratios(got, aim), [1, 3, 0.25], rtol=1e-12)


def test_what_float64_cannot_hold_of_the_value_counts_too() -> None:
    aim = aim_at([1.0], low=[3e-17], format="float64")
    tolerance = aim.tolerance[0]
    np.testing.assert_allclose(ratios(np.array([1.0]), aim), 3e-17 / tolerance, rtol=1e-12)


def test_nan_never_passes_where_something_is_claimed() -> None:
    aim = aim_at([1.0, 0.0, INF, -INF], sigma=1e30)
    assert (ratios(np.full(4, NAN), aim) == INF).all()


def test_infinities_must_be_met_exactly() -> None:
    aim = aim_at([INF, -INF, INF, INF, 1.0, -1.0], sigma=1e30)
    got = np.array([INF, -INF, -INF, 3e38, INF, -INF])
    assert ratios(got, aim).tolist() == [0, 0, INF, INF, INF, INF]


@pytest.mark.parametrize("dtype", [np.int64, np.bool_])
def test_integers_and_booleans_are_equal_or_wrong(dtype: type) -> None:
    values = np.array([0, 1, 1, 0]).astype(dtype)
    aim = aim_at(values, format="bfloat16")
    assert ratios(np.array([0, 1, 0, 1]).astype(dtype), aim).tolist() == [0, 0, INF, INF]
    far = aim_at(np.array([10**6, -3]))
    assert ratios(np.array([10**6 + 1, -3]), far).tolist() == [INF, 0]


def test_what_does_not_count_is_not_compared() -> None:
    aim = aim_at([1.0, 2.0, 3.0], undefined=[True, False, False], jump=[False, True, False])
    assert aim.counts.tolist() == [False, False, True]
    assert (aim.compared, aim.left_out) == (1, 2)
    assert ratios(np.array([NAN, -INF, 3.0]), aim).tolist() == [0, 0, 0]
    whole = aim_at(np.array([1, 2, 3]), undefined=[True, False, False], jump=[False, True, False])
    assert ratios(np.array([7, 7, 7]), whole).tolist() == [0, 0, INF]


def test_an_index_that_rounding_decides_is_an_index_still() -> None:
    aim = aim_at(np.array([1, 2, 3, 0]), jump=[True, True, True, False], bound=4)
    assert ratios(np.array([3, 4, -1, 0]), aim).tolist() == [0, INF, INF, 0]
    undefined = aim_at(np.array([1, 2]), undefined=[True, False], bound=4)
    assert ratios(np.array([9, 9]), undefined).tolist() == [0, INF]


# --- target ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_the_tolerance_is_never_below_ulps_of_the_format(name: str) -> None:
    form = FORMATS[name]
    info = torch.finfo(getattr(torch, name))
    assert (form.epsilon, form.smallest_normal) == (info.eps, info.smallest_normal)
    assert form.largest == info.max
    values = [1.0, 1.999, -2.0, 100.0, 0.0, form.smallest_normal / 8, form.largest]
    aim = aim_at(values, format=name)
    for value, tolerance in zip(values, aim.tolerance, strict=True):
        binade = math.frexp(max(abs(value), form.smallest_normal))[1] - 1
        assert tolerance == ULPS * form.epsilon * 2.0**binade
    off = np.array(values) - np.copysign(3 * aim.tolerance / ULPS, values)
    assert (ratios(off, aim) <= 0.76).all()


def test_the_tolerance_grows_with_noise_and_with_what_coarse_rounding_reaches() -> None:
    ulps = aim_at([1.0]).tolerance[0]
    assert aim_at([1.0], sigma=0.01).tolerance[0] == FACTOR * 0.01 + ulps
    assert aim_at([1.0], sigma=0.01, reach=0.1).tolerance[0] == FACTOR * 0.01 + ulps
    assert aim_at([1.0], sigma=0.01, reach=0.9).tolerance[0] == 0.9 + ulps


def test_no_claim_is_made_beyond_the_format_or_where_noise_knows_no_bounds() -> None:
    half = aim_at([65504.0, 65505.0, -1e6, INF, -INF], format="float16")
    assert half.counts.tolist() == [True, False, False, True, True]
    assert half.left_out == 2
    single = aim_at([1.0, 2.0, INF, 4.0], sigma=[INF, 0.1, INF, NAN])
    assert single.counts.tolist() == [False, True, True, False]
    beyond = exact(np.array([INF, 1.0]))
    beyond.finite[0] = True
    assert target(beyond, Noise(*[noise([INF, 1.0])] * 3), F32).counts.tolist() == [
        False,
        True,
    ]


def test_an_oracle_and_a_reference_that_disagree_are_found() -> None:
    def differs(values: Any, nominal: Any, **options: Any) -> bool:
        return disagree(exact(values), noise(nominal), aim_at(values, **options))

    assert not differs([1.0, INF, 0.0], [1.0 + 1e-7, INF, 0.0])
    assert differs([1.0, 2.0], [1.0, 2.001])
    assert differs([1.0], [NAN]) and differs([1.0], [INF])
    assert not differs([1.0, 2.0], [1.0, 5.0], jump=[False, True])
    assert differs(np.array([1, 2]), np.array([1, 3]))
    assert not differs(np.array([1, 2]), np.array([1, 3]), jump=[False, True])


# --- a small attention -------------------------------------------------------------------------

ATTENTION = """\
module Attention
size B, T, D
index b: B  t, u: T  d: D
input q[B, T, D]
input k[B, T, D]
input v[B, T, D]
s[b,t,u] = sum[d] q[b,t,d] * k[b,u,d] / sqrt(D)
a[b,t,u] = softmax[u if u <= t] s[b,t,u]
output y[b,t,d] = sum[u] a[b,t,u] * v[b,u,d]
"""
SIZES = {"B": 2, "T": 5, "D": 4}


@dataclass(frozen=True)
class Aims:
    """What the attention should give in a dtype, with what it is given."""

    inputs: Mapping[str, Any]
    cotangent: Any
    targets: Mapping[str, Target]


@pytest.fixture(scope="module")
def attention(tmp_path_factory: pytest.TempPathFactory) -> t.Module:
    root = tmp_path_factory.mktemp("spec")
    (root / "m.eq").write_text(ATTENTION, encoding="utf-8")
    return lawful.load("m.Attention", root)


@pytest.fixture(scope="module")
def aims(attention: t.Module) -> Callable[[str, float], Aims]:
    def make(dtype: str, scale: float) -> Aims:
        rng = np.random.default_rng(0)
        shape, torch_dtype = tuple(SIZES.values()), getattr(torch, dtype)
        wide = torch_dtype if BITS[dtype] == 8 else torch.float32

        def draw(scale: float) -> Any:
            return torch.tensor(scale * rng.standard_normal(shape)).to(wide).double().numpy()

        inputs, cotangent = {name: draw(scale) for name in "qkv"}, draw(1.0)
        truth = Oracle(attention, SIZES, {}).evaluate(inputs)
        exact = {**truth.gradient({"y": cotangent}), "y": truth.value("y")}
        fine, rough = (
            {
                name: part
                for parts in spread(
                    attention,
                    SIZES,
                    {},
                    inputs,
                    {"y": cotangent},
                    Rounding(coarser * kind.roundoff, kind.tiny, kind.bits),
                    recomputes=coarser > 1,
                )
                for name, part in parts.items()
            }
            for kind in [ROUNDING[dtype]]
            for coarser in (1.0, ROUGH)
        )
        form = FORMATS[dtype]
        noises = {n: Noise(fine[n], rough[n], noise(fine[n].nominal)) for n in "yqkv"}
        targets = {name: target(exact[name], noises[name], form) for name in "yqkv"}
        return Aims(inputs, cotangent, targets)

    return make


def plain(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    s = torch.einsum("btd,bud->btu", q, k) / math.sqrt(q.shape[-1])
    mask = torch.ones(s.shape[-2:], dtype=torch.bool).tril()
    return torch.softmax(s.masked_fill(~mask, -INF), -1) @ v


def fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def worst(f: Callable[..., Tensor], aims: Aims, dtype: str) -> dict[str, float]:
    given = {
        name: torch.tensor(x).to(getattr(torch, dtype)).requires_grad_()
        for name, x in aims.inputs.items()
    }
    y = f(**given)
    weight = torch.tensor(aims.cotangent).to(y.dtype)
    slopes = torch.autograd.grad(y, list(given.values()), weight)
    found = {"y": y, **dict(zip(given, slopes, strict=True))}
    return {
        name: float(ratios(x.detach().double().numpy(), aims.targets[name]).max())
        for name, x in found.items()
    }


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("scale", [1.0, 5.0])
@pytest.mark.parametrize("f", [plain, fused])
def test_a_correct_attention_passes_with_room(
    f: Callable[..., Tensor], scale: float, dtype: str, aims: Callable[[str, float], Aims]
) -> None:
    aim = aims(dtype, scale)
    assert all(part.counts.all() for part in aim.targets.values())
    assert max(worst(f, aim, dtype).values()) < 0.7


def scaled(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return 1.001 * plain(q, k, v)


def wrongly_scaled(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return plain(q * 1.001, k, v)


def softmax_in_bfloat16(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    s = torch.einsum("btd,bud->btu", q, k) / math.sqrt(q.shape[-1])
    mask = torch.ones(s.shape[-2:], dtype=torch.bool).tril()
    return torch.softmax(s.masked_fill(~mask, -INF).bfloat16(), -1).to(v.dtype) @ v


def one_element_off(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    y = plain(q, k, v)
    bump = torch.zeros_like(y)
    bump[1, 3, 2] = 1e-4
    return y + bump


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("f", "gradients_too"),
    [(scaled, True), (wrongly_scaled, True), (softmax_in_bfloat16, True), (one_element_off, False)],
)
def test_a_factor_of_1_001_fails_and_so_does_anything_like_it(
    f: Callable[..., Tensor], gradients_too: bool, dtype: str, aims: Callable[[str, float], Aims]
) -> None:
    found = worst(f, aims(dtype, 1.0), dtype)
    assert found["y"] > 2
    assert (min(found["q"], found["k"]) > 2) == gradients_too
