"""The oracle against independent mpmath formulas, and against the language's edges."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from lawful.compiler import typed as t
from lawful.compiler.source import Source, Span
from lawful.verifier.exact import OracleError
from lawful.verifier.extended import UNDEFINED
from lawful.verifier.oracle import Evaluation, Exact, Oracle

# ---- builders: typed modules by hand ------------------------------------------------------

AT = Span(Source("test.eq", "?"), 0, 1)
INFINITY = t.Constant(AT, "inf")
PI = t.Constant(AT, "pi")


def num(value: Any) -> t.Number:
    kind: t.Type = "int" if isinstance(value, int) else "real"
    return t.Number(AT, Fraction(value), kind)


def lift(x: Any) -> t.Expr:
    """A number, an index (a string) or an expression."""
    if isinstance(x, str):
        return t.IndexRef(AT, x)
    return num(x) if isinstance(x, int | float | Fraction) else x


def join(*parts: t.Expr) -> t.Type:
    return "int" if all(part.type == "int" for part in parts) else "real"


def el(tensor: str, *subscripts: Any, type: t.Type = "real") -> t.Element:
    return t.Element(AT, tensor, tuple(lift(s) for s in subscripts), type)


def add(*terms: Any) -> t.Add:
    parts = [lift(x) for x in terms]
    return t.Add(AT, tuple((1, part) for part in parts), join(*parts))


def sub(a: Any, b: Any) -> t.Add:
    return t.Add(AT, ((1, lift(a)), (-1, lift(b))), join(lift(a), lift(b)))


def neg(a: Any) -> t.Add:
    return t.Add(AT, ((-1, lift(a)),), lift(a).type)


def mul(*factors: Any) -> t.Mul:
    parts = [lift(x) for x in factors]
    return t.Mul(AT, tuple(("*", part) for part in parts), join(*parts))


def div(a: Any, b: Any) -> t.Mul:
    return t.Mul(AT, (("*", lift(a)), ("/", lift(b))), "real")


def power(a: Any, b: Any) -> t.Power:
    return t.Power(AT, lift(a), lift(b))


def fn(name: str, *arguments: Any) -> t.Function:
    parts = tuple(lift(x) for x in arguments)
    closed = name in ("abs", "min", "max", "sign", "floor", "ceil", "stop")
    return t.Function(AT, name, parts, join(*parts) if closed else "real")


def cmp(operator: Any, a: Any, b: Any) -> t.Compare:
    return t.Compare(AT, operator, lift(a), lift(b))


def iff(condition: t.Expr, then: Any, otherwise: Any) -> t.If:
    return t.If(AT, condition, lift(then), lift(otherwise), join(lift(then), lift(otherwise)))


def size(name: str) -> t.SizeRef:
    return t.SizeRef(AT, name)


def const(name: str) -> t.ConstRef:
    return t.ConstRef(AT, name)


def bound(spec: str) -> tuple[t.Bound, ...]:
    """`"b:B t:T"`: indices with the sizes they range over."""
    pairs = (part.split(":") for part in spec.split())
    return tuple(t.Bound(AT, name, size(extent)) for name, extent in pairs)


INTEGERS = ("argmax", "argmin", "count")


def red(operator: Any, over: str, body: Any, where: t.Expr | None = None) -> t.Reduce:
    kind: t.Type = lift(body).type
    if operator in INTEGERS:
        kind = "int"
    elif operator in ("mean", "logsumexp"):
        kind = "real"
    return t.Reduce(AT, operator, bound(over), where, lift(body), kind)


def row(operator: Any, at: str, over: str, body: Any, where: t.Expr | None = None) -> t.Row:
    kind: t.Type = "int" if operator == "rank" else "real"
    return t.Row(AT, operator, t.IndexRef(AT, at), bound(over)[0], where, lift(body), kind)


def apply(name: str, body: t.Expr, **arguments: Any) -> t.Apply:
    values = tuple(lift(x) for x in arguments.values())
    return t.Apply(AT, name, tuple(arguments), values, body, True, body.type)


def arg(name: str) -> t.ArgumentRef:
    return t.ArgumentRef(AT, name, "real")


def eq(name: str, axes: str, body: Any, output: bool = True) -> t.Equation:
    return t.Equation(AT, name, bound(axes), lift(body), output)


def module(
    inputs: Mapping[str, str], *equations: t.Equation, types: Mapping[str, t.Type] | None = None
) -> t.Module:
    """`inputs` gives each its dimensions: `{"x": "B T D"}`."""
    variables = {
        name: t.Variable(
            AT, name, "input", tuple(size(d) for d in dims.split()), (types or {}).get(name, "real")
        )
        for name, dims in inputs.items()
    }
    return t.Module(
        AT,
        "M",
        "test.M",
        "",
        (),
        sizes={},
        indices={},
        inputs=variables,
        params={},
        randoms={},
        consts={},
        requires=(),
        submodules={},
        definitions={e.name: e for e in equations},
        groups=(),
        outputs=tuple(e.name for e in equations if e.output),
        laws=(),
        incremental=None,
    )


def scalar(body: Any, **values: Any) -> Evaluation:
    """`y = body` with scalar inputs."""
    m = module(dict.fromkeys(values, ""), eq("y", "", body))
    return Oracle(m, {}, {}).evaluate({name: np.array(x) for name, x in values.items()})


def value(body: Any, **values: Any) -> Any:
    return scalar(body, **values).value("y").values[()]


def slope(body: Any, **values: Any) -> Any:
    """The derivative by x."""
    return scalar(body, **values).gradient({"y": np.array(1.0)})["x"].values[()]


def close(exact: Exact, expected: Any, digits: int = 30) -> bool:
    """Whether all elements agree with mpmath numbers in so many digits."""
    with mpmath.workdps(60):
        for x, y in zip(exact.values.flat, np.asarray(expected, dtype=object).flat, strict=True):
            got = mpmath.mpf(x.str(55, radius=False)) if isinstance(x, arb) else mpmath.mpf(x)
            if abs(got - y) > mpmath.mpf(10) ** -digits * max(abs(y), mpmath.mpf(10) ** -20):
                return False
    return True


def numbers(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


def mp(array: np.ndarray) -> np.ndarray:
    numbers = [mpmath.mpf(float(x)) for x in array.flat]
    return np.array(numbers, dtype=object).reshape(array.shape)


def numeric(f: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    """The gradient of f at x by mpmath's difference quotients."""
    result = np.empty(x.shape, dtype=object)
    for index in np.ndindex(x.shape):

        def along(s: Any, index: tuple[int, ...] = index) -> Any:
            moved = x.copy()
            moved[index] = s
            return f(moved)

        result[index] = mpmath.diff(along, x[index])
    return result


