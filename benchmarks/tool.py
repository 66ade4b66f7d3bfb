"""Times the tool itself: how build and verification grow, and the oracle beside sympy and torch.

    python benchmarks/tool.py                     # a table
    python benchmarks/tool.py --json FILE         # and the figures
    python benchmarks/tool.py --quick             # smaller projects, fewer rounds

Process CPU time of one thread, in one process, medians of alternating rounds; what is compared is
asserted equal first. Commands on the whole library are timed by the clock on the wall, each in a
process of its own. Each row has a gate; status 1 where one is not met.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from math import log
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("norms.eq", "losses/dpo.eq")
"""Specs that import nothing: a project is made of copies of them."""


@dataclass(frozen=True)
class Row:
    """A figure and what it is held to: at most `gate`, or at least where `floor`."""

    name: str
    what: str
    figure: float
    unit: str
    gate: float
    floor: bool = False

    @property
    def met(self) -> bool:
        return self.figure >= self.gate if self.floor else self.figure <= self.gate

    def __str__(self) -> str:
        bound = f"{'>=' if self.floor else '<='} {self.gate:g}"
        verdict = "met" if self.met else "NOT MET"
        figure = f"{self.figure:.4g} {self.unit}"
        return f"{self.name:20} {figure:>16}  {bound:>9}  {verdict:7}  {self.what}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Time the tool itself.")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="smaller projects, fewer rounds")
    options = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(1)
    rounds = 3 if options.quick else 11
    rows = [*library(options.quick), *growth(options.quick), *oracle(rounds)]
    print(f"{'row':20} {'figure':>16}  {'gate':>9}")
    print(*rows, sep="\n")
    if options.json is not None:
        data = {
            "cpus": os.cpu_count(),
            "torch": torch.__version__.partition("+")[0],
            "rows": [{**asdict(row), "met": row.met} for row in rows],
        }
        options.json.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row.met for row in rows) else 1


# Commands on the whole library


def library(quick: bool) -> list[Row]:
    """Rows for `lawful` on a copy of the library: median seconds of the wall clock."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "spec", folder / "spec")
        build = ["build", "--spec", str(folder / "spec"), "--out", str(folder / "generated")]
        edited = folder / "spec" / "losses" / "dpo.eq"

        def anew(turn: int) -> None:
            shutil.rmtree(folder / "cache", ignore_errors=True)
            shutil.rmtree(folder / "generated", ignore_errors=True)

        def edit(turn: int) -> None:
            edited.write_text(edited.read_text(encoding="utf-8") + f"# {turn}\n", encoding="utf-8")

        rounds = 1 if quick else 5
        cases = (
            ("build.anew", "everything, nothing of it remembered", build, anew, 1.0),
            ("build.edited", "one file edited", build, edit, 1.0),
            ("build.unchanged", "nothing changed", build, None, 0.3),
            ("check.unchanged", "nothing changed", ["check", *build[1:3]], None, 0.3),
        )
        rows = []
        for row, what, command, before, gate in cases:
            seconds = _wall(command, folder, rounds, before)
            rows.append(Row(row, f"lawful {command[0]}, whole library, {what}", seconds, "s", gate))
        if not quick:
            verify = ["verify", *build[1:], "--level", "quick", "--no-cache", "--quiet"]
            what = f"lawful verify --level quick, whole library, {os.cpu_count()} processes"
            rows.append(Row("verify.quick", what, _wall(verify, folder, 1, None), "s", 60))
    return rows


def _wall(
    command: list[str], folder: Path, rounds: int, before: Callable[[int], None] | None
) -> float:
    """Median seconds of a command, after what comes before it each time."""
    code = "from lawful.cli.main import main; main()"
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    times = []
    for turn in range(rounds):
        if before is not None:
            before(turn)
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", code, *command],
            env=environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        times.append(time.perf_counter() - start)
    return statistics.median(times)


# How build and verification grow


def growth(quick: bool) -> list[Row]:
    """Rows for the exponents of time against the number of modules and of equations."""
    rows = []
    for what, make, build_at, verify_at in (
        ("modules", copies, (25, 50, 100, 200, 400), (10, 20, 40)),
        ("equations", chain, (25, 50, 100, 200, 400), (25, 50, 100)),
    ):
        for command, sizes in (("build", build_at), ("verify", verify_at)):
            sizes = sizes[: 2 if quick else None]
            _timed(command, make, sizes[0])  # imports, grammar, first calls of torch
            seconds = [_timed(command, make, n) for n in sizes]
            shown = ", ".join(f"{n}: {t:.2f} s" for n, t in zip(sizes, seconds, strict=True))
            exponent = slope(sizes, seconds)
            row = Row(f"{command}.{what}", f"time ~ {what}^figure ({shown})", exponent, "", 1.1)
            rows.append(row)
    return rows


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """The exponent of a power law through the points: least squares of the logarithms."""
    return statistics.linear_regression([log(x) for x in xs], [log(y) for y in ys]).slope


