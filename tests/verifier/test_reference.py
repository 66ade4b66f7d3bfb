from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import lawful
import numpy as np
import pytest
import torch
from lawful.compiler import typed as t
from lawful.compiler.source import Source, Span
from lawful.verifier.flatten import flatten
from lawful.verifier.reference import (
    FORMATS,
    Spread,
    Unsupported,
    evaluate,
    flushed,
    spread,
    wide_names,
)

SPAN = Span(Source("test.eq", ""), 0, 0)
F32 = FORMATS["float32"]


# --- typed modules by hand ---------------------------------------------------------------------


def lift(e: t.Expr | int | float) -> t.Expr:
    if isinstance(e, bool | int):
        return t.Number(SPAN, Fraction(int(e)), "int")
    if isinstance(e, float):
        return t.Number(SPAN, Fraction(e), "real")
    return e


def decimal(text: str) -> t.Expr:
    return t.Number(SPAN, Fraction(text), "real")


def join(*parts: t.Expr) -> t.Type:
    return "int" if all(part.type == "int" for part in parts) else "real"


def ix(name: str) -> t.IndexRef:
    return t.IndexRef(SPAN, name)


def size(name: str) -> t.SizeRef:
    return t.SizeRef(SPAN, name)


def const(name: str) -> t.ConstRef:
    return t.ConstRef(SPAN, name)


def el(name: str, *subscripts: str | t.Expr | int, type: t.Type = "real") -> t.Element:
    subs = tuple(ix(sub) if isinstance(sub, str) else lift(sub) for sub in subscripts)
    return t.Element(SPAN, name, subs, type)


def add(*terms: t.Expr | int | float) -> t.Expr:
    parts = [lift(term) for term in terms]
    return t.Add(SPAN, tuple((1, part) for part in parts), join(*parts))


def sub(a: t.Expr | int | float, b: t.Expr | int | float) -> t.Expr:
    return t.Add(SPAN, ((1, lift(a)), (-1, lift(b))), join(lift(a), lift(b)))


def neg(a: t.Expr) -> t.Expr:
    return t.Add(SPAN, ((-1, a),), a.type)


def mul(*factors: t.Expr | int | float) -> t.Expr:
    parts = [lift(factor) for factor in factors]
    return t.Mul(SPAN, tuple(("*", part) for part in parts), join(*parts))


def div(a: t.Expr | int | float, b: t.Expr | int | float) -> t.Expr:
    return t.Mul(SPAN, (("*", lift(a)), ("/", lift(b))), "real")


def power(a: t.Expr, b: t.Expr | int | float) -> t.Expr:
    return t.Power(SPAN, a, lift(b))


def fn(name: str, *arguments: t.Expr | int | float, type: t.Type = "real") -> t.Expr:
    return t.Function(SPAN, name, tuple(lift(argument) for argument in arguments), type)


Operator = Literal["<", "<=", ">", ">=", "==", "!="]


def cmp(operator: Operator, a: t.Expr | int | float, b: t.Expr | int | float) -> t.Expr:
    return t.Compare(SPAN, operator, lift(a), lift(b))


def iff(c: t.Expr, a: t.Expr | int | float, b: t.Expr | int | float) -> t.Expr:
    return t.If(SPAN, c, lift(a), lift(b), join(lift(a), lift(b)))


def reduce(
    operator: t.Reducer,
    bound: Mapping[str, str],
    body: t.Expr | int,
    where: t.Expr | None = None,
    type: t.Type = "real",
) -> t.Expr:
    return t.Reduce(SPAN, operator, axes(bound), where, lift(body), type)


def row(
    operator: Literal["softmax", "log_softmax", "rank"],
    index: str,
    range_: str,
    body: t.Expr,
    where: t.Expr | None = None,
    copy: str | None = None,
) -> t.Expr:
    bound = t.Bound(SPAN, copy or index, size(range_))
    type: t.Type = "int" if operator == "rank" else "real"
    return t.Row(SPAN, operator, ix(index), bound, where, body, type)


def axes(bound: Mapping[str, str]) -> tuple[t.Bound, ...]:
    return tuple(t.Bound(SPAN, name, size(range_)) for name, range_ in bound.items())


def apply(name: str, body: Callable[[t.Expr], t.Expr], argument: t.Expr) -> t.Expr:
    parameter = t.ArgumentRef(SPAN, "x", argument.type)
    return t.Apply(SPAN, name, ("x",), (argument,), body(parameter), True, "real")


def sigmoid(e: t.Expr) -> t.Expr:
    return apply("sigmoid", lambda x: div(1, add(1, fn("exp", neg(x)))), e)


def eq(name: str, bound: Mapping[str, str], body: t.Expr | int) -> t.Equation:
    return t.Equation(SPAN, name, axes(bound), lift(body), True)


def var(name: str, *dims: str, type: t.Type = "real") -> t.Variable:
    return t.Variable(SPAN, name, "input", tuple(size(dim) for dim in dims), type)


def module(variables: Sequence[t.Variable], *definitions: t.Definition) -> t.Module:
    return t.Module(
        span=SPAN,
        name="M",
        qualified="m.M",
        doc="",
        sources=(),
        sizes={},
        indices={},
        inputs={variable.name: variable for variable in variables},
        params={},
        randoms={},
        consts={},
        requires=(),
        submodules={},
        definitions={definition.name: definition for definition in definitions},
        groups=(),
        outputs=tuple(definition.name for definition in definitions),
        laws=(),
        incremental=None,
    )