# ---- attention ----------------------------------------------------------------------------

SIZES = {"B": 2, "T": 5, "H": 2, "K": 3, "D": 4}


def attention() -> t.Module:
    def project(w: str, at: str) -> t.Expr:
        return red("sum", "d:D", mul(el(w, "h", "k", "d"), el("x", "b", at, "d")))

    score = t.Mul(
        AT,
        (
            ("*", el("q", "b", "h", "t", "k")),
            ("*", el("r", "b", "h", "u", "k")),
            ("/", fn("sqrt", size("K"))),
        ),
        "real",
    )
    causal = cmp("<=", "u", "t")
    weighted = mul(el("a", "b", "h", "t", "u"), el("v", "b", "h", "u", "k"))
    read = mul(el("W_O", "d", "h", "k"), el("o", "b", "h", "t", "k"))
    return module(
        {"x": "B T D", "W_Q": "H K D", "W_K": "H K D", "W_V": "H K D", "W_O": "D H K"},
        eq("q", "b:B h:H t:T k:K", project("W_Q", "t"), False),
        eq("r", "b:B h:H u:T k:K", project("W_K", "u"), False),
        eq("v", "b:B h:H u:T k:K", project("W_V", "u"), False),
        eq("s", "b:B h:H t:T u:T", red("sum", "k:K", score), False),
        eq("a", "b:B h:H t:T u:T",
           row("softmax", "u", "u:T", el("s", "b", "h", "t", "u"), causal), False),
        eq("o", "b:B h:H t:T k:K", red("sum", "u:T", weighted), False),
        eq("y", "b:B t:T d:D", red("sum", "h:H k:K", read)),
    )  # fmt: skip


