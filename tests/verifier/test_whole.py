"""Recurrences, calls, submodules and stacks: oracle and reference against functions written by
hand, which torch evaluates and differentiates in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import lawful
import numpy as np
import pytest
import torch
from lawful.compiler import typed as t
from lawful.verifier.flatten import flatten
from lawful.verifier.oracle import Oracle
from lawful.verifier.reference import FORMATS, evaluate, spread
from lawful.verifier.regimes import REGIMES, Case, case
from torch import Tensor

ROOT = Path(__file__).parent / "whole"
Tensors = Mapping[str, Tensor]
Results = dict[str, Tensor]

by_hand: dict[str, Callable[[Tensors, Mapping[str, float]], Results]] = {}


def of(name: str) -> Callable[..., Callable[..., Results]]:
    """Enter a function of tensors and consts by name as what a module should give."""

    def enter(f: Callable[[Tensors, Mapping[str, float]], Results]) -> Callable[..., Results]:
        by_hand[name] = f
        return f

    return enter


# ---- sequences.eq -------------------------------------------------------------------------


@of("sequences.LSTM")
def lstm(x: Tensors, _: Mapping[str, float]) -> Results:
    steps = x["x"].unbind(1)
    h = c = torch.zeros(len(x["x"]), len(x["b_f"]), dtype=torch.float64)
    hs = [h]
    for now in steps:
        z = torch.tanh(now @ x["W"].T + h @ x["U"].T)
        f = torch.sigmoid(now @ x["W_f"].T + h @ x["U_f"].T + x["b_f"])
        c = f * c + (1 - f) * z
        h = torch.sigmoid(now @ x["W_o"].T) * torch.tanh(c)
        hs.append(h)
    return {"h": torch.stack(hs, 1), "last": h}


@of("sequences.GAE")
def gae(x: Tensors, consts: Mapping[str, float]) -> Results:
    r, v = x["r"], x["V"]
    a = torch.zeros_like(r[:, 0])
    found = [a]
    for t_ in range(r.shape[1] - 1, -1, -1):
        delta = r[:, t_] + consts["gamma"] * v[:, t_ + 1] - v[:, t_]
        a = delta + consts["gamma"] * consts["lam"] * a
        found.append(a)
    return {"A": torch.stack(found[::-1], 1)}


@of("sequences.LinearAttention")
def linear_attention(x: Tensors, _: Mapping[str, float]) -> Results:
    q, r, v, g = (x[n] for n in "qrvg")
    state = torch.zeros(len(q), q.shape[2], v.shape[2], dtype=torch.float64)
    found = []
    for t_ in range(q.shape[1]):
        state = g[:, t_, None, None] * state + r[:, t_, :, None] * v[:, t_, None, :]
        found.append((q[:, t_, :, None] * state).sum(1))
    return {"o": torch.stack(found, 1)}


@of("sequences.Convolved")
def convolved(x: Tensors, _: Mapping[str, float]) -> Results:
    a, weights = x["a"], torch.softmax(x["x"], 0)
    f = [torch.ones((), dtype=torch.float64)]
    for t_ in range(len(a)):
        w = f[t_] * weights[t_] + (2 * f[t_ - 1] if t_ > 0 else 0)
        f.append(sum((a[t_ - s] * f[s] for s in range(t_ + 1)), w))
    return {"y": torch.stack(f[1:]) + 1}


@of("sequences.Counts")
def counts(x: Tensors, _: Mapping[str, float]) -> Results:
    m, rows = x["m"], x["x"]
    length = rows.shape[1]
    ys, seens, longest = [], [], []
    for mask, row in zip(m.tolist(), rows, strict=True):
        n, seen = [0], [False]
        for keep in mask:
            n.append(n[-1] + 1 if keep else 0)
            seen.append(seen[-1] or keep)
        seens.append(seen)
        longest.append(max(n))
        zero = torch.zeros((), dtype=torch.float64)
        ys.append(
            torch.stack(
                [row[n[i] % length] * row.prod() if seen[i] else zero for i in range(length)]
            )
        )
    return {"seen": torch.tensor(seens), "longest": torch.tensor(longest), "y": torch.stack(ys)}


# ---- calls.eq -----------------------------------------------------------------------------


def moments(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    m = x.mean(-1)
    return m, torch.sqrt((x - m[..., None]).square().mean(-1) + eps)


def standardised(x: Tensor) -> Tensor:
    m, s = moments(x, 2)
    return (x - m[:, None]) / s[:, None]


def residual(x: Tensor, a: Tensor, f: Tensor, g: Tensor) -> Tensor:
    return x + (torch.tanh(standardised(x) @ f.T) * a) @ g.T


def tower(x: Tensor, a: Tensor, f: Tensor, g: Tensor) -> Tensor:
    for layer in zip(a, f, g, strict=True):
        x = residual(x, *layer)
    return x


def rnn(x: Tensor, w: Tensor) -> Tensor:
    h = torch.zeros_like(x[:, 0])
    found = []
    for now in x.unbind(1):
        h = torch.tanh(now + h @ w.T)
        found.append(h)
    return torch.stack(found, 1)


@of("calls.Moments")
def _(x: Tensors, consts: Mapping[str, float]) -> Results:
    return dict(zip("ms", moments(x["x"], consts["eps"]), strict=True))


@of("calls.Standardise")
def _(x: Tensors, _: Mapping[str, float]) -> Results:
    return {"y": standardised(x["x"])}


@of("calls.Shared")
def _(x: Tensors, _: Mapping[str, float]) -> Results:
    return {"y": x["x"] @ x["f.W"].T @ x["f.W"].T}


@of("calls.Residual")
def _(x: Tensors, _: Mapping[str, float]) -> Results:
    return {"y": residual(x["x"], x["a"], x["f.W"], x["g.W"])}


@of("calls.Tower")
def _(x: Tensors, _: Mapping[str, float]) -> Results:
    return {"y": tower(x["x"], x["block.a"], x["block.f.W"], x["block.g.W"])}


@of("calls.Twice")
def _(x: Tensors, _: Mapping[str, float]) -> Results:
    h = 2 * x["x"]
    params = (x["tower.block.a"], x["tower.block.f.W"], x["tower.block.g.W"])
    for stack in zip(*params, strict=True):
        h = tower(h, *stack)
    return {"y": h}


@of("calls.Downwards")
def _(x: Tensors, _: Mapping[str, float]) -> Results:
    h = [x["x"]]
    for w in reversed(x["f.W"].unbind(0)):
        h.append(h[-1] @ w.T)
    return {"h": torch.stack(h[::-1])}


@of("calls.Parallel")
def _(x: Tensors, _: Mapping[str, float]) -> Results:
    y = torch.einsum("lbd,led->lbe", x["x"], x["f.W"])
    return {"z": y * moments(y, 0.25)[0][..., None]}


@of("calls.Recurrent")
def _(x: Tensors, _: Mapping[str, float]) -> Results:
    return {"y": rnn(x["x"], x["W"])}


@of("calls.DeepRecurrent")
def _(x: Tensors, _: Mapping[str, float]) -> Results:
    h = x["x"]
    for w in x["rnn.W"]:
        h = h + rnn(h, w)
    return {"y": h}


@of("calls.Coupled")
def _(x: Tensors, _: Mapping[str, float]) -> Results:
    h = [x["x"]]
    c = x["x"] @ x["g.W"].T
    for w in x["f.W"]:
        h.append(c @ w.T)
        c = h[-1] @ x["g.W"].T
    return {"y": c + h[1]}


def scaled(x: Tensor, c: Tensor | float, shift: float, keep: Tensor | bool = True) -> Tensor:
    p = 2 * x.shape[-1] - 1
    below = x.cumsum(-1) - x
    return torch.where(torch.as_tensor(keep), c * x + shift * p + below / p, 0.0)


@of("calls.Transposed")
def _(x: Tensors, _: Mapping[str, float]) -> Results:
    size = len(x["x"])
    h = scaled(x["x"], torch.arange(1.0, size + 1, dtype=torch.float64)[:, None], 1)
    for _ in range(size):
        h = scaled(h, 2, 1)
    return {"y": h}


@of("calls.Picked")
def _(x: Tensors, _: Mapping[str, float]) -> Results:
    k = x["tok"] // 2
    a = torch.where(x["m"], 1.0, 0.0) * scaled(x["p"], k[:, None].double() / 3, 0.5)
    v = torch.arange(a.shape[1], dtype=torch.float64)
    i = (a + x["g"][:, None] * v).argmax(-1)
    return {"i": i, "y": a.gather(-1, i[:, None])[:, 0] * x["g"] * 2}


# ---- the modules --------------------------------------------------------------------------


NAMES = [n for n in lawful.list_modules(ROOT) if n not in ("calls.Linear",)]


@cache
def flat(name: str) -> t.Module:
    return flatten(lawful.load(name, ROOT))


def cases(name: str) -> list[Case]:
    """One with sizes that differ, one with consts off their defaults, one with lengths of 1."""
    chosen = [r for r in REGIMES if r.name in ("typical", "consts", "shortest")]
    return [case(flat(name), regime, seed=1, bits=24) for regime in chosen]


def torch_tensors(the_case: Case) -> dict[str, Tensor]:
    tensors = {n: torch.from_numpy(np.array(x)) for n, x in the_case.tensors.items()}
    return {n: x.requires_grad_(x.is_floating_point()) for n, x in tensors.items()}


def test_each_module_has_a_function_by_hand() -> None:
    assert {*by_hand, "calls.Scaled", "calls.Draw"} == set(NAMES)


@pytest.mark.parametrize("name", sorted(by_hand))
def test_oracle_and_reference_are_what_the_equations_say(name: str) -> None:
    module = flat(name)
    for the_case in cases(name):
        setting = the_case.setting
        tensors = torch_tensors(the_case)
        found = by_hand[name](tensors, {k: float(x) for k, x in setting.consts.items()})
        reals = [n for n in module.outputs if module.definitions[n].type == "real"]
        weights = [torch.from_numpy(np.array(the_case.cotangents[n])) for n in reals]
        sources = {n: x for n, x in tensors.items() if x.requires_grad}
        slopes = torch.autograd.grad(
            [found[n] + 0 * sum(x.sum() for x in sources.values()) for n in reals],
            list(sources.values()),
            weights,
            allow_unused=True,
        )
        exact = Oracle(module, setting.sizes, setting.consts).evaluate(the_case.tensors)
        gradients = exact.gradient(the_case.cotangents)
        given = (module, setting.sizes, setting.consts, the_case.tensors)
        fast = evaluate(*given)
        _, noise = spread(*given, the_case.cotangents, FORMATS["float32"], samples=2)
        assert set(found) == set(module.outputs)
        for output in module.outputs:
            high = exact.value(output).high
            np.testing.assert_allclose(found[output].detach(), high, 1e-9, 1e-9)
        for definition in module.definitions:
            np.testing.assert_allclose(
                fast[definition], exact.value(definition).high, 1e-9, 1e-9, err_msg=definition
            )
        for source, slope in zip(sources, slopes, strict=True):
            high = gradients[source].high
            wanted = np.zeros(high.shape) if slope is None else slope.numpy()
            np.testing.assert_allclose(high, wanted, 1e-8, 1e-8, err_msg=source)
            np.testing.assert_allclose(noise[source].nominal, high, 1e-8, 1e-8, err_msg=source)