ATTENTION = module(
    [
        var("x", "B", "T", "D"),
        var("W_Q", "H", "K", "D"),
        var("W_K", "H", "K", "D"),
        var("W_V", "H", "K", "D"),
        var("W_O", "D", "H", "K"),
    ],
    *(
        eq(
            name,
            {"b": "B", "h": "H", "t": "T", "k": "K"},
            reduce("sum", {"d": "D"}, mul(el(w, "h", "k", "d"), el("x", "b", "t", "d"))),
        )
        for name, w in (("q", "W_Q"), ("r", "W_K"), ("v", "W_V"))
    ),
    eq(
        "s",
        {"b": "B", "h": "H", "t": "T", "u": "T"},
        reduce(
            "sum",
            {"k": "K"},
            t.Mul(
                SPAN,
                (
                    ("*", el("q", "b", "h", "t", "k")),
                    ("*", el("r", "b", "h", "u", "k")),
                    ("/", fn("sqrt", size("K"))),
                ),
                "real",
            ),
        ),
    ),
    eq(
        "a",
        {"b": "B", "h": "H", "t": "T", "u": "T"},
        row("softmax", "u", "T", el("s", "b", "h", "t", "u"), cmp("<=", ix("u"), ix("t"))),
    ),
    eq(
        "o",
        {"b": "B", "h": "H", "t": "T", "k": "K"},
        reduce("sum", {"u": "T"}, mul(el("a", "b", "h", "t", "u"), el("v", "b", "h", "u", "k"))),
    ),
    eq(
        "y",
        {"b": "B", "t": "T", "d": "D"},
        reduce(
            "sum", {"h": "H", "k": "K"}, mul(el("W_O", "d", "h", "k"), el("o", "b", "h", "t", "k"))
        ),
    ),
)
SIZES = {"B": 2, "T": 5, "H": 2, "K": 3, "D": 4}
RMSNORM = module(
    [var("x", "B", "D"), var("g", "D")],
    eq(
        "r",
        {"b": "B"},
        power(
            add(reduce("mean", {"d": "D"}, power(el("x", "b", "d"), 2)), decimal("1e-5")),
            decimal("-0.5"),
        ),
    ),
    eq("y", {"b": "B", "d": "D"}, mul(el("x", "b", "d"), el("r", "b"), el("g", "d"))),
)
DPO = module(
    [var(name, "B") for name in ("lw", "ll", "rw", "rl")],
    eq(
        "m",
        {"b": "B"},
        mul(
            const("beta"),
            sub(sub(el("lw", "b"), el("rw", "b")), sub(el("ll", "b"), el("rl", "b"))),
        ),
    ),
    eq("L", {}, reduce("mean", {"b": "B"}, neg(fn("log", sigmoid(el("m", "b")))))),
)
BETA = {"beta": Fraction(1, 10)}
SAMPLER = module(
    [var("z", "B", "V"), var("u", "B")],
    eq("p", {"b": "B", "v": "V"}, row("softmax", "v", "V", el("z", "b", "v"))),
    eq("n", {"b": "B", "v": "V"}, row("rank", "v", "V", el("p", "b", "v"))),
    eq(
        "c",
        {"b": "B", "v": "V"},
        reduce(
            "sum",
            {"w": "V"},
            el("p", "b", "w"),
            cmp("<", el("n", "b", "w", type="int"), el("n", "b", "v", type="int")),
        ),
    ),
    eq(
        "q",
        {"b": "B", "v": "V"},
        row("softmax", "v", "V", el("z", "b", "v"), cmp("<", el("c", "b", "v"), const("p_top"))),
    ),
    eq(
        "x",
        {"b": "B"},
        reduce("argmax", {"v": "V"}, el("q", "b", "v"), type="int"),
    ),
)


def attention_inputs(scale: float = 1.0, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        name: (scale * rng.standard_normal([SIZES[n] for n in shape])).astype(np.float32)
        for name, shape in zip(ATTENTION.inputs, ["BTD", "HKD", "HKD", "HKD", "DHK"], strict=True)
    }


def dpo_inputs(margin: float) -> dict[str, Any]:
    """Four pairs with margins margin, -margin, margin / 2 and 0, exactly."""
    zero = np.zeros(4)
    return {"lw": np.array([margin, 0, margin / 2, 0]), "ll": np.array([0, margin, 0, 0])} | {
        "rw": zero,
        "rl": zero,
    }


# --- values and gradients ----------------------------------------------------------------------


def gradients(
    m: t.Module,
    sizes: Mapping[str, int],
    tensors: Mapping[str, Any],
    cotangents: Mapping[str, Any],
    consts: Mapping[str, Fraction | float] | None = None,
) -> dict[str, Any]:
    _, found = spread(m, sizes, consts or {}, tensors, cotangents, FORMATS["float64"], samples=4)
    return {name: gradient.nominal for name, gradient in found.items()}


def by_differences(
    m: t.Module,
    sizes: Mapping[str, int],
    tensors: Mapping[str, Any],
    cotangents: Mapping[str, Any],
    consts: Mapping[str, Fraction | float] | None = None,
    step: float = 1e-5,
) -> dict[str, Any]:
    """Central differences of sum(cotangent * output) by every real tensor."""

    def loss(changed: Mapping[str, Any]) -> float:
        values = evaluate(m, sizes, consts or {}, changed)
        return float(sum((cot * values[name]).sum() for name, cot in cotangents.items()))

    found = {}
    for name, x in tensors.items():
        if np.asarray(x).dtype.kind != "f":
            continue
        found[name] = np.zeros(np.shape(x))
        for place in np.ndindex(np.shape(x)):
            ends = []
            for sign in (1, -1):
                moved = np.array(x, dtype=np.float64)
                moved[place] += sign * step
                ends.append(loss({**tensors, name: moved}))
            found[name][place] = (ends[0] - ends[1]) / (2 * step)
    return found


def check_gradients(
    m: t.Module,
    sizes: Mapping[str, int],
    tensors: Mapping[str, Any],
    consts: Mapping[str, Fraction | float] | None = None,
    outputs: Sequence[str] | None = None,
) -> None:
    rng = np.random.default_rng(3)
    values = evaluate(m, sizes, consts or {}, tensors)
    cotangents = {
        name: rng.standard_normal(values[name].shape) for name in outputs or m.definitions
    }
    got = gradients(m, sizes, tensors, cotangents, consts)
    want = by_differences(m, sizes, tensors, cotangents, consts)
    assert got.keys() == want.keys()
    for name in got:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-6, atol=1e-8, err_msg=name)


def attention_torch(x: Any, dtype: torch.dtype, **w: Any) -> torch.Tensor:
    """Written as one would in PyTorch."""
    q, r, v = (torch.einsum("hkd,btd->bhtk", w[n], x) for n in ("W_Q", "W_K", "W_V"))
    s = torch.einsum("bhtk,bhuk->bhtu", q, r) / math.sqrt(q.shape[-1])
    mask = torch.ones(s.shape[-2:], dtype=torch.bool).tril()
    a = torch.softmax(s.masked_fill(~mask, -torch.inf), dim=-1)
    return torch.einsum("dhk,bhuk->bud", w["W_O"], torch.einsum("bhtu,bhuk->bhtk", a, v))


def run_attention(
    inputs: Mapping[str, Any], cotangent: Any, dtype: torch.dtype
) -> tuple[Any, dict[str, Any]]:
    leaves = {name: torch.tensor(x, dtype=dtype, requires_grad=True) for name, x in inputs.items()}
    y = attention_torch(dtype=dtype, **leaves)
    torch.autograd.backward([y], [torch.tensor(cotangent, dtype=dtype)])
    return y.detach().double().numpy(), {
        name: leaf.grad.double().numpy() for name, leaf in leaves.items() if leaf.grad is not None
    }


def test_attention_agrees_with_torch() -> None:
    inputs = attention_inputs()
    cotangent = np.random.default_rng(1).standard_normal((2, 5, 4))
    y, grads = run_attention(inputs, cotangent, torch.float64)
    np.testing.assert_allclose(evaluate(ATTENTION, SIZES, {}, inputs)["y"], y, rtol=1e-12)
    got = gradients(ATTENTION, SIZES, inputs, {"y": cotangent})
    for name in grads:
        np.testing.assert_allclose(got[name], grads[name], rtol=1e-11, atol=1e-13)


