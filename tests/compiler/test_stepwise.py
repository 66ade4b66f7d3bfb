"""What an incremental module keeps, what it recomputes, and what stands against it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from lawful.compiler.build import generate
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load
from lawful.compiler.outputs import write
from lawful.compiler.stepwise import Stepwise, stepwise
from lawful.compiler.typed import Module
from lawful.runtime.ops import Cache
from torch._dynamo.testing import CompileCounterWithBackend

HEAD = "size B, T, D\nindex b: B  t, u: T  d: D\n"
FLAT = "size B, T\nindex b: B  t, u: T\n"
SPECS = {
    "Local": HEAD + "input x[B, T, D]\nincremental t\noutput y[b,t,d] = x[b,t,d] ^ 2\n",
    "Places": HEAD + "input x[B, T, D]\nincremental t\noutput y[b,t,d] = x[b,t,d] + t\n",
    "Looks": HEAD
    + "input x[B, T, D]\nincremental t\n"
    + "k[b,u] = sum[d] x[b,u,d]\noutput y[b,t] = sum[u if u <= t] k[b,u]\n",
    "Shifts": FLAT
    + "input x[B, T]\nincremental t\nq[b,t] = 2 * x[b,t]\n"
    + "output y[b,t] = q[b,t] + (if t > 0 then x[b,t-1] else 0)\n",
    "Recurs": FLAT
    + "input x[B, T]\nincremental t\nh[b,0] = 0\nh[b,t+1] = h[b,t] / 2 + x[b,t]\n"
    + "output y[b,t] = h[b,t+1] - h[b,t]\n",
    "Both": FLAT
    + "input x[B, T]\nincremental t\nh[b,0] = 1\nh[b,t+1] = h[b,t] / 2 + x[b,t]\n"
    + "output y[b,t] = sum[u if u <= t] h[b,u] * x[b,t]\n",
    "Late": FLAT
    + "input x[B, T]\nincremental t\nh[b,0] = 3\n"
    + "h[b,t+1] = h[b,t] / 2 + t * (if t > 0 then x[b,t-1] else 0)\n"
    + "output y[b,t] = h[b,t+1]\n",
    "Scores": HEAD
    + "input x[B, T, D]\nincremental t\ns[b,t,u] = sum[d] x[b,t,d] * x[b,u,d]\n"
    + "a[b,t,u] = softmax[u if u <= t] s[b,t,u]\n"
    + "output y[b,t,d] = sum[u] a[b,t,u] * x[b,u,d]\n",
    "Drawn": FLAT
    + "input x[B, T]\nrandom g[B, T] ~ normal(mean = 0, std = 1)\nincremental t\n"
    + "output y[b,t] = sum[u if u <= t] (x[b,u] + g[b,u])\n",
}
KEPT = {
    "Local": ({}, set(), False),
    "Places": ({}, set(), True),
    "Looks": ({"k": 1}, set(), True),
    "Shifts": ({"x": 1}, set(), True),
    "Recurs": ({}, {"h"}, False),
    "Both": ({"h": 1}, {"h"}, True),
    "Late": ({"x": 1}, {"h"}, True),
    "Scores": ({"x": 1}, set(), True),
    "Drawn": ({"x": 1, "g": 1}, set(), True),
}


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Module]:
    root = tmp_path_factory.mktemp("stepwise")
    text = "\n".join(f"module {name}\n{spec}" for name, spec in SPECS.items())
    (root / "spec").mkdir()
    (root / "spec" / "steps.eq").write_text(text, encoding="utf-8")
    log = Log()
    found = load(root / "spec", log)
    assert not log.failed, "\n".join(map(str, log.in_order()))
    write(generate(found), root / "generated", True)
    return {module.name: module for module in found.values()}


@pytest.fixture(scope="module")
def code(modules: dict[str, Module], tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    root = tmp_path_factory.mktemp("code") / "stepped"
    write(generate({m.qualified: m for m in modules.values()}), root, True)
    sys.path.insert(0, str(root.parent))
    try:
        return importlib.import_module("stepped.steps")
    finally:
        sys.path.remove(str(root.parent))


def derived(module: Module) -> Stepwise:
    found, obstacles = stepwise(module, "T")
    assert obstacles == []
    return found


@pytest.mark.parametrize("name", SPECS)
def test_it_keeps_what_later_positions_still_read(name: str, modules: dict[str, Module]) -> None:
    found = derived(modules[name])
    extended, states, positional = KEPT[name]
    assert {e.source: e.position for e in found.extended.values()} == extended
    assert found.states == states
    assert found.positional == positional
    assert found.is_pointwise == (name == "Local")


@pytest.mark.parametrize("cuts", [(1, 1, 1, 1, 1), (5,), (2, 3), (4, 1)])
@pytest.mark.parametrize("name", SPECS)
def test_steps_give_what_the_whole_gives(
    name: str, cuts: tuple[int, ...], modules: dict[str, Module], code: ModuleType
) -> None:
    tensors, built = sequence(modules[name], 5), getattr(code, name)()
    cache, pieces, start = built.init_cache(5), [], 0
    for count in cuts:
        new = {key: value[:, start : start + count] for key, value in tensors.items()}
        piece, cache = built.step(cache, **new)
        pieces.append(piece)
        start += count
    assert cache.length == 5
    torch.testing.assert_close(torch.cat(pieces, 1), built(**tensors), rtol=1e-12, atol=1e-12)


def sequence(module: Module, length: int) -> dict[str, torch.Tensor]:
    """Random inputs of that many positions."""
    torch.manual_seed(0)
    shape = (2, length, 3) if len(module.inputs["x"].dims) == 3 else (2, length)
    tensors = {"x": torch.randn(shape, dtype=torch.float64)}
    if module.randoms:
        tensors["g"] = torch.randn(2, length, dtype=torch.float64)
    return tensors


def compiled_steps(built: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> int:
    """How often a step is compiled that gives one position after another after two that were
    given at once, and that it gives what the whole gives."""
    counter = CompileCounterWithBackend("aot_eager")
    torch.compiler.reset()
    step = torch.compile(built.step, backend=counter, fullgraph=True)
    length = tensors["x"].shape[1]
    for capacity in (length, length):
        cache = built.init_cache(capacity)
        piece, cache = built.step(cache, **{key: value[:, :2] for key, value in tensors.items()})
        pieces = [piece]
        for t in range(2, length):
            piece, cache = step(cache, **{key: value[:, t, None] for key, value in tensors.items()})
            pieces.append(piece)
        assert cache.length == length
        wanted = built(**tensors)
        torch.testing.assert_close(torch.cat(pieces, 1), wanted, rtol=1e-12, atol=1e-12)
    return counter.frame_count


@pytest.mark.parametrize("name", SPECS)
def test_a_step_is_compiled_once_for_all_positions(
    name: str, modules: dict[str, Module], code: ModuleType
) -> None:
    assert compiled_steps(getattr(code, name)(), sequence(modules[name], 22)) == 1


def test_a_step_that_knows_its_position_as_a_number_is_compiled_again(
    modules: dict[str, Module], code: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Numbered(Cache):
        def begin(self, count: int, device: torch.device) -> tuple[int, int]:  # type: ignore[override]
            return self.length, super().begin(count, device)[1]

        def advance(self, count: int) -> None:
            self._length = self.length + count
            self.past += count

    built = code.Looks()
    monkeypatch.setattr(built, "init_cache", Numbered)
    assert compiled_steps(built, sequence(modules["Looks"], 22)) > 1


def test_a_cache_may_be_set_back(code: ModuleType) -> None:
    built = code.Looks()
    cache = built.init_cache(3)
    built.step(cache, torch.ones(1, 3, 1))
    cache.length = 1
    compiled = torch.compile(built.step, backend="aot_eager", fullgraph=True)
    assert built.step(cache, 5 * torch.ones(1, 1, 1))[0].tolist() == [[6.0]]
    cache.length = 1
    assert compiled(cache, 7 * torch.ones(1, 1, 1))[0].tolist() == [[8.0]]


def test_a_compiled_step_without_room_fails(code: ModuleType) -> None:
    built = code.Looks()
    cache = built.init_cache(3)
    built.step(cache, torch.ones(1, 2, 1))
    step = torch.compile(built.step, backend="aot_eager", fullgraph=True)
    step(cache, torch.ones(1, 1, 1))
    with pytest.raises(IndexError, match="out of bounds"):
        step(cache, torch.ones(1, 1, 1))


def test_steps_may_be_compiled_and_not_by_turns(code: ModuleType) -> None:
    built = code.Looks()
    cache, found = built.init_cache(6), []
    compiled = torch.compile(built.step, backend="aot_eager", fullgraph=True)
    for step in (built.step, compiled, built.step, built.step, compiled, built.step):
        found.append(step(cache, torch.ones(1, 1, 1))[0].item())
    assert found == [1, 2, 3, 4, 5, 6]


def test_a_full_cache_says_so_and_stays_as_it_was(code: ModuleType) -> None:
    built = code.Looks()
    cache = built.init_cache(3)
    built.step(cache, torch.ones(1, 2, 1))
    with pytest.raises(ValueError, match="a cache for 3 positions cannot hold 4"):
        built.step(cache, torch.ones(1, 2, 1))
    assert cache.length == 2
    last, _ = built.step(cache, torch.ones(1, 1, 1))
    assert last.tolist() == [[3.0]]


def test_a_cache_has_room_for_something(code: ModuleType) -> None:
    with pytest.raises(ValueError, match="room for 1 position or more, not 0"):
        code.Looks().init_cache(0)


def test_buffers_are_allocated_once(code: ModuleType) -> None:
    built = code.Looks()
    cache = built.init_cache(4)
    built.step(cache, torch.ones(1, 1, 1))
    before = cache.tensors["k"].data_ptr()
    for _ in range(3):
        built.step(cache, torch.ones(1, 1, 1))
    assert cache.tensors["k"].data_ptr() == before


OBSTACLES: dict[str, tuple[str, str]] = {
    "two ways": (
        "input x[B, T]\nincremental t\ns[b,t,u] = x[b,t] * x[b,u]\n"
        "output y[b,t] = sum[u if u <= t] (s[b,t,u] + s[b,u,t])\n",
        "is read along several of its axes of time",
    ),
    "in its own loop": (
        "input x[B, T]\nincremental t\nh[b,0] = 0\n"
        "h[b,t+1] = x[b,t] + (sum[u if u <= t] h[b,u])\noutput y[b,t] = h[b,t]\n",
        "at positions before the last, in its own loop",
    ),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_what_cannot_be_kept_is_refused_at_its_place(name: str, tmp_path: Path) -> None:
    body, message = OBSTACLES[name]
    head = "size B, T\nindex b: B  t, u: T\n"
    (tmp_path / "m.eq").write_text(f"module M\n{head}{body}", encoding="utf-8")
    log = Log()
    assert load(tmp_path, log) == {}
    (found,) = log.diagnostics
    assert found.code == "E828" and message in found.message


def callee(mark: str) -> str:
    inner = f"module Inner\n{FLAT}input x[B, T]\n{mark}"
    inner += "output y[b,t] = sum[u if u <= t] x[b,u]\n"
    outer = "module Outer\nsize B, T\nindex t: T\ninput x[B, T]\nincremental t\n"
    return f"{inner}\n{outer}output z = Inner(x = x)\n"


def test_a_callee_that_looks_back_must_be_incremental(tmp_path: Path) -> None:
    for mark, codes in (("", ["E828"]), ("incremental t\n", [])):
        (tmp_path / "m.eq").write_text(callee(mark), encoding="utf-8")
        log = Log()
        load(tmp_path, log)
        assert [d.code for d in log.diagnostics if d.code.startswith("E")] == codes
