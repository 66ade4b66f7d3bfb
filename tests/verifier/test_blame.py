"""The change of a term, or the other module, that an implementation computes is named."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import lawful
import numpy as np
import pytest
import torch
from lawful.compiler import typed as t
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load
from lawful.verifier.blame import blame
from lawful.verifier.candidate import Candidate
from lawful.verifier.change_rules import RULES
from lawful.verifier.changes import Change, changes, resting_on, rests_on
from lawful.verifier.flatten import flatten
from lawful.verifier.observe import Observed, observe
from lawful.verifier.plan import Options, all_cases
from lawful.verifier.reference import evaluate
from lawful.verifier.trial import Subject
from lawful.verifier.truth import Truths
from lawful.verifier.variants import relatives, variant
from lawful.verifier.verify import verify_candidate
from torch import Tensor
from torch.nn import functional as F

ROOT = Path(__file__).parents[2] / "spec"
FILES = ("attention", "losses/dpo", "mlp", "norms", "rl/grpo", "samplers")


@pytest.fixture(scope="module")
def library() -> Mapping[str, t.Module]:
    log = Log()
    modules = load(ROOT, log, [ROOT / f"{name}.eq" for name in FILES])
    log.raise_errors()
    return modules


def seen(module: t.Module, function: Callable[..., Any], of: Any = "values") -> Observed:
    flat = flatten(module)
    cases = list(all_cases(flat, Options(dtypes=("float64",))))
    return observe(Subject(flat, Candidate("it", function), Options()), Truths(flat), cases, of)


def attention(
    scale: Callable[[Tensor, Tensor], float] = lambda x, W: W.shape[1] ** 0.5,
    admits: Callable[[Tensor, Tensor], Tensor] = lambda u, t: u <= t,
    axis: int = -1,
) -> Callable[..., Tensor]:
    def function(x: Tensor, W_Q: Tensor, W_K: Tensor, W_V: Tensor, W_O: Tensor) -> Tensor:
        q, r, v = (torch.einsum("hkd,btd->bhtk", W, x) for W in (W_Q, W_K, W_V))
        at = torch.arange(x.shape[1])
        mask = admits(at, at[:, None]).expand(len(at), len(at))
        s = (q @ r.mT / scale(x, W_Q)).masked_fill(~mask, -torch.inf)
        a = torch.where(mask, torch.softmax(s, axis), 0.0).nan_to_num()
        return torch.einsum("dhk,bhtk->btd", W_O, a @ v)

    return function


def margin(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor) -> Tensor:
    return (lw - rw) - (ll - rl)


def rms_norm(
    square: Callable[[Tensor], Tensor], gain: float = 0.0
) -> Callable[[Tensor, Tensor, float], Tensor]:
    return lambda x, g, eps: (gain + g) * x / (square(x) + eps).sqrt()


def mean_square(x: Tensor) -> Tensor:
    return x.square().mean(-1, keepdim=True)


def grpo(
    lp: Tensor,
    old: Tensor,
    ref: Tensor,
    R: Tensor,
    m: Tensor,
    epsilon: float,
    beta: float,
    delta: float,
) -> Tensor:
    """Without the standard deviation, as in Dr. GRPO."""
    A = R - R.mean(-1, keepdim=True)
    ratio = (lp - old).exp()
    clipped = ratio.clamp(1 - epsilon, 1 + epsilon) * A[..., None]
    clipped = torch.minimum(ratio * A[..., None], clipped)
    k3 = (ref - lp).exp() - 1 - (ref - lp)
    answers = torch.where(m, clipped - beta * k3, 0.0).sum(-1) / m.sum(-1).clamp(min=1)
    return -answers.mean()


ATTENTION, DPO, NORM = "attention.CausalSelfAttention", "losses.dpo.DPO", "norms.RMSNorm"
WRONG: list[tuple[str, Callable[..., Any], str, str]] = [
    (
        ATTENTION,
        attention(scale=lambda x, W: x.shape[-1] ** 0.5),
        "`sqrt(D)` for `sqrt(K)`",
        "attention.eq:20",
    ),
    (
        ATTENTION,
        attention(scale=lambda x, W: 1.0),
        "`q[b,h,t,k] * r[b,h,u,k]` for `q[b,h,t,k] * r[b,h,u,k] / sqrt(K)`",
        "attention.eq:20",
    ),
    (
        ATTENTION,
        attention(admits=lambda u, t: u < t),
        "`u < t` for `u <= t`",
        "attention.eq:21",
    ),
    (
        ATTENTION,
        attention(admits=lambda u, t: u <= t + 1),
        "`u <= t + 1` for `u <= t`",
        "attention.eq:21",
    ),
    (
        ATTENTION,
        attention(admits=lambda u, t: u < u + 1),
        "`softmax[u] s[b,h,t,u]` for `softmax[u if u <= t] s[b,h,t,u]`",
        "attention.eq:21",
    ),
    (
        ATTENTION,
        attention(axis=-2),
        "`softmax[t if u <= t] s[b,h,t,u]` for `softmax[u if u <= t] s[b,h,t,u]`",
        "attention.eq:21",
    ),
    (
        DPO,
        lambda beta, **x: -F.logsigmoid(beta**2 * margin(**x)).mean(),
        "`beta * ((lw[b] - rw[b]) - (ll[b] - rl[b])) * beta` for "
        "`beta * ((lw[b] - rw[b]) - (ll[b] - rl[b]))`",
        "dpo.eq:14",
    ),
    (
        DPO,
        lambda beta, **x: -F.logsigmoid(beta * margin(**x)).sum(),
        "`sum[b] log(sigmoid(margin[b]))` for `mean[b] log(sigmoid(margin[b]))`",
        "dpo.eq:15",
    ),
    (
        DPO,
        lambda beta, **x: -F.logsigmoid(0.1 * margin(**x)).mean(),
        "`0.1 * ((lw[b] - rw[b]) - (ll[b] - rl[b]))` for "
        "`beta * ((lw[b] - rw[b]) - (ll[b] - rl[b]))`",
        "dpo.eq:14",
    ),
    (
        DPO,
        lambda beta, lw, ll, rw, rl: -F.logsigmoid(beta * (lw - rw + (ll - rl))).mean(),
        "`(lw[b] - rw[b]) + (ll[b] - rl[b])` for `(lw[b] - rw[b]) - (ll[b] - rl[b])`",
        "dpo.eq:14",
    ),
    (
        NORM,
        lambda x, g, eps: g * x / (mean_square(x).sqrt() + eps),
        "`sqrt(mean[e] x[b,t,e] ^ 2) + eps` for `sqrt((mean[e] x[b,t,e] ^ 2) + eps)`",
        "norms.eq:15",
    ),
    (
        NORM,
        lambda x, g, eps: rms_norm(mean_square)(x, g, 0.0),
        "`mean[e] x[b,t,e] ^ 2` for `(mean[e] x[b,t,e] ^ 2) + eps`",
        "norms.eq:15",
    ),
    (
        NORM,
        rms_norm(lambda x: x.var(-1, keepdim=True, unbiased=False)),
        "`mean[e] (x[b,t,e] - mean[e] x[b,t,e]) ^ 2` for `mean[e] x[b,t,e] ^ 2`",
        "norms.eq:15",
    ),
    (
        "rl.grpo.GRPO",
        grpo,
        "`R[b,g] - mu[b]` for `(R[b,g] - mu[b]) / (std[b] + delta)`",
        "grpo.eq:22",
    ),
]


@pytest.mark.parametrize(("name", "function", "text", "place"), WRONG)
def test_the_changed_term_is_named(
    library: Mapping[str, t.Module],
    name: str,
    function: Callable[..., Any],
    text: str,
    place: str,
) -> None:
    change = str(blame(seen(library[name], function)))
    assert change.startswith(f"{text} at "), change
    assert change.endswith(place)


def test_a_gradient_that_is_cut_is_named(library: Mapping[str, t.Module]) -> None:
    def cut(beta: float, lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor) -> Tensor:
        return -F.logsigmoid(beta * margin(lw, ll.detach(), rw, rl)).mean()

    assert blame(seen(library[DPO], cut)) is None
    change = str(blame(seen(library[DPO], cut, "gradients")))
    assert "`stop(ll[b])" in change, change


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda beta, **x: -F.logsigmoid(beta * margin(**x)).mean(), id="right"),
        pytest.param(
            lambda beta, lw, ll, rw, rl: (lw * rw - ll.abs()).mean() * beta, id="something else"
        ),
        pytest.param(
            lambda beta, **x: -F.logsigmoid(beta * margin(**x)).sum() * 3, id="two changes"
        ),
        pytest.param(
            lambda beta, **x: -F.logsigmoid(beta * margin(**x)).mean() * torch.nan, id="nothing"
        ),
    ],
)
def test_nothing_is_named_where_no_single_change_fits(
    library: Mapping[str, t.Module], function: Callable[..., Any]
) -> None:
    found = seen(library[DPO], function)
    assert blame(found) is None
    assert variant(found, library) is None


def test_a_change_that_is_undefined_everywhere_fits_nothing(
    library: Mapping[str, t.Module],
) -> None:
    """The root of a negative number says nothing about code that gives a number there."""
    change = str(blame(seen(library[NORM], rms_norm(mean_square, gain=1.0))))
    assert change.startswith("`1 + g[d]` for `g[d]`"), change


def test_one_case_alone_is_not_enough(library: Mapping[str, t.Module]) -> None:
    flat = flatten(library[DPO])
    candidate = Candidate("it", lambda beta, **x: -F.logsigmoid(beta * margin(**x)).sum())
    one = list(all_cases(flat, Options(dtypes=("float64",))))[:1]
    found = observe(Subject(flat, candidate, Options()), Truths(flat), one, "values")
    assert found.differing and not found.enough and blame(found) is None


# --- other modules ----------------------------------------------------------------------------


def hinge(beta: float, **x: Tensor) -> Tensor:
    return torch.relu(1 - beta * margin(**x)).mean()


def test_another_module_of_the_library_is_named(library: Mapping[str, t.Module]) -> None:
    found = seen(library[DPO], hinge)
    assert variant(found, library) == "losses.dpo.HingeDPO"
    others = {n: m for n, m in library.items() if n != "losses.dpo.HingeDPO"}
    assert variant(found, others) is None


def test_a_module_that_takes_less_is_named(library: Mapping[str, t.Module]) -> None:
    """GRPO as DAPO has it, without a penalty: ref and beta are not looked at."""

    def dapo(lp: Tensor, old: Tensor, R: Tensor, m: Tensor, delta: float, **ignored: Any) -> Tensor:
        A = ((R - R.mean(-1, keepdim=True)) / (R.std(-1, keepdim=True) + delta))[..., None]
        ratio = (lp - old).exp()
        clipped = torch.minimum(ratio * A, ratio.clamp(0.8, 1.28) * A)
        return -clipped[m].sum() / m.sum()

    assert variant(seen(library["rl.grpo.GRPO"], dapo), library) == "rl.grpo.DAPO"


def test_a_variant_is_named_by_its_gradients(library: Mapping[str, t.Module]) -> None:
    assert variant(seen(library[DPO], hinge, "gradients"), library) == "losses.dpo.HingeDPO"


def test_relatives_take_the_same_and_return_the_same(library: Mapping[str, t.Module]) -> None:
    assert "losses.dpo.HingeDPO" in relatives(library[DPO], library)
    assert DPO not in relatives(library[DPO], library)
    assert not {"losses.dpo.KTO", NORM, ATTENTION} & set(relatives(library[DPO], library))


SPEC = """\
module Sum
size B
index b: B
input x[B]
output y = sum[b] x[b] ^ 2
module Mean
size B
index b: B
input x[B]
output y = mean[b] x[b] ^ 2
module Largest
size B
index b: B
input x[B]
output y = max[b] x[b]
"""


def test_a_report_names_the_variant_or_the_change(tmp_path: Path) -> None:
    (tmp_path / "m.eq").write_text(SPEC, encoding="utf-8")

    def mean(x: Tensor) -> Tensor:
        return x.square().mean()

    report = lawful.verify("m.Sum", mean, dtypes=["float32"], root=tmp_path)
    assert report.failures[0].matches == "m.Mean, not m.Sum"
    assert "\n  matches   m.Mean, not m.Sum\n" in str(report)
    assert report.as_dict()["checks"][0]["failures"][0]["matches"] == "m.Mean, not m.Sum"
    alone = lawful.verify(lawful.load("m.Sum", tmp_path), mean, dtypes=["float32"])
    assert alone.failures[0].matches == (
        "the equation with `mean[b] x[b] ^ 2` for `sum[b] x[b] ^ 2` "
        f"at {(tmp_path / 'm.eq').as_posix()}:5"
    )
    assert [failure.check for failure in alone.failures if failure.matches] == ["values"]


def test_one_regime_alone_is_explained_by_all(tmp_path: Path) -> None:
    """A failure that is repeated is explained as it was: other cases are looked at too."""
    (tmp_path / "m.eq").write_text(SPEC, encoding="utf-8")
    module = lawful.load("m.Sum", tmp_path)
    options = Options(regime="ties", dtypes=("float32",))
    report = verify_candidate(module, Candidate("it", lambda x: x.square().mean()), options)
    assert "`mean[b] x[b] ^ 2`" in report.failures[0].matches


def test_code_that_is_right_in_float64_alone_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "m.eq").write_text(SPEC, encoding="utf-8")

    def rounds(x: Tensor) -> Tensor:
        return x.square().sum() if x.dtype == torch.float64 else x.half().float().square().sum()

    report = lawful.verify("m.Sum", rounds, dtypes=["float32"], root=tmp_path)
    assert report.failures[0].matches == "the equations in float64, in which it is right"


def computes(change: Change) -> Callable[..., dict[str, Tensor]]:
    """An implementation of a changed module, as the reference evaluates it."""
    module = change.applied()
    given = {**module.inputs, **module.params, **module.randoms}

    def function(**keywords: Any) -> dict[str, Tensor]:
        tensors = {name: keywords[name].detach().numpy() for name in given}
        sizes = {
            dim.name: length
            for name, variable in given.items()
            for dim, length in zip(variable.dims, tensors[name].shape, strict=True)
            if isinstance(dim, t.SizeRef)
        }
        consts = {name: Fraction(keywords[name]) for name in module.consts}
        store = evaluate(module, sizes, consts, tensors)
        return {name: torch.from_numpy(np.array(store[name])) for name in module.outputs}

    return function


@pytest.mark.parametrize("name", [DPO, NORM, "losses.dpo.IPO"])
def test_planted_changes_are_named(library: Mapping[str, t.Module], name: str) -> None:
    """As they are, or as another change that is the same function."""
    planted = list(changes(flatten(library[name]), RULES))
    random.Random(3).shuffle(planted)
    named = same = 0
    for change in planted[:8]:
        found = seen(library[name], computes(change))
        if found.enough and any(one.telling(one.found) for one in found.differing):
            other = blame(found)
            assert other is not None, str(change)
            named, same = named + 1, same + (str(other) == str(change))
    assert named >= 4 and same >= 1


# --- changes ----------------------------------------------------------------------------------


def test_every_rule_changes_something(library: Mapping[str, t.Module]) -> None:
    for rule in RULES:
        assert any(
            next(changes(flatten(module), (rule,)), None) is not None for module in library.values()
        ), rule.__name__


def test_a_change_leaves_the_rest_of_the_module_alone(library: Mapping[str, t.Module]) -> None:
    module = flatten(library[ATTENTION])
    for change in changes(module, RULES):
        changed = change.applied()
        others = {n for n, d in module.definitions.items() if changed.definitions[n] is not d}
        assert others == {change.spot.tensor}


def test_what_a_change_reaches(library: Mapping[str, t.Module]) -> None:
    module = flatten(library[ATTENTION])
    assert resting_on(module, "a") == {"a", "o", "y"}
    assert rests_on(module) == {"q", "r", "v", "s", "a", "o", "y"}