def test_rmsnorm() -> None:
    rng = np.random.default_rng(0)
    tensors = {"x": rng.standard_normal((3, 4)), "g": rng.standard_normal(4)}
    x, g = tensors["x"], tensors["g"]
    want = x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5) * g
    sizes = {"B": 3, "D": 4}
    np.testing.assert_allclose(evaluate(RMSNORM, sizes, {}, tensors)["y"], want, rtol=1e-13)
    check_gradients(RMSNORM, sizes, tensors)


@pytest.mark.parametrize("margin", [1.0, 50.0, 1e5, 1e9])
def test_dpo_at_any_margin(margin: float) -> None:
    """log(1 / (1 + exp(-m))) written out: at m = -1e8 the sigmoid is exp(-1e8)."""
    tensors = dpo_inputs(margin)
    m = 0.1 * (tensors["lw"] - tensors["ll"])
    loss = np.mean(np.logaddexp(0, -m))
    found = evaluate(DPO, {"B": 4}, BETA, tensors)
    np.testing.assert_allclose(found["L"], loss, rtol=1e-14)
    got = gradients(DPO, {"B": 4}, tensors, {"L": np.array(1.0)}, BETA)
    with np.errstate(over="ignore"):
        slope = -0.1 / 4 / (1 + np.exp(m))
    np.testing.assert_allclose(got["lw"], slope, rtol=1e-7, atol=1e-300)
    np.testing.assert_allclose(got["ll"], -slope, rtol=1e-7, atol=1e-300)


