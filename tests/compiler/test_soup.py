"""No text, however wrong or hostile, raises anything or takes long."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lawful.compiler.check import check
from lawful.compiler.check_scope import World
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load, prelude_world
from lawful.compiler.parse import parse
from lawful.compiler.source import Source

GOLDEN = Path(__file__).parent / "golden"
VALID = [
    path.read_text("utf-8")
    for folder in (GOLDEN / "language", GOLDEN / "diagnostics")
    for path in sorted(folder.glob("*.eq"))
]
WORDS = """
module size index input param const random require use import from def law with given output
incremental if then else and or not in true false sum prod max min mean logsumexp argmax count any
softmax rank exp log relu clip stop rounded grad pi inf A B T t u x y h W 0 1 2 0.5 1e9 + - * / //
% ^ < <= == != = ( ) [ ] , : . ~ ' " # \n \n \n normal uniform xavier gumbel
""".split(" ")

HANGS = 20.0
"""Seconds of the processor after which a check counts as hanging."""


def run(text: str) -> Log:
    """Check a text; whatever is wrong with it must be in the log."""
    log = Log()
    base = prelude_world()
    start = time.process_time()
    check(parse(Source("soup.eq", text), log), "soup", World(dict(base.functions)), log)
    assert time.process_time() - start < HANGS
    for entry in log.in_order():
        assert str(entry)
    return log


relaxed = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@relaxed
@given(st.text(max_size=200))
def test_characters(text: str) -> None:
    run(text)
    run("module M\ninput x\noutput y = " + text)


@relaxed
@given(st.lists(st.sampled_from(WORDS), max_size=60))
def test_words(words: list[str]) -> None:
    run(" ".join(words))
    run("module M\nsize T\nindex t, u: T\ninput x[T]\noutput y[t] = " + " ".join(words))


@relaxed
@given(st.sampled_from(VALID), st.randoms(use_true_random=False), st.integers(1, 4))
def test_mutated_specs(text: str, chance: random.Random, times: int) -> None:
    for _ in range(times):
        text = mutated(text, chance)
    run(text)


def mutated(text: str, chance: random.Random) -> str:
    """A word removed, doubled, replaced or swapped, or a line."""
    pieces = text.split("\n") if chance.random() < 0.3 else text.split(" ")
    joint = "\n" if "\n" not in pieces[0] and len(pieces) == text.count("\n") + 1 else " "
    at, other = chance.randrange(len(pieces)), chance.randrange(len(pieces))
    match chance.randrange(5):
        case 0:
            del pieces[at]
        case 1:
            pieces.insert(at, pieces[other])
        case 2:
            pieces[at] = chance.choice(WORDS)
        case 3:
            pieces[at], pieces[other] = pieces[other], pieces[at]
        case _:
            cut = chance.randrange(len(text) + 1)
            return text[:cut] + chance.choice(WORDS) + text[cut + 1 :]
    return joint.join(pieces)


@relaxed
@given(data=st.binary(max_size=300))
def test_bytes(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("soup")
    (folder / "soup.eq").write_bytes(data)
    load(folder, Log())


HEAD = "module M\nsize A, B, T\nindex a: A   b: B   t, u: T\ninput x[T], n[T] in T\n"
HOSTILE = {
    "a long sum": HEAD + "output y[t] = " + " + ".join(["x[t]"] * 1_000),
    "many provable subscripts": HEAD
    + "output y[t] = if t > 0 then "
    + " + ".join(["x[t - 1]"] * 900)
    + " else 0",
    "many unprovable subscripts": HEAD
    + "output y[t] = "
    + " + ".join(f"x[t * {i} // B - u % A]" for i in range(120)),
    "nested ifs": HEAD + "output y[t] = " + "if x[t] > 0 then x[t] else " * 60 + "0",
    "nested integer ifs": HEAD + "output y[t] = x[" + "if t > 0 then t else " * 40 + "0]",
    "products of sizes": HEAD
    + "require "
    + ", ".join(f"A * B * T > {i} * A * T" for i in range(100))
    + "\noutput y[t] = x[(t * A + B) // (A * B)]",
    "many disjunctions": HEAD
    + "output y[t] = if "
    + " and ".join(f"(t != {i} or t < A // {i + 1})" for i in range(100))
    + " then x[t + 1 - A // B] else 0",
    "defs that double": "".join(f"def f{i}(x) = f{i + 1}(x) * f{i + 1}(x)\n" for i in range(200))
    + "def f200(x) = x\n"
    + HEAD
    + "output y[t] = f0(x[t])",
    "a chain of defs": "def f0(x) = x\n"
    + "".join(f"def f{i + 1}(x) = f{i}(x)\n" for i in range(500))
    + HEAD
    + "output y[t] = f500(x[t])",
    "a def applied to itself many times": HEAD
    + "output y[t] = x["
    + "clip(" * 50
    + "t"
    + ", 0, T - 1)" * 50
    + "]",
    "powers of powers": HEAD + "output y[t] = " + "9 ^ " * 60 + "9 + x[t]",
    "big sizes": HEAD + "size S = " + " * ".join(["(A + B + T)"] * 60) + "\noutput y[t] = x[t % S]",
    "derived of derived": "module M\nsize S0\n"
    + "".join(f"size S{i + 1} = S{i} * S{i} + S{i}\n" for i in range(40))
    + "index i: S40\ninput x[S40]\noutput y = x[S40 - 1]",
    "deep but flat brackets": HEAD + "output y[t] = " + "(" * 63 + "x[t]" + ")" * 63,
    "deep everything": HEAD
    + "output y[t] = "
    + "(not (1 + 2 * x[t] ^ [" * 15
    + "x[t] > 0"
    + "] < 1 and true or false))" * 15,
    "a circle of many": "module M\ninput x\n"
    + "".join(f"a{i} = a{(i + 1) % 400} + x\n" for i in range(400))
    + "output y = a0",
    "a chain of many": "module M\ninput x\n"
    + "".join(f"a{i} = a{i + 1} + x\n" for i in range(400))
    + "a400 = x\noutput y = a0",
    "a chain of sequences": "module M\nsize T\nindex t: T\ninput x[T]\n"
    + "".join(f"a{i}[0] = 0\na{i}[t+1] = a{i + 1}[t] + a{i}[t]\n" for i in range(40))
    + "a40[0] = 0\na40[t+1] = a0[t] + x[t]\noutput y = a0[T]",
    "a chain of modules": "".join(
        f"module M{i}\ninput x\noutput y = M{i + 1}(x = x)\n" for i in range(100)
    )
    + "module M100\ninput x\noutput y = x\n",
    "many statements that are not proved": HEAD
    + "".join(
        f"a{j}[t] = " + " + ".join(f"x[t * {i} // B - T % A]" for i in range(25)) + "\n"
        for j in range(60)
    ),
    "many products that are not proved": HEAD
    + "".join(
        f"a{j}[t] = " + " + ".join(f"x[t * {i} * A - B * T + B * A]" for i in range(100)) + "\n"
        for j in range(12)
    ),
    "requirements about products": HEAD
    + "require "
    + ", ".join(f"A * B * T > {i} * A * T" for i in range(300))
    + "\n"
    + "".join(f"a{j}[t] = x[(t * A + B) // (A * B)]\n" for j in range(200)),
    "requirements about quotients": HEAD
    + "".join(
        "require " + ", ".join(f"T // (A + {i + k * 40}) * B == T * {i}" for i in range(40)) + "\n"
        for k in range(8)
    )
    + "".join(f"a{j}[t] = x[(t * A + B) // (A * B + {j})]\n" for j in range(100)),
    "a mask of many parts": HEAD
    + "output y[t] = if "
    + " and ".join(f"(t != {i} or t < A * {i + 1})" for i in range(100))
    + " then "
    + " + ".join(f"x[t + {i} - A * B]" for i in range(400))
    + " else 0",
    "many integer equations": HEAD
    + "".join(
        f"b{j}[t] = if x[t] > {j} then {f'b{j - 1}[t]' if j else 'n[t]'} + 1 else t // {j + 2}\n"
        for j in range(300)
    )
    + "output y[t] = x[b299[t]]",
    "many integer sequences": HEAD
    + "".join(
        f"c{j}[0] = 0\nc{j}[t+1] = if x[t] > 0 then c{(j + 1) % 60}[t] else n[t] // {j + 1}\n"
        for j in range(60)
    )
    + "output y[t] = x[c0[t]]",
    "modules that double": "module N\nsize T\nindex t: T\ninput x[T]\noutput y[t] = x[t]\n"
    + "".join(
        f"module N{i}\nsize T\nindex t: T\nincremental t\ninput x[T]\n"
        f"a = {f'N{i - 1}' if i else 'N'}(x)\nb = {f'N{i - 1}' if i else 'N'}(a)\n"
        "output y[t] = b[t]\n"
        for i in range(38)
    ),
    "brackets alone": "(" * 40_000,
    "quotes alone": '"' * 40_000,
    "one name": "a" * 40_000,
    "ligatures": "module M\n" + "ﬃ" * 10_000,
    "blank lines": "\n" * 48_000,
    "numbers": HEAD + "output y[t] = x[t + 9999999999999999999999999999999999999999 * t]",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_specs(name: str) -> None:
    run(HOSTILE[name])