def attention_inputs(sizes: Mapping[str, int], seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {"x": "BTD", "W_Q": "HKD", "W_K": "HKD", "W_V": "HKD", "W_O": "DHK"}
    return {name: numbers(rng, *(sizes[s] for s in dims)) for name, dims in shapes.items()}


def attention_by_hand(x: Any, W_Q: Any, W_K: Any, W_V: Any, W_O: Any) -> np.ndarray:
    B, T, D = x.shape
    H, K, _ = W_Q.shape
    y = np.full((B, T, D), mpmath.mpf(0), dtype=object)
    for b, t_, h in itertools.product(range(B), range(T), range(H)):
        q = W_Q[h] @ x[b, t_]
        scores = [q @ (W_K[h] @ x[b, u]) / mpmath.sqrt(K) for u in range(t_ + 1)]
        weights = [mpmath.exp(s) for s in scores]
        for u, w in enumerate(weights):
            y[b, t_] += W_O[:, h] @ (W_V[h] @ x[b, u]) * w / sum(weights)
    return y


def test_attention_values() -> None:
    tensors = attention_inputs(SIZES)
    y = Oracle(attention(), SIZES, {}).evaluate(tensors).value("y")
    with mpmath.workdps(50):
        expected = attention_by_hand(*(mp(x) for x in tensors.values()))
    assert close(y, expected)
    assert y.finite.all() and not y.undefined.any()
    assert np.array_equal(y.high, expected.astype(np.float64))


def test_attention_gradients() -> None:
    sizes = {"B": 1, "T": 3, "H": 1, "K": 2, "D": 2}
    tensors = attention_inputs(sizes, 1)
    cotangent = numbers(np.random.default_rng(2), 1, 3, 2)
    evaluation = Oracle(attention(), sizes, {}).evaluate(tensors)
    gradient = evaluation.gradient({"y": cotangent})
    assert set(gradient) == {*tensors, "q", "r", "v", "s", "a", "o", "y"}
    with mpmath.workdps(60):
        exact = {name: mp(x) for name, x in tensors.items()}
        for name in tensors:

            def loss(moved: np.ndarray, name: str = name) -> Any:
                return (mp(cotangent) * attention_by_hand(**{**exact, name: moved})).sum()

            assert close(gradient[name], numeric(loss, exact[name]), 20)
    assert np.array_equal(gradient["y"].high, cotangent)
    above = np.triu_indices(3, 1)
    assert (gradient["s"].high[0, 0][above] == 0).all()


@pytest.mark.parametrize("scale", [1e4, 1e8])
def test_extreme_scores(scale: float) -> None:
    """One weight is all but 1; the others keep their tiny exact values."""
    m = module({"z": "V"}, eq("p", "v:V", row("softmax", "v", "v:V", el("z", "v"))))
    z = np.array([0.0, scale, -scale])
    evaluation = Oracle(m, {"V": 3}, {}).evaluate({"z": z})
    p = evaluation.value("p")
    with mpmath.workdps(40):
        weights = [mpmath.exp(mpmath.mpf(x) - scale) for x in z]
        expected = mpmath.nstr(weights[0] / sum(weights), 17)
    assert mpmath.almosteq(mpmath.mpf(p.digits((0,))), mpmath.mpf(expected), 1e-15)
    assert list(p.high) == [0, 1, 0] and p.finite.all()
    gradient = evaluation.gradient({"p": np.array([1.0, 2.0, 3.0])})["z"]
    assert gradient.finite.all() and (gradient.high == 0).all()


def test_equal_scores_share_exactly() -> None:
    m = module({"z": "V"}, eq("p", "v:V", row("softmax", "v", "v:V", el("z", "v"))))
    p = Oracle(m, {"V": 4}, {}).evaluate({"z": np.full(4, 0.1)}).value("p")
    assert all(x == arb(0.25) for x in p.values) and (p.low == 0).all()


def test_structures_persist() -> None:
    oracle = Oracle(attention(), SIZES, {})
    oracle.evaluate(attention_inputs(SIZES)).gradient({"y": np.ones((2, 5, 4))})
    first = dict(oracle._structures._known)
    start = time.perf_counter()
    oracle.evaluate(attention_inputs(SIZES, 1)).gradient({"y": np.ones((2, 5, 4))})
    assert time.perf_counter() - start < 0.5
    assert oracle._structures._known == first
    assert len(first) <= 12


# ---- norms, losses, samplers --------------------------------------------------------------


def rmsnorm() -> t.Module:
    mean = red("mean", "e:D", power(el("x", "e"), 2))
    body = mul(el("g", "d"), div(el("x", "d"), fn("sqrt", add(mean, const("eps")))))
    return module({"x": "D", "g": "D"}, eq("y", "d:D", body))


def rmsnorm_by_hand(x: Any, g: Any, eps: Any) -> Any:
    return g * x / mpmath.sqrt(sum(x * x) / len(x) + eps)


@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e200])
def test_rmsnorm(scale: float) -> None:
    rng = np.random.default_rng(3)
    x, g, c = numbers(rng, 4) * scale, numbers(rng, 4), numbers(rng, 4)
    oracle = Oracle(rmsnorm(), {"D": 4}, {"eps": Fraction(1, 10**6)})
    evaluation = oracle.evaluate({"x": x, "g": g})
    with mpmath.workdps(500):
        eps = mpmath.mpf(10) ** -6
        assert close(evaluation.value("y"), rmsnorm_by_hand(mp(x), mp(g), eps), 30)
        root = mpmath.sqrt(sum(mp(x) ** 2) / 4 + eps)
        inner = sum(mp(c) * mp(g) * mp(x))
        by_x = mp(c) * mp(g) / root - mp(x) * inner / (4 * root**3)
        got = evaluation.gradient({"y": c})
        for i in range(4):
            assert got["x"].high[i] == pytest.approx(float(by_x[i]), rel=1e-15)
        assert close(got["g"], mp(c) * mp(x) / root, 30)


def log_sigmoid(x: t.Expr) -> t.Expr:
    sigmoid = apply("sigmoid", div(1, add(1, fn("exp", neg(arg("x"))))), x=arg("y"))
    return apply("log_sigmoid", fn("log", sigmoid), y=x)


def dpo() -> t.Module:
    chosen, rejected = sub(el("lw", "b"), el("rw", "b")), sub(el("ll", "b"), el("rl", "b"))
    margin = mul(const("beta"), sub(chosen, rejected))
    loss = neg(red("mean", "b:B", log_sigmoid(margin)))
    return module(dict.fromkeys(("lw", "ll", "rw", "rl"), "B"), eq("L", "", loss))


def dpo_by_hand(lw: Any, ll: Any, rw: Any, rl: Any) -> Any:
    margins = mpmath.mpf("0.1") * ((lw - rw) - (ll - rl))
    return sum(mpmath.log(1 + mpmath.exp(-m)) for m in margins) / len(margins)


def test_dpo() -> None:
    rng = np.random.default_rng(4)
    tensors = {name: numbers(rng, 3) * 5 for name in ("lw", "ll", "rw", "rl")}
    evaluation = Oracle(dpo(), {"B": 3}, {"beta": Fraction(1, 10)}).evaluate(tensors)
    gradient = evaluation.gradient({"L": np.array(1.0)})
    with mpmath.workdps(60):
        exact = {name: mp(x) for name, x in tensors.items()}
        assert close(evaluation.value("L"), [dpo_by_hand(**exact)])
        for name in tensors:

            def loss(moved: np.ndarray, name: str = name) -> Any:
                return dpo_by_hand(**{**exact, name: moved})

            assert close(gradient[name], numeric(loss, exact[name]), 20)