def copies(folder: Path, modules: int) -> None:
    """A project of so many modules, copied from the library under new names."""
    made = number = 0
    while made < modules:
        text = (ROOT / "spec" / COPIED[number % len(COPIED)]).read_text(encoding="utf-8")
        starts = [match.start() for match in re.finditer(r"^module ", text, re.MULTILINE)]
        if len(starts) > modules - made:
            text = text[: starts[modules - made]]
        (folder / f"copy{number}.eq").write_text(text, encoding="utf-8")
        made, number = made + min(len(starts), modules - made), number + 1


def chain(folder: Path, equations: int) -> None:
    """A project of one module with so many equations, each of the one before."""
    lines = ["module Chain", "size B", "index b: B", "input x[B]", "y0[b] = x[b]"]
    lines += [f"y{i}[b] = y{i - 1}[b] / 2 + sin(y{i - 1}[b])" for i in range(1, equations - 1)]
    lines += [f"output z[b] = 3 * y{equations - 2}[b]"]
    (folder / "chain.eq").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _timed(command: str, make: Callable[[Path, int], None], size: int) -> float:
    """Seconds that a command takes for a new project of a size, nothing of it known before."""
    from lawful.cli.main import app

    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(io.StringIO()):
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        spec, out = folder / "spec", folder / "generated"
        spec.mkdir()
        make(spec, size)
        places = ["--spec", str(spec), "--out", str(out)]
        build, verify = ["build", *places], ["verify", *places, "--jobs", "1"]
        options = ["--quiet", "--dtype", "float64"]
        if command == "verify":
            assert app(build, standalone_mode=False) == 0
        start = time.process_time()
        wanted = [*verify, *options] if command == "verify" else build
        assert app(wanted, standalone_mode=False) == 0, f"{wanted} does not hold"
        return time.process_time() - start


# The oracle beside sympy and gradcheck

SIZES = {"B": 1, "H": 2, "G": 2, "K": 4, "D": 8}
DIGITS = 30


