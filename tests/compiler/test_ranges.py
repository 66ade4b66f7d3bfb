"""The integer prover: what it proves is true, and what specs need it can prove."""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lawful.compiler import linear as lin
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load

PROVABLE = {
    "an index": ("", "", "t"),
    "shifted and guarded": ("", "", "if t > 0 then t - 1 else 0"),
    "shifted the other way": ("", "", "if t < T - 1 then t + 1 else 0"),
    "reversed": ("", "", "T - 1 - t"),
    "a window guarded": ("", "", "if t >= A then t - A else 0"),
    "a remainder": ("A <= T", "", "t % A"),
    "a quotient": ("", "", "t // A"),
    "the second half": ("", "i: T // 2", "T // 2 + i"),
    "odd places": ("", "i: T // 2", "2 * i + 1"),
    "odd places, even size": ("T % 2 == 0", "i: T // 2", "T - 2 * i - 2"),
    "next of an even place": ("T % 2 == 0", "", "if t % 2 == 0 then t + 1 else t - 1"),
    "a flat position": ("T == A * B", "a: A  b: B", "a * B + b"),
    "a group of heads": ("A % B == 0, A // B <= T", "a: A", "a % (A // B)"),
    "the group of a head": ("A == B * T", "a: A", "a // (A // T)"),
    "the group of a head, divisible": ("A % T == 0", "a: A", "a // (A // T)"),
    "the least of two": ("", "", "min(t + A, T - 1)"),
    "clipped": ("", "", "clip(t - A, 0, T - 1)"),
    "a distance": ("", "u: T", "abs(t - u)"),
    "the start of a block": ("", "", "t - t % A"),
    "a choice of two": ("", "u: T", "if t < u then u - t else t - u"),
    "an integer input": ("", "", "n[t]"),
    "an integer input, guarded": ("", "", "if n[t] > 0 then n[t] - 1 else 0"),
    "a place that was found": ("", "u: T", "argmax[u if u <= t] x[u]"),
    "one before a place that was found": ("", "u: T", "(argmax[u if u > 0] x[u]) - [T > 1]"),
    "a count": ("", "u: T", "if count[u] (x[u] > 0) < T then count[u] (x[u] > 0) else 0"),
    "either way": ("", "", "if t == 0 or t > T - 2 then 0 else t + 1"),
    "not not": ("", "", "if not (t <= 0 or not t < T) then t - 1 else 0"),
    "in two dimensions": ("T == A * A", "a, b: A", "if a < b then a * A + b else 0"),
}

UNPROVABLE = {
    "one before": ("", "", "t - 1"),
    "one after": ("", "", "t + 1"),
    "the wrong guard": ("", "", "if t > 0 then t + 1 else 0"),
    "a window": ("", "", "if t > A then t - A - 2 else 0"),
    "a remainder": ("", "", "(t + 1) % A"),
    "odd size": ("", "i: T // 2 + 1", "2 * i"),
    "indivisible heads": ("A >= T", "a: A", "a // (A // T)"),
    "an integer input": ("", "", "n[t] + 1"),
    "a count": ("", "u: T", "count[u] (x[u] > 0)"),
}


def spec(require: str, index: str, subscript: str) -> str:
    lines = ["module M", "size T, A, B", "index t: T"]
    lines += [f"index {x}" for x in index.split("  ") if x]
    lines += [f"require {require}"] * bool(require)
    groups = [x.partition(":")[0] for x in index.split("  ")]
    bound = [x.strip() for group in groups for x in group.split(",") if x.strip()]
    lines += ["input x[T], n[T] in T, pad[A, B]"]
    free = ",".join(["t", *(b for b in bound if f"[{b}" not in subscript)])
    lines += [f"output y[{free}] = x[{subscript}] + pad[0,0] + n[0]"]
    return "\n".join(lines)


def errors(text: str, folder: Path) -> list[str]:
    (folder / "m.eq").write_text(text)
    log = Log()
    load(folder, log)
    return [entry.code for entry in log.diagnostics if entry.is_error]


@pytest.mark.parametrize("name", PROVABLE)
def test_proves(name: str, tmp_path: Path) -> None:
    assert errors(spec(*PROVABLE[name]), tmp_path) == []