def test_dpo_at_the_extremes() -> None:
    tensors = {name: np.zeros(2) for name in ("ll", "rw", "rl")}
    tensors["lw"] = np.array([1e5, -1e5])  # margins of ±1e4
    evaluation = Oracle(dpo(), {"B": 2}, {"beta": Fraction(1, 10)}).evaluate(tensors)
    assert evaluation.value("L").digits((), 20) == "5000.0000000000000000"
    by_lw = evaluation.gradient({"L": np.array(1.0)})["lw"]
    assert list(by_lw.high) == [0.0, -0.05]
    assert by_lw.low[1] == float(Fraction(-1, 20) - Fraction(-0.05))


def top_p() -> t.Module:
    """Keep the smallest set of most probable entries that reaches `p_top`; draw from it."""
    before = red("sum", "w:V", el("p", "w"),
                 cmp("<", el("place", "w", type="int"), el("place", "v", type="int")))  # fmt: skip
    kept = el("keep", "v", type="bool")
    return module(
        {"z": "V", "u": ""},
        eq("p", "v:V", row("softmax", "v", "v:V", el("z", "v")), False),
        eq("place", "v:V", row("rank", "v", "v:V", el("z", "v"))),
        eq("keep", "v:V", cmp("<", before, const("p_top"))),
        eq("n", "", red("count", "v:V", kept)),
        eq("best", "", red("argmax", "v:V", el("z", "v"))),
        eq("x", "", red("argmin", "v:V", el("place", "v", type="int"),
                        t.And(AT, (kept, cmp("<=", el("u"), before))))),
    )  # fmt: skip


def test_top_p_sampler() -> None:
    z = np.log(np.array([1.0, 4.0, 2.0, 1.0]))
    oracle = Oracle(top_p(), {"V": 4}, {"p_top": Fraction(7, 10)})
    evaluation = oracle.evaluate({"z": z, "u": np.array(0.25)})
    assert list(evaluation.value("place").values) == [2, 0, 1, 3]
    assert list(evaluation.value("keep").values) == [False, True, True, False]
    assert evaluation.value("keep").high.dtype == np.bool_
    assert evaluation.value("n").values[()] == 2
    assert evaluation.value("n").high.dtype == np.int64
    assert evaluation.value("best").values[()] == 1
    assert evaluation.value("x").values[()] == 2


def test_a_computed_tie_is_decided_as_equal() -> None:
    """The probabilities sum to 1 exactly, though no ball says so."""
    total = red("sum", "v:V", row("softmax", "v", "w:V", el("z", "w")))
    m = module({"z": "V"}, eq("c", "", t.Iverson(AT, cmp("==", total, 1))))
    z = numbers(np.random.default_rng(5), 3)
    assert Oracle(m, {"V": 3}, {}).evaluate({"z": z}).value("c").values[()] == 1


# ---- conditions, offsets, gathers ---------------------------------------------------------


def test_guarded_offset() -> None:
    body = iff(cmp(">", "t", 0), el("x", sub("t", 1)), 0)
    m = module({"x": "T"}, eq("y", "t:T", body))
    evaluation = Oracle(m, {"T": 4}, {}).evaluate({"x": np.arange(1.0, 5.0)})
    assert list(evaluation.value("y").high) == [0, 1, 2, 3]
    gradient = evaluation.gradient({"y": np.array([1.0, 2.0, 3.0, 4.0])})
    assert list(gradient["x"].high) == [2, 3, 4, 0]


def test_an_unguarded_offset_is_an_internal_error() -> None:
    m = module({"x": "T"}, eq("y", "t:T", el("x", sub("t", 1))))
    with pytest.raises(OracleError):
        Oracle(m, {"T": 2}, {}).evaluate({"x": np.zeros(2)})


def test_the_untaken_branch_is_not_looked_at() -> None:
    body = iff(cmp(">", el("x"), 0), fn("log", el("x")), 0)
    assert value(body, x=-1.0) == 0
    assert slope(body, x=-1.0) == 0
    f = apply("f", iff(cmp(">", arg("a"), 0), arg("b"), 0), a=el("x"), b=fn("sqrt", el("x")))
    assert value(f, x=-1.0) == 0
    guarded = t.And(AT, (cmp("!=", el("x"), 0), cmp(">", div(1, el("x")), 0)))
    assert value(t.Iverson(AT, guarded), x=0.0) == 0
    either = t.Or(AT, (cmp("==", el("x"), 0), cmp(">", div(1, el("x")), 0)))
    assert value(t.Iverson(AT, either), x=0.0) == 1


def test_gather() -> None:
    m = module(
        {"E": "V D", "tok": "T"},
        eq("y", "t:T d:D", el("E", el("tok", "t", type="int"), "d")),
        types={"tok": "int"},
    )
    oracle = Oracle(m, {"V": 3, "D": 2, "T": 4}, {})
    E = np.arange(6.0).reshape(3, 2)
    for tok in (np.array([2, 0, 2, 2]), np.array([1, 1, 0, 2])):
        evaluation = oracle.evaluate({"E": E, "tok": tok})
        assert np.array_equal(evaluation.value("y").high, E[tok])
        gradient = evaluation.gradient({"y": np.ones((4, 2))})
        assert np.array_equal(gradient["E"].high[:, 0], np.bincount(tok, minlength=3))
        assert "tok" not in gradient