def sample(z: Any, p_top: float) -> tuple[Any, Any]:
    p = np.exp(z - z.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    q = np.zeros_like(p)
    for b, row_ in enumerate(p):
        mass = 0.0
        for v in np.argsort(-row_, kind="stable"):
            if mass < p_top:
                q[b, v] = row_[v]
            mass += row_[v]
    return q / q.sum(-1, keepdims=True), q.argmax(-1)


def test_sampler() -> None:
    z = 2 * np.random.default_rng(5).standard_normal((6, 7))
    consts = {"p_top": 0.8}
    tensors = {"z": z, "u": np.zeros(6)}
    found = evaluate(SAMPLER, {"B": 6, "V": 7}, consts, tensors)
    q, x = sample(z, 0.8)
    np.testing.assert_allclose(found["q"], q, rtol=1e-13)
    assert found["x"].dtype == np.int64 and found["x"].tolist() == x.tolist()
    assert np.array_equal(found["n"], np.argsort(np.argsort(-z, axis=-1), axis=-1))
    check_gradients(SAMPLER, {"B": 6, "V": 7}, tensors, consts, ["p", "q", "c"])


def pointwise(body: t.Expr, extra: Sequence[t.Variable] = ()) -> t.Module:
    return module([var("x", "N"), *extra], eq("y", {"n": "N"}, body))


X = el("x", "n")
POINTWISE: dict[str, tuple[t.Expr, Callable[[Any], Any], list[float]]] = {
    "exp": (fn("exp", X), np.exp, [-3, 0, 2]),
    "log": (fn("log", X), np.log, [0.1, 1, 7]),
    "log1p": (fn("log1p", X), np.log1p, [-0.5, 0, 7]),
    "expm1": (fn("expm1", X), np.expm1, [-0.5, 0, 3]),
    "sqrt": (fn("sqrt", X), np.sqrt, [0.1, 1, 7]),
    "sin": (fn("sin", X), np.sin, [-2, 0, 1]),
    "cos": (fn("cos", X), np.cos, [-2, 0, 1]),
    "tanh": (fn("tanh", X), np.tanh, [-2, 0, 1]),
    "erf": (fn("erf", X), np.vectorize(math.erf), [-2, 0, 1]),
    "abs": (fn("abs", X), np.abs, [-2, 1]),
    "floor": (fn("floor", X), np.floor, [-2.5, 1.5]),
    "ceil": (fn("ceil", X), np.ceil, [-2.5, 1.5]),
    "sign": (fn("sign", X), np.sign, [-2.5, 1.5]),
    "max": (fn("max", X, 1, mul(X, X)), lambda x: np.maximum(np.maximum(x, 1), x * x), [-2, 0.5]),
    "min": (fn("min", X, 1, mul(X, X)), lambda x: np.minimum(np.minimum(x, 1), x * x), [-2, 0.5]),
    "divide": (div(X, add(1, mul(X, X))), lambda x: x / (1 + x * x), [-2, 0.5]),
    "power": (power(X, 3), lambda x: x**3, [-2, 0.5]),
    "exponent": (power(lift(2), X), lambda x: 2**x, [-2, 0.5]),
    "both": (power(X, X), lambda x: x**x, [0.3, 2.5]),
    "if": (
        iff(cmp(">", X, 0), fn("log", X), mul(X, 2)),
        lambda x: np.log(x) if x > 0 else 2 * x,
        [-2, 0.5],
    ),
    "iverson": (mul(t.Iverson(SPAN, cmp(">", X, 0)), X), lambda x: x * (x > 0), [-2, 0.5]),
    "pi": (mul(t.Constant(SPAN, "pi"), X), lambda x: math.pi * x, [-2, 0.5]),
    "sigmoid": (sigmoid(X), lambda x: 1 / (1 + np.exp(-x)), [-2, 0.5]),
}


@pytest.mark.parametrize("name", POINTWISE)
def test_pointwise_functions(name: str) -> None:
    body, true, points = POINTWISE[name]
    m, tensors = pointwise(body), {"x": np.array(points, dtype=np.float64)}
    found = evaluate(m, {"N": len(points)}, {}, tensors)["y"]
    np.testing.assert_allclose(found, [true(x) for x in tensors["x"]], rtol=1e-14)
    check_gradients(m, {"N": len(points)}, tensors)


def test_derivatives_that_are_zero_or_one_by_decree() -> None:
    def slope(body: t.Expr) -> list[float]:
        tensors = {"x": np.array([0.3, 2.7])}
        found = gradients(pointwise(body), {"N": 2}, tensors, {"y": np.ones(2)})
        return [float(x) for x in found["x"]]

    assert slope(fn("stop", X)) == [0, 0]
    assert slope(mul(fn("stop", X), X)) == [0.3, 2.7]
    assert slope(t.Rounded(SPAN, mul(X, X), "bfloat16")) == [0.6, 5.4]
    assert slope(fn("floor", X)) == [0, 0]


def test_rounded_is_to_nearest_even_with_overflow_and_subnormals() -> None:
    x = np.array([1 + 2.0**-8, 1 + 3 * 2.0**-8, 0.1, 1e39, -3.4e38, 1e-45, 3e-41, 0.0])
    m = pointwise(t.Rounded(SPAN, X, "bfloat16"))
    found = evaluate(m, {"N": len(x)}, {}, {"x": x})["y"]
    want = torch.tensor(x).to(torch.bfloat16).double().numpy()
    np.testing.assert_array_equal(found, want)
    half = evaluate(pointwise(t.Rounded(SPAN, X, "float16")), {"N": len(x)}, {}, {"x": x})["y"]
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(half, x.astype(np.float16).astype(np.float64))


# --- reducers and rows -------------------------------------------------------------------------


def reducing(operator: t.Reducer, type: t.Type = "real") -> t.Module:
    """y[b] = operator[v if m[b,v]] x[b,v]."""
    body = reduce(operator, {"v": "V"}, el("x", "b", "v"), el("m", "b", "v", type="bool"), type)
    return module([var("x", "B", "V"), var("m", "B", "V", type="bool")], eq("y", {"b": "B"}, body))


MASK = np.array([[1, 1, 0, 1], [0, 1, 0, 0], [1, 1, 1, 1]], bool)
REDUCERS: dict[t.Reducer, Callable[[Any], Any]] = {
    "sum": np.sum,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
    "mean": np.mean,
    "logsumexp": lambda x: np.log(np.sum(np.exp(x))),
}


@pytest.mark.parametrize("operator", REDUCERS)
def test_reducers_do_not_look_at_excluded_elements(operator: t.Reducer) -> None:
    x = np.random.default_rng(2).standard_normal((3, 4))
    tensors = {"x": x, "m": MASK}
    sizes = {"B": 3, "V": 4}
    want = [REDUCERS[operator](x[b][MASK[b]]) for b in range(3)]
    found = evaluate(reducing(operator), sizes, {}, tensors)["y"]
    np.testing.assert_allclose(found, want, rtol=1e-13)
    check_gradients(reducing(operator), sizes, tensors)
    undefined = {"x": np.where(MASK, x, np.nan), "m": MASK}
    np.testing.assert_array_equal(evaluate(reducing(operator), sizes, {}, undefined)["y"], found)
    got = gradients(reducing(operator), sizes, undefined, {"y": np.ones(3)})["x"]
    assert np.isfinite(got).all() and not got[~MASK].any()


@pytest.mark.parametrize(
    ("operator", "want"),
    [
        ("sum", 0.0),
        ("prod", 1.0),
        ("max", -math.inf),
        ("min", math.inf),
        ("mean", math.nan),
        ("logsumexp", -math.inf),
    ],
)
def test_reducers_over_nothing(operator: t.Reducer, want: float) -> None:
    tensors = {"x": np.full((1, 4), np.nan), "m": np.zeros((1, 4), bool)}
    found = evaluate(reducing(operator), {"B": 1, "V": 4}, {}, tensors)["y"]
    np.testing.assert_array_equal(found, [want])
    if not math.isnan(want):
        got = gradients(reducing(operator), {"B": 1, "V": 4}, tensors, {"y": np.ones(1)})
        assert not got["x"].any()


def test_argmax_and_argmin_take_the_first_and_are_flagged_over_nothing() -> None:
    x = np.array([[3.0, 5.0, 5.0, 1.0], [-math.inf] * 4, [1.0, 1.0, 0.0, 0.0], [0.0] * 4])
    m = np.array([[1, 1, 1, 1], [0, 0, 1, 1], [0, 1, 1, 1], [0] * 4], bool)
    want: dict[t.Reducer, list[int]] = {"argmax": [1, 2, 1, 0], "argmin": [3, 2, 2, 0]}
    for operator, indices in want.items():
        found, _ = spread(
            reducing(operator, "int"), {"B": 4, "V": 4}, {}, {"x": x, "m": m}, {}, F32
        )
        assert found["y"].nominal.tolist() == indices
        assert found["y"].jump.tolist() == [False, False, False, True]
        assert not found["y"].sigma.any()


def test_reducers_of_integers_and_booleans() -> None:
    variables = [var("k", "B", "V", type="int"), var("m", "B", "V", type="bool")]
    k, m = el("k", "b", "v", type="int"), el("m", "b", "v", type="bool")

    def over(operator: t.Reducer, body: t.Expr, type: t.Type = "int") -> t.Equation:
        return eq(operator, {"b": "B"}, reduce(operator, {"v": "V"}, body, m, type))

    tested = module(
        variables,
        over("sum", k),
        over("prod", k),
        over("max", k),
        over("min", k),
        over("mean", k, "real"),
        over("count", cmp(">", k, 2)),
        over("any", cmp(">", k, 2), "bool"),
        over("all", cmp(">", k, 2), "bool"),
    )
    tensors = {"k": np.array([[4, 2, 7, 3], [1, 2, 3, 4]]), "m": np.zeros((2, 4), bool)}
    tensors["m"][0] = MASK[0]
    found, _ = spread(tested, {"B": 2, "V": 4}, {}, tensors, {}, F32)
    first = {name: x.nominal[0].item() for name, x in found.items()}
    assert first == {
        "sum": 9,
        "prod": 24,
        "max": 4,
        "min": 2,
        "mean": 3.0,
        "count": 2,
        "any": True,
        "all": False,
    }
    empty = {name: x.nominal[1].item() for name, x in found.items() if not x.jump[1]}
    empty.pop("mean")
    assert empty == {"sum": 0, "prod": 1, "count": 0, "any": False, "all": True}
    assert found["max"].jump[1] and found["min"].jump[1], "undefined integers are flagged"
    assert found["all"].nominal.dtype == np.bool_ and found["sum"].nominal.dtype == np.int64


def rows(operator: Literal["softmax", "log_softmax", "rank"]) -> t.Module:
    """y[b,v] = operator[v if m[b,v]] x[b,v], the operator's index renamed."""
    body = row(operator, "v", "V", el("x", "b", "w"), el("m", "b", "w", type="bool"), copy="w")
    return module(
        [var("x", "B", "V"), var("m", "B", "V", type="bool")], eq("y", {"b": "B", "v": "V"}, body)
    )


def test_rows_with_conditions() -> None:
    x = np.array([[1.0, 2.0, 3.0, 2.0], [5.0, 1.0, 7.0, 0.0], [2.0, 2.0, 1.0, 3.0]])
    mask = MASK.copy()
    mask[1] = False
    tensors = {"x": np.where(mask, x, np.nan), "m": mask}
    sizes = {"B": 3, "V": 4}
    e = np.where(mask, np.exp(x), 0.0)
    total = e.sum(1, keepdims=True)
    with np.errstate(all="ignore"):
        p = np.where(mask, e / total, 0.0)
        logs = np.where(mask, np.log(p), -np.inf)
    np.testing.assert_allclose(evaluate(rows("softmax"), sizes, {}, tensors)["y"], p, rtol=1e-14)
    found = evaluate(rows("log_softmax"), sizes, {}, tensors)["y"]
    np.testing.assert_allclose(found, logs, rtol=1e-13)
    ranks = evaluate(rows("rank"), sizes, {}, tensors)["y"]
    assert ranks.tolist() == [[2, 0, 3, 1], [0, 0, 0, 0], [1, 2, 3, 0]]
    check_gradients(rows("softmax"), sizes, {"x": x, "m": mask})
    cotangent = np.random.default_rng(0).standard_normal((3, 4))
    got = gradients(rows("log_softmax"), sizes, tensors, {"y": cotangent})["x"]
    g = np.where(mask, cotangent, 0.0)
    np.testing.assert_allclose(got, g - p * g.sum(1, keepdims=True), rtol=1e-12, atol=1e-14)


def test_rows_with_infinite_entries() -> None:
    x = np.array([[1.0, -math.inf, 1.0, -math.inf], [1.0, math.inf, 0.0, 0.0], [-math.inf] * 4])
    tensors, sizes = {"x": x, "m": np.ones((3, 4), bool)}, {"B": 3, "V": 4}
    nan = math.nan
    found = evaluate(rows("softmax"), sizes, {}, tensors)["y"]
    np.testing.assert_array_equal(found, [[0.5, 0, 0.5, 0], [0, nan, 0, 0], [nan] * 4])
    got = gradients(rows("softmax"), sizes, tensors, {"y": np.array([[1.0, 2.0, 3.0, 4.0]] * 3)})
    np.testing.assert_array_equal(got["x"][0], [-0.5, 0, 0.5, 0])
    lse = evaluate(reducing("logsumexp"), sizes, {}, tensors)["y"]
    np.testing.assert_allclose(lse, [1 + math.log(2), math.inf, -math.inf], rtol=1e-15)


# --- subscripts, guards, integers --------------------------------------------------------------


def test_gathers_add_up_in_the_gradient() -> None:
    m = module(
        [var("E", "V", "D"), var("tok", "B", "T", type="int")],
        eq(
            "y",
            {"b": "B", "t": "T", "d": "D"},
            fn("sin", el("E", el("tok", "b", "t", type="int"), "d")),
        ),
        eq(
            "z",
            {"v": "V"},
            el("E", "v", sub(sub(size("D"), 1), t.IntDiv(SPAN, "%", ix("v"), size("D")))),
        ),
    )
    rng = np.random.default_rng(0)
    tok = np.array([[0, 2, 2, 2], [1, 0, 2, 4]])
    tensors = {"E": rng.standard_normal((5, 3)), "tok": tok}
    sizes = {"B": 2, "T": 4, "V": 5, "D": 3}
    found = evaluate(m, sizes, {}, tensors)
    np.testing.assert_allclose(found["y"], np.sin(tensors["E"][tok]), rtol=1e-15)
    np.testing.assert_array_equal(found["z"], [tensors["E"][v, 2 - v % 3] for v in range(5)])
    check_gradients(m, sizes, tensors)


def test_guards_keep_out_of_range_subscripts_and_undefined_values_away() -> None:
    before = el("x", sub(ix("n"), 1))
    m = module(
        [var("x", "N")],
        eq("y", {"n": "N"}, iff(cmp(">", ix("n"), 0), mul(before, X), 7)),
        eq(
            "z",
            {"n": "N"},
            reduce(
                "sum",
                {"j": "N"},
                div(el("x", sub(ix("n"), ix("j"))), ix("j")),
                t.And(SPAN, (cmp(">", ix("j"), 0), cmp("<=", ix("j"), ix("n")))),
            ),
        ),
    )
    x = np.array([1.5, -2.0, 0.25, 3.0])
    found = evaluate(m, {"N": 4}, {}, {"x": x})
    np.testing.assert_array_equal(found["y"], [7, -3, -0.5, 0.75])
    want = [sum(x[n - j] / j for j in range(1, n + 1)) for n in range(4)]
    np.testing.assert_allclose(found["z"], want, rtol=1e-15)
    check_gradients(m, {"N": 4}, {"x": x})


def test_untaken_branches_leave_no_trace() -> None:
    safe = iff(cmp(">", X, 0), mul(X, fn("log", X)), 0)
    tensors = {"x": np.array([0.0, -1.0, 2.0])}
    outputs, grads = spread(pointwise(safe), {"N": 3}, {}, tensors, {"y": np.ones(3)}, F32)
    np.testing.assert_allclose(outputs["y"].nominal, [0, 0, 2 * math.log(2)])
    np.testing.assert_allclose(grads["x"].nominal, [0, 0, 1 + math.log(2)])
    assert np.isfinite(grads["x"].sigma).all() and not grads["x"].jump.any()


def test_logic_goes_from_left_to_right() -> None:
    undefined = cmp(">", div(1, X), 0)
    m = module(
        [var("x", "N")],
        eq("y", {"n": "N"}, t.And(SPAN, (cmp("!=", X, 0), undefined))),
        eq("z", {"n": "N"}, t.Or(SPAN, (cmp("==", X, 0), undefined))),
        eq("w", {"n": "N"}, t.Not(SPAN, undefined)),
    )
    found, _ = spread(m, {"N": 3}, {}, {"x": np.array([0.0, 2.0, -2.0])}, {}, F32)
    assert found["y"].nominal.tolist() == [False, True, False]
    assert found["z"].nominal.tolist() == [True, True, False]
    assert not found["y"].jump.any() and not found["z"].jump.any()
    assert found["w"].jump.tolist() == [True, False, False], "undefined booleans are flagged"


def test_integer_arithmetic() -> None:
    k = el("k", "n", type="int")
    m = module(
        [var("k", "N", type="int")],
        eq("q", {"n": "N"}, t.IntDiv(SPAN, "//", k, lift(3))),
        eq("r", {"n": "N"}, t.IntDiv(SPAN, "%", k, lift(3))),
        eq("d", {"n": "N"}, div(k, 3)),
        eq("s", {"n": "N"}, sub(mul(k, k, 2), fn("abs", k, type="int"))),
        eq("m", {"n": "N"}, fn("max", k, ix("n"), type="int")),
        eq("i", {"n": "N"}, iff(cmp("<", k, 0), t.Iverson(SPAN, t.Truth(SPAN, True)), size("N"))),
    )
    k_ = np.array([-4, 0, 5])
    found = evaluate(m, {"N": 3}, {}, {"k": k_})
    assert found["q"].tolist() == [-2, 0, 1] and found["r"].tolist() == [2, 0, 2]
    np.testing.assert_allclose(found["d"], k_ / 3, rtol=1e-15)
    assert found["s"].tolist() == [28, 0, 45] and found["s"].dtype == np.int64
    assert found["m"].tolist() == [0, 1, 5] and found["i"].tolist() == [1, 3, 3]


def test_several_bound_indices_and_bodies_that_ignore_them() -> None:
    m = module(
        [var("x", "N")],
        eq("y", {}, reduce("sum", {"n": "N", "k": "K"}, mul(X, X))),
        eq("z", {"k": "K"}, reduce("mean", {"n": "N"}, lift(2.5))),
        eq("p", {}, reduce("prod", {"k": "K"}, reduce("sum", {"n": "N"}, X))),
    )
    tensors = {"x": np.array([1.0, 2.0, 4.0])}
    found = evaluate(m, {"N": 3, "K": 2}, {}, tensors)
    assert found["y"] == 42 and found["z"].tolist() == [2.5, 2.5] and found["p"] == 49
    check_gradients(m, {"N": 3, "K": 2}, tensors)


def test_terms_that_are_zero_count_for_nothing() -> None:
    """0 * log(0) in an entropy, and the norm of the zero vector."""
    entropy = module(
        [var("x", "N")],
        eq("p", {"n": "N"}, row("softmax", "n", "N", X)),
        eq("y", {}, reduce("sum", {"n": "N"}, mul(el("p", "n"), fn("log", el("p", "n"))))),
    )
    tensors = {"x": np.array([0.0, -math.inf, 0.0])}
    outputs, grads = spread(entropy, {"N": 3}, {}, tensors, {"y": np.array(1.0)}, F32)
    np.testing.assert_allclose(outputs["y"].nominal, -math.log(2))
    np.testing.assert_allclose(grads["x"].nominal, [0, 0, 0], atol=1e-16)
    norm = module([var("x", "N")], eq("y", {}, fn("sqrt", reduce("sum", {"n": "N"}, mul(X, X)))))
    got = gradients(norm, {"N": 3}, {"x": np.zeros(3)}, {"y": np.array(1.0)})["x"]
    assert got.tolist() == [0, 0, 0]


def test_derivatives_at_ties_are_undefined() -> None:
    x = {"x": np.array([0.0, 1.0])}
    for body in (fn("max", X, 0), fn("abs", X), fn("min", X, neg(X))):
        got = gradients(pointwise(body), {"N": 2}, x, {"y": np.ones(2)})["x"]
        assert np.isnan(got[0]) and np.isfinite(got[1])
    guarded = iff(cmp(">", X, 0), fn("abs", X), 0)
    assert gradients(pointwise(guarded), {"N": 2}, x, {"y": np.ones(2)})["x"].tolist() == [0, 1]


def test_what_is_not_evaluated_says_so() -> None:
    whole = t.WholeEquation(SPAN, "y", (), t.View(SPAN, "x", (), (size("N"),), "real"), True)
    with pytest.raises(ValueError, match="y is not flat"):
        evaluate(module([var("x", "N")], whole), {"N": 2}, {}, {"x": np.zeros(2)})
    derivative = t.Derivative(SPAN, el("x", "n"), el("x", "n"))
    with pytest.raises(Unsupported):
        evaluate(pointwise(derivative), {"N": 2}, {}, {"x": np.zeros(2)})


# --- extreme values ----------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e4, 1e8])
def test_extreme_logits(scale: float) -> None:
    """exp, log and division written out, as no float could do it."""
    e = eq("e", {"n": "N"}, fn("exp", X))
    total = eq("s", {}, reduce("sum", {"n": "N"}, el("e", "n")))
    p = eq("p", {"n": "N"}, fn("log", div(el("e", "n"), el("s"))))
    x = scale * np.array([1.0, -1.0, 0.5, 0.25])
    m = module([var("x", "N")], e, total, p)
    found = evaluate(m, {"N": 4}, {}, {"x": x})["p"]
    np.testing.assert_allclose(found, x - scale, rtol=1e-15, atol=1e-15 * scale)
    got = gradients(m, {"N": 4}, {"x": x}, {"p": np.array([0.0, 1.0, 0.0, 0.0])})["x"]
    np.testing.assert_allclose(got, [-1, 1, 0, 0], atol=1e-15 * scale)


@pytest.mark.parametrize("scale", [1e4, 1e8])
def test_extreme_attention_stays_well_behaved(scale: float) -> None:
    inputs = attention_inputs()
    inputs["W_Q"] = (inputs["W_Q"] * np.float32(scale)).astype(np.float32)
    cotangent = np.random.default_rng(1).standard_normal((2, 5, 4))
    y, grads = run_attention(inputs, cotangent, torch.float64)
    outputs, found = spread(ATTENTION, SIZES, {}, inputs, {"y": cotangent}, FORMATS["float64"])
    spreads = [outputs["y"], *found.values()]
    for want, got in zip([y, *(grads[name] for name in found)], spreads, strict=True):
        assert np.isfinite(got.sigma).all()
        bound = 32 * got.sigma + 1e-14 * np.abs(want).max()
        assert (np.abs(got.nominal - want) <= bound).all()


# --- Monte Carlo arithmetic --------------------------------------------------------------------


def rms(x: Any) -> float:
    return float(np.sqrt(np.mean(np.square(x))))


@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_sigma_tells_the_error_of_attention_in_float32(scale: float) -> None:
    errors: dict[str, list[Any]] = {}
    for seed in range(4):
        inputs = attention_inputs(scale, seed)
        rng = np.random.default_rng(seed)
        cotangent = rng.standard_normal((2, 5, 4)).astype(np.float32)
        y, grads = run_attention(inputs, cotangent, torch.float32)
        outputs, found = spread(ATTENTION, SIZES, {}, inputs, {"y": cotangent}, F32, seed=seed)
        for name, got in {"y": y, **grads}.items():
            s = outputs.get(name) or found[name]
            errors.setdefault(name, []).append((got - s.nominal) / s.sigma)
            assert (s.sigma > 0).all() and not s.jump.any()
    for name, ratios in errors.items():
        assert 0.1 < rms(ratios) < 3, name
        assert np.abs(ratios).max() < 16, name


def test_sigma_scales_with_the_format() -> None:
    inputs = attention_inputs()
    sigmas = {
        name: rms(spread(ATTENTION, SIZES, {}, inputs, {}, rounding)[0]["y"].sigma)
        for name, rounding in FORMATS.items()
    }
    for name in ("float64", "float16", "bfloat16"):
        ratio = sigmas[name] / sigmas["float32"] / (FORMATS[name].roundoff / F32.roundoff)
        assert 0.5 < ratio < 2, name


def test_sigma_of_rmsnorm_and_dpo_in_float32() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((9, 8)).astype(np.float32)
    g = rng.standard_normal(8).astype(np.float32)
    y = x / np.sqrt((x * x).mean(1, keepdims=True) + np.float32(1e-5)) * g
    s = spread(RMSNORM, {"B": 9, "D": 8}, {}, {"x": x, "g": g}, {}, F32)[0]["y"]
    assert y.dtype == np.float32 and 0.05 < rms((y - s.nominal) / s.sigma) < 3
    beta, ratios = np.float32(0.1), []
    for _ in range(30):
        four = {name: rng.standard_normal(4).astype(np.float32) for name in DPO.inputs}
        m = beta * ((four["lw"] - four["rw"]) - (four["ll"] - four["rl"]))
        loss = np.mean(np.log(1 + np.exp(-m)))
        s = spread(DPO, {"B": 4}, BETA, four, {}, F32)[0]["L"]
        assert loss.dtype == np.float32
        ratios.append((loss - s.nominal) / s.sigma)
    assert 0.05 < rms(ratios) < 3


def test_the_same_call_gives_the_same_noise_and_another_seed_another() -> None:
    inputs = attention_inputs()
    first, again, other = (
        spread(ATTENTION, SIZES, {}, inputs, {}, F32, seed=seed)[0]["y"].sigma for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other) and 0.7 < rms(first) / rms(other) < 1.4


def test_exact_results_have_no_spread() -> None:
    m = module(
        [var("x", "N")],
        eq("a", {"n": "N"}, mul(X, X, 0.25)),
        eq("b", {"n": "N"}, add(X, 0.5)),
        eq("c", {}, reduce("sum", {"n": "N"}, mul(X, X))),
        eq("d", {"n": "N"}, fn("exp", sub(X, X))),
        eq("e", {"n": "N"}, div(X, 4)),
        eq("f", {}, reduce("mean", {"n": "N"}, X)),
        eq("g", {"n": "N"}, row("softmax", "n", "N", sub(X, X))),
        eq("h", {"n": "N"}, power(mul(X, X), decimal("0.5"))),
        eq("i", {}, reduce("logsumexp", {"n": "N"}, X, cmp("==", ix("n"), 0))),
    )
    tensors = {"x": np.array([1.5, -2.0, 0.5, 3.0])}
    cotangents = {name: np.ones(4) for name in "abe"} | {"c": np.array(2.0)}
    for rounding in FORMATS.values():
        outputs, grads = spread(m, {"N": 4}, {}, tensors, cotangents, rounding)
        for name, s in [*outputs.items(), *grads.items()]:
            assert not s.sigma.any(), name
    inexact = pointwise(mul(X, decimal("0.1")))
    s = spread(inexact, {"N": 4}, {}, tensors, {}, F32)[0]["y"]
    assert (s.sigma > 0).all()


def test_equal_operands_stay_equal() -> None:
    """Both sides round alike: their ties are certain, not close calls."""
    rough = fn("exp", mul(X, decimal("0.3")))
    m = module(
        [var("x", "N")],
        eq("s", {"n": "N"}, rough),
        eq("d", {"n": "N"}, sub(rough, el("s", "n"))),
        eq("e", {"n": "N", "k": "N"}, cmp("==", el("s", "n"), el("s", "k"))),
        eq("r", {"n": "N"}, row("rank", "n", "N", el("s", "n"))),
        eq("i", {}, reduce("argmax", {"n": "N"}, el("s", "n"), type="int")),
    )
    outputs, _ = spread(m, {"N": 4}, {}, {"x": np.array([0.7, 1.1, 1.1, 0.7])}, {}, F32)
    assert outputs["r"].nominal.tolist() == [2, 0, 1, 3] and outputs["i"].nominal == 1
    assert not any(outputs[name].jump.any() for name in "eri")
    tied = np.array([0.7, 1.1, 1.1, 0.7])
    assert np.array_equal(outputs["e"].nominal, tied[:, None] == tied)


def test_equal_results_that_lost_something_else_do_not_round_alike() -> None:
    """1 + 2^-60 and 1 + 2^-61 are both 1, as are sigmoid(500) and sigmoid(2000); neither pair is
    equal. What lost the same at twice the size rounds alike."""
    m = module(
        [var("x", "N")],
        eq("a", {"n": "N"}, sub(add(1, X), add(1, mul(X, 0.5)))),
        eq("b", {"n": "N"}, sub(add(mul(X, 0.5), 1), add(X, 1))),
        eq("s", {"n": "N"}, sub(sigmoid(X), sigmoid(mul(X, 4)))),
        eq("t", {"n": "N"}, sub(fn("tanh", X), fn("tanh", mul(X, 2)))),
        eq("z", {"n": "N"}, sub(mul(2, add(1, X)), add(2, mul(2, X)))),
    )
    outputs, _ = spread(m, {"N": 2}, {}, {"x": np.array([2.0**-60, 500.0])}, {}, F32)
    for name, i in (("a", 0), ("b", 0), ("s", 1), ("t", 1)):
        assert outputs[name].nominal[i] == 0 and outputs[name].sigma[i] > 1e-8, name
    assert not outputs["z"].sigma.any()


def test_noise_commutes_with_sign_and_powers_of_two() -> None:
    rough = fn("sin", X)
    m = module(
        [var("x", "N")],
        eq("y", {"n": "N"}, add(rough, neg(rough))),
        eq("z", {"n": "N"}, sub(mul(rough, decimal("0.3"), 2), mul(rough, 2, decimal("0.3")))),
        eq("w", {"n": "N"}, add(mul(rough, decimal("0.3")), mul(neg(rough), decimal("0.3")))),
    )
    outputs, _ = spread(m, {"N": 2}, {}, {"x": np.array([0.7, 1.1])}, {}, F32)
    for s in outputs.values():
        assert not s.nominal.any() and not s.sigma.any()


def test_underflow_is_felt_where_a_tensor_is_stored() -> None:
    y, z = eq("y", {"n": "N"}, fn("exp", X)), eq("z", {"n": "N"}, fn("log", el("y", "n")))
    m = module([var("x", "N")], y, z)
    outputs, _ = spread(m, {"N": 3}, {}, {"x": np.array([-1.0, -101.0, -1e4])}, {}, F32)
    assert 0.2 * 2.0**-149 < outputs["y"].sigma[1] < 2.0**-149
    assert outputs["z"].sigma[0] < 1e-6 < outputs["z"].sigma[1] < 1
    assert 0 < outputs["z"].sigma[2] < 1, "exp(-1e4) is flushed, yet its logarithm is finite"
    np.testing.assert_allclose(outputs["z"].nominal[2], -1e4, rtol=1e-15)


POSITIONS = """\
module Inner
size T
index t: T
input a[T]
output b[t] = a[t] / 3

module M
size T, N
index t: T
input x[T], pos[T] in N
input on[T] in bool
angle[t] = pos[t] / 3
turned[t] = 2 * angle[t]
masked[t] = if on[t] then 1 / 7 else 0
loud[t] = angle[t] * x[t]
passed[t] = t / 3
inner = Inner(passed)
output told[t] = t / 3
c[0] = 1 / 3
c[t+1] = c[t] * step[t]
step[t] = n[t] / 3
n[0] = 1
n[t+1] = if c[t] > 1 then n[t] + 1 else n[t]
output y[t] = sin(turned[t]) * masked[t] + loud[t] + inner[t] + c[t]
"""


@pytest.fixture
def positions(tmp_path: Path) -> t.Module:
    (tmp_path / "m.eq").write_text(POSITIONS, encoding="utf-8")
    return flatten(lawful.load("m.M", tmp_path))


def test_tensors_made_of_integers_alone_are_wide(positions: t.Module) -> None:
    """Not what comes of real inputs, an output, what sequences take a step by, or what a module
    is passed."""
    assert wide_names(positions) == {"angle", "turned", "masked"}


@pytest.mark.parametrize("format", FORMATS)
def test_positions_are_not_rounded_to_16_bits(tmp_path: Path, format: str) -> None:
    """As they would be if they came of a real input."""

    def sigma(angle: str) -> float:
        text = f"module M\nsize N\ninput pos in N, x\nangle = {angle}\noutput y = sin(angle) * x"
        (tmp_path / "m.eq").write_text(text, encoding="utf-8")
        given = {"pos": np.array(1001), "x": np.array(1.0)}
        found, _ = spread(lawful.load("m.M", tmp_path), {"N": 2000}, {}, given, {}, FORMATS[format])
        return float(found["y"].sigma)

    wide, narrow = sigma("pos / 3"), sigma("pos * x / 3")
    if format in ("bfloat16", "float16"):
        assert wide < 2 * FORMATS[format].roundoff and narrow > 10 * wide
    else:
        assert wide == narrow


def test_flushing_reaches_as_far_as_what_became_zero() -> None:
    small = fn("exp", X)
    m = module(
        [var("x", "N")],
        eq("y", {"n": "N"}, mul(small, 100)),
        eq("z", {"n": "N"}, fn("log", small)),
    )
    x = {"x": np.array([-1.0, -90.0])}
    outputs, gradients = flushed(m, {"N": 2}, {}, x, {"y": np.ones(2)}, "float32")
    np.testing.assert_allclose(outputs["y"].reach, [0, 100 * math.exp(-90)], rtol=1e-12)
    np.testing.assert_allclose(gradients["x"].reach, [0, 100 * math.exp(-90)], rtol=1e-12)
    assert outputs["z"].reach.tolist() == [0, math.inf], "log(0) is no number to reach"
    outputs, _ = flushed(m, {"N": 2}, {}, x, {}, "float64")
    assert not outputs["y"].reach.any()


# --- jumps -------------------------------------------------------------------------------------


def test_comparisons_too_close_to_call_are_flagged() -> None:
    third = mul(X, div(1, 3))
    m = module(
        [var("x", "N")],
        eq("y", {"n": "N"}, iff(cmp("<", third, 1), mul(X, X), 0)),
        eq("z", {"n": "N"}, mul(t.Iverson(SPAN, cmp("<", X, 3)), X)),
        eq("f", {"n": "N"}, fn("floor", third)),
        eq("w", {"n": "N"}, add(el("y", "n"), 1)),
        eq("s", {}, reduce("sum", {"n": "N"}, el("y", "n"))),
    )
    x = np.array([3.0, 3 * (1 + 2.0**-22), 3.1, 2.0])
    cotangents = {"w": np.ones(4)}
    outputs, grads = spread(m, {"N": 4}, {}, {"x": x}, cotangents, F32)
    assert outputs["y"].jump.tolist() == [True, True, False, False]
    assert outputs["w"].jump.tolist() == [True, True, False, False]
    assert outputs["f"].jump.tolist() == [True, True, False, False]
    assert outputs["s"].jump
    assert not outputs["z"].jump.any(), "the inputs are exact, and so is comparing them"
    assert grads["x"].jump.tolist() == [True, True, False, False]


def test_close_ranks_and_winners_are_flagged() -> None:
    near = 1 + 2.0**-21
    m = module(
        [var("x", "N")],
        eq("s", {"n": "N"}, fn("exp", mul(X, decimal("0.3")))),
        eq("r", {"n": "N"}, row("rank", "n", "N", el("s", "n"))),
        eq("i", {}, reduce("argmax", {"n": "N"}, el("s", "n"), type="int")),
        eq("j", {}, reduce("argmin", {"n": "N"}, el("s", "n"), type="int")),
        eq("g", {}, el("x", el("i", type="int"))),
        eq("h", {}, reduce("max", {"n": "N"}, el("s", "n"))),
    )
    cotangents = {"h": np.array(1.0)}
    outputs, grads = spread(
        m, {"N": 4}, {}, {"x": np.array([1.0, 2.0, 0.5, 2 * near])}, cotangents, F32
    )
    assert outputs["r"].jump.tolist() == [False, True, False, True]
    assert outputs["i"].jump and not outputs["j"].jump
    assert outputs["g"].jump, "a gather by a subscript in doubt"
    assert not outputs["h"].jump, "a maximum is continuous"
    assert grads["x"].jump.tolist() == [False, True, False, True]


def test_a_kink_in_doubt_marks_the_gradient_alone() -> None:
    rough = sub(mul(X, decimal("0.3")), decimal("0.3"))
    for body in (fn("max", rough, 0), fn("abs", rough)):
        outputs, grads = spread(
            pointwise(body),
            {"N": 2},
            {},
            {"x": np.array([1 + 2.0**-23, 2.0])},
            {"y": np.ones(2)},
            F32,
        )
        assert not outputs["y"].jump.any()
        assert grads["x"].jump.tolist() == [True, False]


def test_both_branches_of_a_choice_in_doubt_are_marked() -> None:
    m = module(
        [var("x", "N"), var("a", "N"), var("b", "N")],
        eq(
            "y",
            {"n": "N"},
            iff(cmp("<", mul(X, div(1, 3)), 1), el("a", "n"), fn("exp", el("b", "n"))),
        ),
    )
    tensors = {"x": np.array([3.0, 1.0]), "a": np.ones(2), "b": np.ones(2)}
    _, grads = spread(m, {"N": 2}, {}, tensors, {"y": np.ones(2)}, F32)
    assert grads["a"].jump.tolist() == [True, False]
    assert grads["b"].jump.tolist() == [True, False]


def test_sampler_flags_the_boundary() -> None:
    """A cumulated probability that nearly is p_top decides who is in the nucleus."""
    z = np.log(np.array([[0.5, 0.25, 0.125, 0.125], [0.4, 0.3, 0.2, 0.1]])).astype(np.float32)
    outputs, _ = spread(
        SAMPLER, {"B": 2, "V": 4}, {"p_top": 0.75}, {"z": z, "u": np.zeros(2)}, {}, F32
    )
    assert outputs["q"].jump[0].any() and not outputs["q"].jump[1].any()
    assert not outputs["x"].jump[1]


def test_undefined_values_have_infinite_sigma() -> None:
    s: Spread = spread(
        pointwise(fn("log", X)), {"N": 3}, {}, {"x": np.array([-1.0, 0.0, 1.0])}, {}, F32
    )[0]["y"]
    assert s.sigma.tolist() == [math.inf, 0, 0]
    assert math.isnan(s.nominal[0]) and s.nominal[1] == -math.inf