@pytest.mark.parametrize("name", UNPROVABLE)
def test_does_not_prove(name: str, tmp_path: Path) -> None:
    assert set(errors(spec(*UNPROVABLE[name]), tmp_path)) <= {"E501", "E502"}
    assert errors(spec(*UNPROVABLE[name]), tmp_path)


# soundness, against trying everything


def integer(chance: random.Random, depth: int) -> tuple[str, str]:
    """An integer expression, in the language and in Python."""
    if depth == 0 or chance.random() < 0.2:
        leaf = chance.choice(["t", "t", "t", "u", "T", "A", "B", "1", "2", "0"])
        return leaf, leaf
    a, b = integer(chance, depth - 1), integer(chance, depth - 1)
    match chance.randrange(9):
        case 0 | 1:
            return f"({a[0]} + {b[0]})", f"({a[1]} + {b[1]})"
        case 2 | 3:
            return f"({a[0]} - {b[0]})", f"({a[1]} - {b[1]})"
        case 4:
            return f"({a[0]} * {b[0]})", f"({a[1]} * {b[1]})"
        case 5:
            d = chance.choice(["2", "3", "A", "B"])
            op = chance.choice(["//", "%"])
            return f"({a[0]} {op} {d})", f"({a[1]} {op} {d})"
        case 6:
            f = chance.choice(["min", "max"])
            return f"{f}({a[0]}, {b[0]})", f"{f}({a[1]}, {b[1]})"
        case 7:
            c = condition(chance, depth - 1)
            return f"(if {c[0]} then {a[0]} else {b[0]})", f"({a[1]} if {c[1]} else {b[1]})"
        case _:
            return f"abs({a[0]})", f"abs({a[1]})"


def condition(chance: random.Random, depth: int) -> tuple[str, str]:
    if depth > 0 and chance.random() < 0.4:
        a, b = condition(chance, depth - 1), condition(chance, depth - 1)
        op = chance.choice(["and", "or"])
        return f"({a[0]} {op} not {b[0]})", f"({a[1]} {op} not {b[1]})"
    a, b = integer(chance, depth), integer(chance, depth)
    op = chance.choice(["<", "<=", ">", ">=", "==", "!="])
    return f"({a[0]} {op} {b[0]})", f"({a[1]} {op} {b[1]})"


@settings(
    deadline=None,
    max_examples=400,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.randoms(use_true_random=True))
def test_what_is_proved_is_true(tmp_path: Path, chance: random.Random) -> None:
    value, python = integer(chance, 3)
    guard, guard_python = condition(chance, 2)
    require, require_python = chance.choice(
        [("T == A * B", "T == A * B"), ("T % 2 == 0", "T % 2 == 0"), ("A <= T", "A <= T")]
    )
    text = (
        "module M\nsize T, A, B\nindex t, u: T\n"
        f"require {require}\ninput x[T], pad[A, B]\n"
        f"output y[t,u] = (if {guard} then x[{value}] else 0) + pad[0,0]\n"
    )
    if errors(text, tmp_path):
        return
    code = compile(python, "value", "eval")
    when = compile(guard_python, "guard", "eval")
    needs = compile(require_python, "require", "eval")
    for T, A, B in product(range(1, 5), repeat=3):
        sizes = {"T": T, "A": A, "B": B}
        if not eval(needs, sizes):
            continue
        for t, u in product(range(T), repeat=2):
            if eval(when, sizes | {"t": t, "u": u}):
                assert 0 <= eval(code, sizes | {"t": t, "u": u}) < T, text


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([(), ("a",), ("b",), ("a", "b")]), st.integers(-3, 3), min_size=1
        ),
        min_size=1,
        max_size=5,
    )
)
def test_a_contradiction_has_no_solution(
    constraints: list[dict[tuple[str, ...], int]],
) -> None:
    if not lin.contradictory(constraints, lin.Meter()):
        return
    for a, b in product(range(-6, 7), repeat=2):
        values = {(): 1, ("a",): a, ("b",): b, ("a", "b"): a * b}
        assert any(sum(v * values[m] for m, v in c.items()) < 0 for c in constraints)


def test_no_solution_is_found_where_integers_have_none() -> None:
    a = lin.atom("a")
    twice = lin.add(a, a)
    odd = [lin.shift(twice, -1), lin.shift(lin.negate(twice), 1)]
    assert lin.contradictory(odd, lin.Meter())  # 2a == 1