def test_masks_that_leave_nothing() -> None:
    here = el("m", "u", type="bool")
    x = el("x", "u")
    m = module(
        {"x": "T", "m": "T"},
        eq("sum", "", red("sum", "u:T", x, here)),
        eq("prod", "", red("prod", "u:T", x, here)),
        eq("max", "", red("max", "u:T", x, here)),
        eq("min", "", red("min", "u:T", x, here)),
        eq("lse", "", red("logsumexp", "u:T", x, here)),
        eq("mean", "", red("mean", "u:T", x, here)),
        eq("argmax", "", red("argmax", "u:T", x, here)),
        eq("argmin", "", red("argmin", "u:T", x, here)),
        eq("count", "", red("count", "u:T", cmp(">", x, 0), here)),
        eq("any", "", red("any", "u:T", cmp(">", x, 0), here)),
        eq("all", "", red("all", "u:T", cmp(">", x, 0), here)),
        eq("imax", "", red("max", "u:T", "u", here)),
        eq("p", "t:T", row("softmax", "t", "u:T", x, here)),
        eq("logp", "t:T", row("log_softmax", "t", "u:T", x, here)),
        eq("rank", "t:T", row("rank", "t", "u:T", x, here)),
        types={"m": "bool"},
    )
    oracle = Oracle(m, {"T": 2}, {})
    evaluation = oracle.evaluate({"x": np.array([1.0, np.inf]), "m": np.zeros(2, bool)})
    expected = {
        "sum": 0, "prod": 1, "max": -np.inf, "min": np.inf, "lse": -np.inf, "mean": UNDEFINED,
        "argmax": UNDEFINED, "argmin": UNDEFINED, "count": 0, "any": False, "all": True,
        "imax": UNDEFINED,
    }  # fmt: skip
    for name, y in expected.items():
        assert evaluation.value(name).values[()] == y, name
    assert list(evaluation.value("p").values) == [0, 0]
    assert list(evaluation.value("logp").values) == [-np.inf, -np.inf]
    assert list(evaluation.value("rank").values) == [0, 0]
    assert evaluation.value("mean").undefined and not evaluation.value("max").finite
    ones = {name: np.ones(evaluation.value(name).values.shape) for name in ("sum", "p", "logp")}
    assert list(evaluation.gradient(ones)["x"].values) == [0, 0]

    one = oracle.evaluate({"x": np.array([1.0, 2.0]), "m": np.array([False, True])})
    assert list(one.value("p").values) == [0, 1]
    assert list(one.value("logp").values) == [-np.inf, 0]
    assert list(one.value("rank").values) == [1, 0]


def test_rank_breaks_ties_by_index() -> None:
    m = module(
        {"x": "V"},
        eq("r", "v:V", row("rank", "v", "v:V", el("x", "v"))),
        eq("hi", "", red("argmax", "v:V", el("x", "v"))),
        eq("lo", "", red("argmin", "v:V", el("x", "v"))),
    )
    evaluation = Oracle(m, {"V": 5}, {}).evaluate({"x": np.array([1.0, 3.0, 1.0, 3.0, -np.inf])})
    assert list(evaluation.value("r").values) == [2, 0, 3, 1, 4]
    assert evaluation.value("hi").values[()] == 1
    assert evaluation.value("lo").values[()] == 4


def test_integers() -> None:
    m = module(
        {"n": "T"},
        eq("s", "", red("sum", "t:T", mul(el("n", "t", type="int"), "t"))),
        eq("q", "t:T", t.IntDiv(AT, "//", el("n", "t", type="int"), num(2))),
        eq("r", "t:T", t.IntDiv(AT, "%", el("n", "t", type="int"), num(2))),
        eq("half", "t:T", div(el("n", "t", type="int"), 2)),
        eq("chosen", "t:T", fn("max", el("n", "t", type="int"), fn("abs", neg("t")))),
        types={"n": "int"},
    )
    evaluation = Oracle(m, {"T": 3}, {}).evaluate({"n": np.array([-3, 0, 5])})
    assert evaluation.value("s").values[()] == 10
    assert list(evaluation.value("q").values) == [-2, 0, 2]
    assert list(evaluation.value("r").values) == [1, 0, 1]
    assert list(evaluation.value("half").high) == [-1.5, 0, 2.5]
    assert list(evaluation.value("chosen").values) == [0, 1, 5]


# ---- the edges ----------------------------------------------------------------------------

X = el("x")
OO = float("inf")

