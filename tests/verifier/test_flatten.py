"""Flat modules and the order in which their definitions are evaluated."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import lawful
import numpy as np
import pytest
from lawful.compiler import typed as t
from lawful.compiler.show import show_dims
from lawful.verifier.flatten import flatten
from lawful.verifier.oracle import Oracle
from lawful.verifier.reference import evaluate
from lawful.verifier.schedule import schedule
from lawful.verifier.settings import holds

ROOT = Path(__file__).parent / "whole"
Spec = Callable[[str], t.Module]


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    """The module M of a text, flat."""

    def load(text: str) -> t.Module:
        (tmp_path / "m.eq").write_text(text, encoding="utf-8")
        return flatten(lawful.load("m.M", tmp_path))

    return load


def order(module: t.Module, **sizes: int) -> list[tuple[str, tuple[int | None, ...]]]:
    return [(task.name, task.place) for task in schedule(module, sizes)]


# --- flatten -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", lawful.list_modules(ROOT))
def test_all_definitions_are_scalar_and_keep_their_shapes(name: str) -> None:
    module = lawful.load(name, ROOT)
    flat = flatten(module)
    for definition in flat.definitions.values():
        parts = (
            (definition.base, definition.step)
            if isinstance(definition, t.Recurrence)
            else (definition,)
        )
        assert all(isinstance(part, t.Equation) for part in parts)
    for own, definition in module.definitions.items():
        assert show_dims(flat.definitions[own].dims) == show_dims(definition.dims)
        assert flat.definitions[own].type == definition.type
    assert flat.outputs == module.outputs


def test_a_flat_module_stays_as_it_is() -> None:
    flat = flatten(lawful.load("calls.Twice", ROOT))
    again = flatten(flat)
    assert again.definitions == flat.definitions and again.requires == flat.requires
    assert list(again.params) == list(flat.params)


def test_params_of_stacks_have_an_axis_for_the_layers() -> None:
    flat = flatten(lawful.load("calls.Twice", ROOT))
    assert {name: show_dims(p.dims) for name, p in flat.params.items()} == {
        "tower.block.a": "[M, L, D]",
        "tower.block.f.W": "[M, L, D, D]",
        "tower.block.g.W": "[M, L, D, D]",
    }


def test_what_is_called_says_what_it_requires_in_the_terms_of_the_caller(spec: Spec) -> None:
    flat = spec(
        "module M\nsize T\nconst c = 2\ninput x[T]\noutput y = F(x = x, beta = c)\n\n"
        "module F\nsize N, P = N - 1\nindex p: P\ninput x[N]\nconst beta, gamma = 3\n"
        "require beta < gamma\noutput y = sum[p] beta * gamma * x[p]\n"
    )

    def allowed(size: int, const: int) -> bool:
        return all(holds(e, {"T": size}, {"c": Fraction(const)}) for e in flat.requires)

    assert allowed(2, 2) and not allowed(1, 2) and not allowed(2, 3)


def test_a_record_is_called_once(spec: Spec) -> None:
    flat = spec(
        "module M\nsize N\ninput x[N]\nr = F(x = x)\noutput y = r.a * r.b\n\n"
        "module F\nsize N\nindex n: N\ninput x[N]\noutput a = sum[n] x[n]\n"
        "output b = max[n] x[n]\n"
    )
    assert list(flat.definitions) == ["r.a.1.a", "r.a.1.b", "r.a", "r.b", "y"]


def test_an_integer_for_a_real_input_counts_as_a_real(spec: Spec) -> None:
    flat = spec(
        "module M\nsize N\nindex n: N\ninput k[N] in N\ny = F(x = k)\n"
        "output z[n] = y[n] / 2\n\n"
        "module F\nsize N\nindex n: N\ninput x[N]\noutput y[n] = x[n]\n"
    )
    assert {d.type for d in flat.definitions.values()} == {"real"}
    exact = Oracle(flat, {"N": 2}, {}).evaluate({"k": np.array([1, 0])})
    np.testing.assert_array_equal(exact.value("z").high, [0.5, 0.0])


# --- schedule ----------------------------------------------------------------------------------


def test_a_sequence_alone_has_its_base_first() -> None:
    flat = flatten(lawful.load("sequences.GAE", ROOT))
    assert order(flat, B=2, T=3, S=4) == [
        ("delta", (None, None)),
        ("A", (None, 3)),
        ("A", (None, 2)),
        ("A", (None, 1)),
        ("A", (None, 0)),
    ]


def test_what_a_base_calls_comes_before_it_and_what_a_step_calls_in_it() -> None:
    flat = flatten(lawful.load("calls.Coupled", ROOT))
    assert order(flat, B=2, D=2, L=1) == [
        ("h", (0, None, None)),
        ("c.2.y", (None, None)),
        ("c", (0, None, None)),
        ("h.1.y", (0, None, None)),
        ("h", (1, None, None)),
        ("c.3.y", (0, None, None)),
        ("c", (1, None, None)),
        ("y", (None, None)),
    ]


def test_sequences_inside_a_step_are_run_within_it() -> None:
    flat = flatten(lawful.load("calls.DeepRecurrent", ROOT))
    places = [place[:3] for name, place in order(flat, B=1, T=2, D=1, L=2) if name == "a.1.h"]
    assert places == [(layer, None, t_) for layer in range(2) for t_ in range(3)]
    names = [name for name, _ in order(flat, B=1, T=1, D=1, L=2)]
    assert names == ["h", *["a.1.h", "a.1.h", "a.1.y", "a", "h"] * 2, "y"]


def test_a_sequence_of_no_step_is_its_base(spec: Spec) -> None:
    flat = spec(
        "module M\nsize T\nindex j: T // 2\ninput x[T]\nh[0] = 1\nh[j+1] = h[j] * x[j]\n"
        "output y = h[T // 2]\n"
    )
    assert order(flat, T=1) == [("h", (0,)), ("y", ())]
    x = {"x": np.array([3.0])}
    assert evaluate(flat, {"T": 1}, {}, x)["y"] == 1
    assert Oracle(flat, {"T": 1}, {}).evaluate(x).value("y").high == 1


def test_records_between_steps(spec: Spec) -> None:
    flat = spec(
        "module M\nsize N, L\nindex n: N  l: L\ninput x[N]\nh[0] = x\nr[l] = F(x = h[l])\n"
        "h[l+1,n] = h[l,n] * r.a[l] - r.b[l]\noutput y = h[L]\n\n"
        "module F\nsize N\nindex n: N\ninput x[N]\noutput a = sum[n] x[n]\n"
        "output b = max[n] x[n]\n"
    )
    x = np.array([1.0, 2.0])
    exact = Oracle(flat, {"N": 2, "L": 2}, {}).evaluate({"x": x}).value("y").high
    once = x * 3 - 2
    np.testing.assert_array_equal(exact, once * once.sum() - once.max())


def test_what_is_not_flat_is_refused() -> None:
    with pytest.raises(ValueError, match="y is not flat"):
        order(lawful.load("calls.Shared", ROOT), B=1, D=1)
