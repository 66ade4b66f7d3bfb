"""Every feature of the language reference type-checks, and means what the page says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from lawful.compiler import typed as t
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load

ROOT = Path(__file__).parents[2]
SPECS = Path(__file__).parent / "golden" / "language"


@pytest.fixture(scope="module")
def modules() -> dict[str, t.Module]:
    log = Log()
    found = load(SPECS, log)
    assert not log.diagnostics, "\n\n".join(map(str, log.in_order()))
    return found


def check(text: str, folder: Path) -> dict[str, t.Module]:
    (folder / "m.eq").write_text(text)
    log = Log()
    found = load(folder, log)
    assert not log.failed, "\n\n".join(map(str, log.in_order()))
    return found


def test_the_specs_of_every_feature(modules: dict[str, t.Module]) -> None:
    assert list(modules)[:2] == ["attention.CausalSelfAttention", "attention.Norm"]
    assert len(modules) == 18


def test_order_and_groups(modules: dict[str, t.Module]) -> None:
    lstm = modules["recurrences.LSTM"]
    assert list(lstm.definitions) == ["f", "g", "c", "h", "y"]
    (group,) = lstm.groups
    assert (group.index, group.descending) == ("t", False)
    assert [m.name for m in group.members] == ["f", "g", "c", "h"]
    assert modules["recurrences.Returns"].groups[0].descending


def test_a_call_stands_between_the_steps_of_a_sequence(tmp_path: Path) -> None:
    text = (
        "module M\nsize B, L\nindex b: B  l: L\ninput x[B]\nh[0] = x\na[l] = R(x = h[l])\n"
        "h[l+1,b] = h[l,b] + a[l,b]\noutput y = h[L]\n\n"
        "module R\nsize B\nindex b: B\ninput x[B]\noutput y[b] = 2 * x[b]\n"
    )
    (group,) = check(text, tmp_path)["m.M"].groups
    assert [m.name for m in group.members] == ["a", "h"]


def test_a_recurrence(modules: dict[str, t.Module]) -> None:
    sequence = modules["recurrences.LinearAttention"].definitions["S"]
    assert isinstance(sequence, t.Recurrence)
    assert sequence.position == 1 and len(sequence.dims) == 4
    assert [a.name for a in sequence.step.axes] == ["b", "t", "k", "d"]
    assert [a.name for a in sequence.base.axes] == ["b", "k", "d"]
    assert sequence.type == "real"


def test_types(modules: dict[str, t.Module]) -> None:
    sampler = modules["samplers.Sampler"]
    kinds = {name: d.type for name, d in sampler.definitions.items()}
    assert kinds == {
        "p": "real", "place": "int", "kept": "bool", "x": "int", "logp": "real",
        "n": "int", "any_kept": "bool",
    }  # fmt: skip
    greedy = modules["recurrences.Greedy"].definitions["tok"]
    assert greedy.type == "int"


def test_origins_of_sizes(modules: dict[str, t.Module]) -> None:
    sizes = {n: s.origin for n, s in modules["ranges.Rotary"].sizes.items()}
    assert sizes == {
        "T": "shape", "H": "shape", "K": "shape", "G": "shape", "M": "derived", "P": "derived",
    }  # fmt: skip
    assert modules["attention.Stack"].sizes["L"].origin == "passed"


def test_submodules(modules: dict[str, t.Module]) -> None:
    stack = modules["attention.Stack"]
    block = stack.submodules["block"]
    assert block.count is not None and block.module is modules["attention.Block"]
    assert sorted(block.sizes) == ["D", "H", "K"]
    step = stack.definitions["h"]
    assert isinstance(step, t.Recurrence) and isinstance(step.step, t.WholeEquation)
    output = step.step.body
    assert isinstance(output, t.Output) and output.call.use == "block"
    assert isinstance(output.call.instance, t.IndexRef)


def test_records_are_definitions_of_their_fields(modules: dict[str, t.Module]) -> None:
    draw = modules["samplers.Draw"]
    assert list(draw.definitions) == ["r.x", "r.logp", "y"]
    x, logp = draw.definitions["r.x"], draw.definitions["r.logp"]
    assert isinstance(x, t.WholeEquation) and isinstance(logp, t.WholeEquation)
    assert isinstance(x.body, t.Output) and isinstance(logp.body, t.Output)
    assert x.body.call is logp.body.call


def test_laws(modules: dict[str, t.Module]) -> None:
    laws = {law.name: law for law in modules["samplers.Sampler"].laws}
    shift = laws["shift_invariant"]
    assert [b.name for b in shift.free] == ["b", "v"]
    (fixed,) = shift.bindings
    assert isinstance(fixed.target, t.Element) and fixed.target.primed
    assert [b.name for b in fixed.bound] == ["b_1", "v_1"]
    assert [b.name for b in laws["order"].free] == ["b", "v", "w"]
    assert isinstance(laws["cold"].bindings[0].target, t.ConstRef)


def test_a_hidden_index_is_renamed(tmp_path: Path) -> None:
    text = (
        "module M\nsize T\nindex t: T\ninput x[T]\n"
        "output y[t] = x[t] * (sum[t] x[t]) + softmax[t] x[t]\n"
    )
    definition = check(text, tmp_path)["m.M"].definitions["y"]
    assert isinstance(definition, t.Equation) and isinstance(definition.body, t.Add)
    product, row = (term for _, term in definition.body.terms)
    assert isinstance(product, t.Mul) and isinstance(product.factors[1][1], t.Reduce)
    assert product.factors[1][1].bound[0].name == "t_1"
    assert isinstance(row, t.Row) and row.bound.name == row.at.name == "t"


@pytest.mark.parametrize(
    "step",
    ["softmax[t] h[t]", "sum[u] h[u]", "h[t+1]", "h[T]", "sum[u if u <= t + 1] h[u]"],
)
def test_a_step_may_not_read_a_later_one(step: str, tmp_path: Path) -> None:
    (tmp_path / "m.eq").write_text(
        f"module M\nsize T\nindex t, u: T\ninput x[T]\nh[0] = x[0]\nh[t+1] = {step}\n"
        "output y = h[T]\n"
    )
    log = Log()
    load(tmp_path, log)
    assert [e.code for e in log.diagnostics if e.is_error] in (["E612"], ["E601"])


def test_the_guard_outside_a_row_is_not_one_inside(tmp_path: Path) -> None:
    (tmp_path / "m.eq").write_text(
        "module M\nsize T\nindex t: T\ninput x[T]\n"
        "output y[t] = if t > 0 then softmax[t] x[t-1] else 0\n"
    )
    log = Log()
    load(tmp_path, log)
    assert [e.code for e in log.diagnostics] == ["E501"]


@pytest.mark.parametrize(
    "equations",
    [
        "output y[t] = sum[u] x[u]",
        "output y[t] = softmax[t] x[t]",
        "output y[t] = x[T - 1 - t]",
        "c = sum[t] x[t]\noutput y[t] = x[t] * c",
        "h[T] = 0\nh[t] = h[t+1] + x[t]\noutput y[t] = h[t]",
        "s[t,u] = x[t] * x[u]\noutput y[t] = sum[u] s[t,u]",
        "s[t,u] = if u <= t then x[u] else 1\noutput y[t] = prod[u] s[t,u] * x[u]",
        "output y[t] = rank[t] x[t]",
    ],
)
def test_not_causal(equations: str, tmp_path: Path) -> None:
    head = "module M\nsize T\nindex t, u: T\nincremental t\ninput x[T]\n"
    (tmp_path / "m.eq").write_text(head + equations + "\n")
    log = Log()
    load(tmp_path, log)
    codes = {e.code for e in log.diagnostics if e.is_error}
    assert codes and codes <= {"E826", "E825"}


@pytest.mark.parametrize(
    "equations",
    [
        "output y[t] = x[t]",
        "output y[t] = sum[u if u <= t] x[u]",
        "output y[t] = sum[u] [u <= t] * x[u]",
        "output y[t] = sum[u] (if u <= t then x[u] else 0)",
        "output y[t] = if t > 0 then x[t-1] else 0",
        "h[0] = 0\nh[t+1] = h[t] / 2 + x[t]\noutput y[t] = h[t+1] + h[t]",
        "m[t,u] = if u <= t then 0 else -inf\na[t,u] = softmax[u] (m[t,u] + x[u])\n"
        "output y[t] = sum[u] a[t,u] * x[u]",
        "s[t,u] = if u <= t then x[u] else 1\noutput y[t] = prod[u] s[t,u]",
    ],
)
def test_causal(equations: str, tmp_path: Path) -> None:
    check("module M\nsize T\nindex t, u: T\nincremental t\ninput x[T]\n" + equations, tmp_path)


def test_imports(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.eq").write_text(
        "def half(x) = x / 2\nmodule A\nsize N\ninput x[N]\nindex n: N\noutput y[n] = half(x[n])\n"
    )
    (tmp_path / "b.eq").write_text(
        "import A, half from deep.a\nimport RMSNorm from lawful.norms\n"
        "module B\nsize N\ninput x[N]\nindex n: N\na = A(x)\noutput y[n] = half(a[n])\n"
    )
    log = Log()
    assert list(load(tmp_path, log)) == ["b.B", "deep.a.A"] and not log.failed
    assert list(load(tmp_path, log, [tmp_path / "b.eq"])) == ["b.B", "deep.a.A"]
    assert list(load(tmp_path, log, [tmp_path / "deep" / "a.eq"])) == ["deep.a.A"]


def test_checking_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from lawful.compiler.library import load;"
        f"from lawful.compiler.diagnostics import Log; load(Path({str(SPECS)!r}), Log());"
        "print([m for m in ('torch', 'numpy', 'sympy', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