EDGES: list[tuple[str, t.Expr, float, Any, Any]] = [
    ("log(0)", fn("log", X), 0.0, -OO, UNDEFINED),
    ("log(-1)", fn("log", X), -1.0, UNDEFINED, UNDEFINED),
    ("log1p(-1)", fn("log1p", X), -1.0, -OO, UNDEFINED),
    ("sqrt(0)", fn("sqrt", X), 0.0, 0, UNDEFINED),
    ("sqrt(-1)", fn("sqrt", X), -1.0, UNDEFINED, UNDEFINED),
    ("sqrt(4)", fn("sqrt", X), 4.0, 2, 0.25),
    ("1 / 0", div(1, X), 0.0, UNDEFINED, UNDEFINED),
    ("0 / 0", div(X, X), 0.0, UNDEFINED, UNDEFINED),
    ("x / x", div(X, X), 3.0, 1, 0),
    ("x - x", sub(X, X), 3.0, 0, 0),
    ("inf - inf", sub(X, X), OO, UNDEFINED, None),
    ("inf / inf", div(X, X), OO, UNDEFINED, None),
    ("1 / inf", div(1, X), OO, 0, 0),
    ("0 * inf", mul(0, X), OO, 0, 0),
    ("x * inf at 0", mul(X, INFINITY), 0.0, 0, OO),
    ("0 * log(-1)", mul(0, fn("log", X)), -1.0, UNDEFINED, UNDEFINED),
    ("0 * log(0)", mul(0, fn("log", X)), 0.0, 0, 0),
    ("x log x at 0", mul(X, fn("log", X)), 0.0, 0, -OO),
    ("0 ^ 0", power(X, 0), 0.0, 1, 0),
    ("0 ^ 1", power(X, 1), 0.0, 0, 1),
    ("0 ^ 2", power(X, 2), 0.0, 0, 0),
    ("0 ^ -1", power(X, -1), 0.0, UNDEFINED, UNDEFINED),
    ("(-2) ^ 3", power(X, 3), -2.0, -8, 12),
    ("(-2) ^ -1", power(X, -1), -2.0, -0.5, -0.25),
    ("(-2) ^ 0.5", power(X, 0.5), -2.0, UNDEFINED, UNDEFINED),
    ("4 ^ 1.5", power(X, 1.5), 4.0, 8, 3),
    ("0 ^ 1.5", power(X, 1.5), 0.0, 0, 0),
    ("0 ^ 0.5", power(X, 0.5), 0.0, 0, UNDEFINED),
    ("2 ^ x", power(1, X), 5.0, 1, 0),
    ("exp(-inf)", fn("exp", X), -OO, 0, 0),
    ("exp(inf)", fn("exp", X), OO, OO, None),
    ("x exp(x) at -inf", mul(X, fn("exp", X)), -OO, 0, 0),
    ("expm1(0)", fn("expm1", X), 0.0, 0, 1),
    ("log1p(0)", fn("log1p", X), 0.0, 0, 1),
    ("sin(0)", fn("sin", X), 0.0, 0, 1),
    ("cos(0)", fn("cos", X), 0.0, 1, 0),
    ("sin(inf)", fn("sin", X), OO, UNDEFINED, None),
    ("tanh(0)", fn("tanh", X), 0.0, 0, 1),
    ("tanh(inf)", fn("tanh", X), OO, 1, 0),
    ("erf(-inf)", fn("erf", X), -OO, -1, 0),
    ("abs at 0", fn("abs", X), 0.0, 0, UNDEFINED),
    ("abs", fn("abs", X), -3.0, 3, -1),
    ("relu at 0", fn("max", X, 0), 0.0, 0, UNDEFINED),
    ("relu", fn("max", X, 0), 2.0, 2, 1),
    ("relu below", fn("max", X, 0), -2.0, 0, 0),
    ("max(x, x)", fn("max", X, X), 2.0, 2, 1),
    ("min", fn("min", X, 0), -2.0, -2, 1),
    ("sign", fn("sign", X), -2.0, -1, 0),
    ("sign(0)", fn("sign", X), 0.0, 0, 0),
    ("floor", fn("floor", X), -1.5, -2, 0),
    ("ceil", fn("ceil", X), -1.5, -1, 0),
    ("floor(inf)", fn("floor", X), OO, OO, 0),
    ("stop", mul(X, fn("stop", X)), 3.0, 9, 3),
    ("stop of more", add(fn("stop", fn("exp", mul(X, X))), X), 0.0, 1, 1),
    ("rounded", mul(X, t.Rounded(AT, X, "bfloat16")), 1.00390625, 1.00390625, 2.00390625),
    ("rounded up", t.Rounded(AT, X, "float16"), 65520.0, OO, 1),
    ("undefined argument", fn("max", fn("log", X), 0), -1.0, UNDEFINED, UNDEFINED),
    ("undefined condition", iff(cmp(">", fn("log", X), 0), X, 0), -1.0, UNDEFINED, UNDEFINED),
    ("exp(min(x, -inf))", fn("exp", fn("min", X, neg(INFINITY))), 1.0, 0, 0),
    ("masked", fn("exp", iff(cmp(">", X, 0), neg(INFINITY), X)), 1.0, 0, 0),
]


@pytest.mark.parametrize(
    ("body", "x", "expected", "by_x"),
    [pytest.param(*rest, id=name) for name, *rest in EDGES],
)
def test_edges(body: t.Expr, x: float, expected: Any, by_x: Any) -> None:
    assert value(body, x=x) == expected
    if by_x is not None:
        assert slope(body, x=x) == by_x


def test_the_rest_of_the_edges() -> None:
    """What needs more than one number."""
    both = {"a": 0.0, "x": OO}
    assert value(mul(el("a"), X), **both) == 0
    gradient = scalar(mul(el("a"), X), **both).gradient({"y": np.array(1.0)})
    assert gradient["x"].values[()] == 0 and gradient["a"].values[()] == OO
    assert value(mul(INFINITY, neg(INFINITY)), x=0.0) == -OO
    assert scalar(fn("cos", PI), x=0.0).value("y").digits((), 30) == "-1." + "0" * 29
    tied = scalar(fn("max", el("a"), X), a=1.0, x=1.0).gradient({"y": np.array(1.0)})
    assert tied["x"].undefined and tied["a"].undefined


def test_a_cotangent_of_zero_asks_nothing() -> None:
    m = module({"x": "T"}, eq("y", "t:T", fn("sqrt", el("x", "t"))))
    evaluation = Oracle(m, {"T": 3}, {}).evaluate({"x": np.array([0.0, 4.0, -1.0])})
    gradient = evaluation.gradient({"y": np.array([0.0, 1.0, 0.0])})
    assert list(gradient["x"].values) == [0, 0.25, 0]
    assert list(evaluation.gradient({"y": np.ones(3)})["x"].undefined) == [True, False, True]