def oracle(rounds: int) -> list[Row]:
    """Rows for attention with rotary positions: exact values, and with derivatives."""
    import torch
    from lawful.generated.attention import rotary_attention

    small, exact = _prepared(4)
    tensors, expressions = _tensors(4), _expressions(4, _tensors(4))
    for (position, feature), evaluate in expressions.items():
        found = Fraction(exact().value("y").digits((0, position, feature), DIGITS))
        error = abs(Fraction(str(evaluate())) - found)
        assert error < Fraction(10) ** (3 - DIGITS), f"y[0,{position},{feature}] is off by {error}"
    per_position = [_median(evaluate, 1) for evaluate in expressions.values()]
    theirs = sum(per_position) * SIZES["D"]
    ours = _median(lambda: exact().value("y"), rounds)

    inputs = {n: torch.tensor(x.tolist(), dtype=torch.float64) for n, x in tensors.items()}
    leaves = [x.requires_grad_() for x in inputs.values()]

    def code(*given: torch.Tensor) -> torch.Tensor:
        return rotary_attention(**dict(zip(inputs, given, strict=True)))

    cotangent = {"y": tensors["x"]}
    torch.autograd.backward(code(*leaves), torch.tensor(tensors["x"]))
    gradients = small(cotangent)
    for name, x in inputs.items():
        error = (x.grad - torch.tensor(gradients[name].high)).abs().max()
        assert error < 1e-12 * x.grad.abs().max(), f"the derivative by {name} is off by {error}"
    seconds: dict[str, list[float]] = {"gradcheck": [], "ours": []}
    for _ in range(rounds):
        check = _seconds(lambda: torch.autograd.gradcheck(code, leaves))
        seconds["gradcheck"].append(check)
        seconds["ours"].append(_seconds(lambda: small(cotangent)))
    with_gradients = statistics.median(seconds["ours"]) / statistics.median(seconds["gradcheck"])
    _, larger = _prepared(32)
    at_32 = _median(lambda: larger().value("y"), max(3, rounds // 3))
    return [
        Row(
            "oracle.sympy",
            f"times faster than xreplace + evalf({DIGITS}), T=4: {1e3 * ours:.2f} ms for all "
            f"values; theirs extrapolated from one feature of each position: {theirs:.2f} s",
            theirs / ours,
            "times",
            1_000,
            floor=True,
        ),
        Row("oracle.T32", "all values at T=32", at_32, "s", 0.1),
        Row(
            "oracle.gradcheck",
            "values and all derivatives, T=4, over the time of torch.autograd.gradcheck "
            f"({statistics.median(seconds['gradcheck']):.3f} s)",
            with_gradients,
            "",
            1.0,
        ),
    ]


def _tensors(length: int) -> dict[str, Any]:
    """Inputs and params of attention.RotaryAttention at a length: dyadic numbers."""
    import numpy as np

    rng = np.random.default_rng(0)
    b, h, g, k, d = SIZES.values()
    shapes = {"x": (b, length, d), "W_Q": (h, k, d), "W_K": (g, k, d), "W_V": (g, k, d)}
    shapes["W_O"] = (d, h, k)
    return {name: rng.integers(-64, 65, shape) / 64 for name, shape in shapes.items()}


def _prepared(length: int) -> tuple[Callable[[Mapping[str, Any]], Any], Callable[[], Any]]:
    """Our oracle at a length: what differentiates, and what evaluates. Structures of elements
    are known by then, as sympy's expressions are; every number is worked out anew."""
    import lawful
    from lawful.verifier.flatten import flatten
    from lawful.verifier.oracle import Oracle

    module = flatten(lawful.load("lawful.attention.RotaryAttention"))
    sizes = {**SIZES, "T": length, "M": 1, "P": SIZES["K"] // 2}
    made = Oracle(module, sizes, {"base": Fraction(10_000)}, DIGITS)
    tensors = _tensors(length)

    def exact() -> Any:
        return made.evaluate(tensors)

    def differentiated(cotangent: Mapping[str, Any]) -> Any:
        return exact().gradient(cotangent)

    exact()
    if length <= 4:
        differentiated({"y": tensors["x"]})
    return differentiated, exact


def _expressions(length: int, tensors: Mapping[str, Any]) -> dict[tuple[int, int], Any]:
    """By position and feature: what evaluates an output with sympy, as one expression of all
    inputs. The first feature of every position alone."""
    import sympy

    given = {
        (name, *index): sympy.Symbol(f"{name}_{'_'.join(map(str, index))}")
        for name, array in tensors.items()
        for index, _ in _items(array)
    }
    numbers = {
        given[(name, *index)]: sympy.Rational(*float(x).as_integer_ratio())
        for name, array in tensors.items()
        for index, x in _items(array)
    }
    heads, k, d = range(SIZES["H"]), SIZES["K"], range(SIZES["D"])

    def linear(weights: str, h: int, t: int) -> list[Any]:
        return [sum(given[weights, h, i, e] * given["x", 0, t, e] for e in d) for i in range(k)]

    def turned(v: Sequence[Any], t: int) -> list[Any]:
        angles = [t * sympy.Integer(10_000) ** sympy.Rational(-2 * j, k) for j in range(k // 2)]
        pairs = [(v[2 * j], v[2 * j + 1], sympy.cos(a), sympy.sin(a)) for j, a in enumerate(angles)]
        return [z for p, q, c, s in pairs for z in (p * c - q * s, q * c + p * s)]

    def evaluator(t: int) -> Callable[[], Any]:
        total: Any = 0
        for h in heads:
            q = turned(linear("W_Q", h, t), t)
            rotated = [turned(linear("W_K", h, u), u) for u in range(t + 1)]
            scores = [
                sum(a * b for a, b in zip(q, r, strict=True)) / sympy.sqrt(k) for r in rotated
            ]
            weights = [sympy.exp(s) for s in scores]
            values = [linear("W_V", h, u) for u in range(t + 1)]
            for i in range(k):
                mixed = sum(w * v[i] for w, v in zip(weights, values, strict=True))
                total += given["W_O", 0, h, i] * mixed / sum(weights)
        return lambda: total.xreplace(numbers).evalf(DIGITS)

    return {(t, 0): evaluator(t) for t in range(length)}


def _items(array: Any) -> list[tuple[tuple[int, ...], float]]:
    import numpy as np

    return list(np.ndenumerate(array))


def _median(call: Callable[[], object], rounds: int) -> float:
    return statistics.median(_seconds(call) for _ in range(rounds))


def _seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


if __name__ == "__main__":
    sys.exit(main())