def test_masked_entropy_has_finite_gradients() -> None:
    """p log p at a probability of 0 has an infinite derivative; nothing comes through it."""
    plogp = mul(el("p", "v"), fn("log", el("p", "v")))
    m = module(
        {"z": "V"},
        eq("p", "v:V", row("softmax", "v", "v:V", el("z", "v")), False),
        eq("S", "", neg(red("sum", "v:V", plogp))),
    )
    masked = Oracle(m, {"V": 3}, {}).evaluate({"z": np.array([1.0, 2.0, -np.inf])})
    without = Oracle(m, {"V": 2}, {}).evaluate({"z": np.array([1.0, 2.0])})
    one = {"S": np.array(1.0)}
    assert masked.value("S").digits((), 25) == without.value("S").digits((), 25)
    got, expected = masked.gradient(one)["z"], without.gradient(one)["z"]
    assert list(got.high) == [*expected.high, 0.0] and got.finite.all()


def test_nothing_comes_through_a_masked_probability() -> None:
    """sqrt has no derivative at 0, but where the score is -inf the 0 is there to stay."""
    m = module(
        {"z": "V"},
        eq("p", "v:V", row("softmax", "v", "v:V", el("z", "v")), False),
        eq("y", "v:V", fn("sqrt", el("p", "v"))),
    )
    evaluation = Oracle(m, {"V": 3}, {}).evaluate({"z": np.array([1.0, 2.0, -np.inf])})
    gradient = evaluation.gradient({"y": np.ones(3)})
    assert gradient["p"].undefined[2]
    assert gradient["z"].finite.all() and gradient["z"].values[2] == 0


def test_nothing_comes_through_a_hidden_zero() -> None:
    """The factor of s is 0, which only the last precision tells."""
    hidden = sub(power(fn("sqrt", 2), 2), 2)
    m = module({"x": ""}, eq("s", "", fn("sqrt", X), False), eq("y", "", mul(hidden, el("s"))))
    evaluation = Oracle(m, {}, {}).evaluate({"x": np.array(0.0)})
    assert evaluation.gradient({"y": np.array(1.0)})["x"].values[()] == 0


def test_decisions_are_made_anew_for_new_values() -> None:
    m = module({"x": "T"}, eq("y", "t:T", fn("max", el("x", "t"), 0)))
    oracle = Oracle(m, {"T": 2}, {})
    assert list(oracle.evaluate({"x": np.array([1.0, -1.0])}).value("y").high) == [1, 0]
    assert list(oracle.evaluate({"x": np.array([-1.0, 1.0])}).value("y").high) == [0, 1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([-np.inf, -1e8, -1.5, 0.0, 0.0, 1.5, 1e8]), min_size=1, max_size=5))
def test_row_operators_agree(z: list[float]) -> None:
    """softmax = exp(log_softmax) = exp(z - logsumexp), where z is not -inf throughout."""
    m = module(
        {"z": "V"},
        eq("p", "v:V", row("softmax", "v", "v:V", el("z", "v"))),
        eq("logp", "v:V", row("log_softmax", "v", "v:V", el("z", "v"))),
        eq("lse", "", red("logsumexp", "v:V", el("z", "v")), False),
        eq("p2", "v:V", fn("exp", sub(el("z", "v"), el("lse")))),
        eq("p3", "v:V", fn("exp", el("logp", "v"))),
    )
    evaluation = Oracle(m, {"V": len(z)}, {}).evaluate({"z": np.array(z)})
    p, p2, p3 = (evaluation.value(name) for name in ("p", "p2", "p3"))
    nothing = max(z) == -np.inf
    assert nothing == p.undefined.all() == p.undefined.any()
    assert nothing == p2.undefined.all() == p3.undefined.all()
    if not nothing:
        for i in range(len(z)):
            assert p.digits((i,), 25) == p2.digits((i,), 25) == p3.digits((i,), 25)
        total = sum((Fraction(p.high[i]) + Fraction(p.low[i]) for i in range(len(z))), Fraction(0))
        assert abs(total - 1) < Fraction(1, 10**30)


# ---- accuracy, interface ------------------------------------------------------------------


def test_cancellation_raises_the_precision() -> None:
    """(1e200 + x) - 1e200 keeps x."""
    body = sub(add(el("big"), fn("exp", X)), el("big"))
    exact = scalar(body, big=1e200, x=1.0).value("y")
    with mpmath.workdps(40):
        assert close(exact, [mpmath.e])
    assert exact.high == float(mpmath.e) and abs(exact.low) < 2.3e-16


def test_a_hidden_zero_is_zero() -> None:
    body = sub(power(fn("sqrt", X), 2), X)
    assert value(body, x=2.0) == 0
    assert value(div(1, body), x=2.0) is UNDEFINED


def test_beyond_float64() -> None:
    exact = scalar(fn("exp", X), x=1e4).value("y")
    assert exact.high == np.inf and exact.low == 0 and exact.finite
    assert exact.digits(()) == "8.8068182256629216e+4342"
    assert scalar(fn("exp", X), x=-1e4).value("y").high == 0
    assert scalar(fn("exp", X), x=np.inf).value("y").digits(()) == "inf"
    assert scalar(fn("log", X), x=-1.0).value("y").digits(()) == "undefined"
    with pytest.raises(ValueError, match="1000 digits"):
        exact.digits((), 1000)


def test_what_is_too_small_for_float64_need_not_be_known_to_many_digits() -> None:
    tie = cmp("==", power(fn("sqrt", el("z")), 2), el("z"))  # decided at the last precision,
    body = iff(tie, add(1, fn("erf", X)), 0.5)  # of which 1e-6382 leaves 18 digits here
    exact = scalar(body, x=-121.2, z=2.0).value("y")
    assert exact.high == 0 and exact.finite


def test_inputs_are_exact() -> None:
    third = np.array(Fraction(1, 3), dtype=object)
    assert scalar(mul(3, X), x=third).value("y").high == 1.0
    assert value(mul(2, X), x=np.array(3)) == 6
    assert value(X, x=np.float32(0.1)) == arb(float(np.float32(0.1)))
    assert value(X, x=np.nan) is UNDEFINED


def test_defaults_and_complaints() -> None:
    m = module({"x": "T", "c": ""}, eq("y", "t:T", mul(el("x", "t"), el("c"))))
    default = t.Variable(AT, "c", "input", (), "real", default=neg(div(1, mul(2, size("T")))))
    quarter = replace(m, inputs={"x": m.inputs["x"], "c": default})
    oracle = Oracle(quarter, {"T": 2}, {})
    assert list(oracle.evaluate({"x": np.array([1.0, 2.0])}).value("y").high) == [-0.25, -0.5]
    for tensors in ({}, {"x": np.zeros(3)}, {"x": np.zeros(2), "z": np.zeros(2)}):
        with pytest.raises(OracleError):
            oracle.evaluate(tensors)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_gradients_match_mpmath(data: st.DataObject) -> None:
    """Random compositions of smooth functions."""
    a, b = el("a"), el("x")
    leaves: Sequence[t.Expr] = (a, b, num(2), num(Fraction(1, 3)))
    steps: dict[str, tuple[Callable[..., t.Expr], Callable[..., Any]]] = {
        "add": (add, lambda p, q: p + q),
        "mul": (mul, lambda p, q: p * q),
        "div": (lambda p, q: div(p, add(2, power(q, 2))), lambda p, q: p / (2 + q * q)),
        "tanh": (lambda p, q: fn("tanh", p), lambda p, q: mpmath.tanh(p)),
        "sin": (lambda p, q: fn("sin", p), lambda p, q: mpmath.sin(p)),
        "erf": (lambda p, q: fn("erf", p), lambda p, q: mpmath.erf(p)),
        "exp": (lambda p, q: fn("exp", fn("cos", p)), lambda p, q: mpmath.exp(mpmath.cos(p))),
        "power": (lambda p, q: power(fn("exp", fn("sin", p)), fn("sin", q)),
                  lambda p, q: mpmath.exp(mpmath.sin(p)) ** mpmath.sin(q)),
        "softplus": (lambda p, q: fn("log1p", fn("exp", fn("tanh", p))),
                     lambda p, q: mpmath.log1p(mpmath.exp(mpmath.tanh(p)))),
        "expm1": (lambda p, q: fn("expm1", fn("tanh", p)),
                  lambda p, q: mpmath.expm1(mpmath.tanh(p))),
    }  # fmt: skip

    def grow(depth: int) -> tuple[t.Expr, Callable[[Any, Any], Any]]:
        if depth == 0:
            i = data.draw(st.integers(0, 3))
            return leaves[i], lambda u, v: (u, v, mpmath.mpf(2), mpmath.mpf(1) / 3)[i]
        build, formula = steps[data.draw(st.sampled_from(sorted(steps)))]
        (left, f), (right, g) = grow(depth - 1), grow(depth - 1)
        return build(left, right), lambda u, v: formula(f(u, v), g(u, v))

    body, f = grow(data.draw(st.integers(1, 3)))
    u, v = (data.draw(st.floats(-2, 2)) for _ in range(2))
    evaluation = scalar(body, a=u, x=v)
    gradient = evaluation.gradient({"y": np.array(1.0)})
    with mpmath.workdps(50):
        assert close(evaluation.value("y"), [f(mpmath.mpf(u), mpmath.mpf(v))], 28)
        assert close(gradient["a"], [mpmath.diff(lambda s: f(s, mpmath.mpf(v)), u)], 15)
        assert close(gradient["x"], [mpmath.diff(lambda s: f(mpmath.mpf(u), s), v)], 15)


FUNCTIONS = {name: getattr(mpmath, name) for name in
             ("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tanh", "erf")}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_its_derivative(name: str) -> None:
    evaluation = scalar(fn(name, X), x=0.3)
    with mpmath.workdps(60):
        assert close(evaluation.value("y"), [FUNCTIONS[name](mpmath.mpf(0.3))])
        by_x = evaluation.gradient({"y": np.array(1.0)})["x"]
        assert close(by_x, [mpmath.diff(FUNCTIONS[name], mpmath.mpf(0.3))], 20)


def test_hostile_powers_do_not_hang() -> None:
    tower = power(9, power(9, 9))
    assert scalar(mul(X, tower), x=0.0).gradient({"y": np.array(1.0)})["x"].finite
    grown = fn("exp", mul(10**9, fn("log", 3)))
    assert scalar(mul(fn("exp", X), grown), x=0.0).gradient({"y": np.array(1.0)})["x"].finite
