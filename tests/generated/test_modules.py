"""The generated files: what they promise in `interface.md` holds for every shipped module."""

from __future__ import annotations

import inspect
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

import lawful
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load
from lawful.compiler.names import python_name
from lawful.compiler.project import shipped
from lawful.compiler.typed import Module
from lawful.compiler import typed as t
from lawful.compiler.reads import reads_of
from lawful.compiler.stepwise import parts_of
from lawful.verifier import candidate as c
from lawful.verifier.flatten import flatten
from lawful.verifier.regimes import REGIMES, case

MODULES: Mapping[str, Module] = load(shipped().root, Log())
FLAT = {name: flatten(module) for name, module in MODULES.items()}
NAMES = sorted(MODULES)
FLOATS = ("float64", "float32", "bfloat16", "float16")


def ready(name: str, dtype: torch.dtype = torch.float32) -> tuple[c.Candidate, dict[str, Any]]:
    """A module's generated code, and arguments for its function."""
    module = FLAT[name]
    bits = 24 if dtype in (torch.float32, torch.float64) else 8
    call = c.arguments(module, case(module, REGIMES[0], 0, bits), dtype, "cpu", gradients=False)
    return c.generated(module, shipped().out), call.keywords


def elsewhere(value: Any) -> Any:
    """Tensors, or a mapping of them, on the meta device."""
    if isinstance(value, dict):
        return {name: tensor.to("meta") for name, tensor in value.items()}
    return value.to("meta") if isinstance(value, torch.Tensor) else value


def needed(module: t.Module) -> set[str]:
    """The definitions that an output rests on."""
    found, pending = set[str](), list(module.outputs)
    while pending:
        name = pending.pop()
        if name in found or name not in module.definitions:
            continue
        found.add(name)
        for part in parts_of(module.definitions[name]):
            pending += [read.tensor for read in reads_of(part)]
    return found


def flat(result: Any) -> list[torch.Tensor]:
    return list(result) if isinstance(result, tuple) else [result]


def alike(a: Any, b: Any, tolerance: float = 1e-5) -> bool:
    return all(
        torch.allclose(x.double(), y.double(), rtol=tolerance, atol=tolerance, equal_nan=True)
        for x, y in zip(flat(a), flat(b), strict=True)
    )


def text_of(name: str) -> str:
    stem = name.rpartition(".")[0].replace(".", "/")
    return (shipped().out / f"{stem}.py").read_text(encoding="utf-8")


def test_the_list_of_modules_is_that_of_the_library() -> None:
    assert sorted(lawful.list_modules(shipped().root)) == NAMES and len(NAMES) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_the_file_says_that_it_is_generated_and_from_what(name: str) -> None:
    first = text_of(name).split("\n")[0]
    assert re.fullmatch(r"# Code generated .* DO NOT EDIT\.", first)
    assert name.rpartition(".")[0].replace(".", "/") + ".eq" in first


@pytest.mark.parametrize("name", NAMES)
def test_every_equation_stands_above_its_statement_with_its_place(name: str) -> None:
    lines = text_of(name).split("\n")
    module = MODULES[name]
    for definition in (module.definitions[n] for n in sorted(needed(module))):
        span = definition.span
        last = " ".join(span.text.split("\n")[-1].split())
        place = rf".*\.eq:{span.line}\)"
        found = [
            i
            for i, line in enumerate(lines)
            if re.fullmatch(rf" +# {re.escape(last)}    \({place}", line)
        ]
        assert found, f"{definition.name} has no comment"
        after = (line for line in lines[found[0] + 1 :] if not line.lstrip().startswith("#"))
        assert next(after).strip(), "no statement follows"


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_tells_arguments_shapes_and_sources(name: str) -> None:
    candidate, _ = ready(name)
    doc = " ".join((candidate.function.__doc__ or "").split())
    module = MODULES[name]
    for variable in (*module.inputs.values(), *module.params.values(), *module.randoms.values()):
        assert f"{python_name(variable.name)}: " in doc
    assert "shape (" in doc and "Raises:" in doc and name in doc
    for source in module.sources:
        assert " ".join(source.split()) in doc


@pytest.mark.parametrize("name", NAMES)
def test_constructor_and_state_dict_read_like_the_spec(name: str) -> None:
    module = MODULES[name]
    candidate, _ = ready(name)
    assert candidate.class_ is not None
    parameters = list(inspect.signature(candidate.class_.__init__).parameters.values())[1:]
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters)
    assert {p.name for p in parameters} >= {"device", "dtype", *map(python_name, module.consts)}
    flat = FLAT[name]
    built = c.construct(candidate, flat, case(flat, REGIMES[0], 0, 24), torch.float64, "cpu")
    own = [key for key in built.state_dict() if "." not in key]
    assert own == [python_name(p) for p in module.params]
    inside = {key.split(".")[0] for key in built.state_dict() if "." in key}
    assert inside <= set(map(python_name, module.submodules))
    assert all(p.dtype == torch.float64 for p in built.parameters())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_outputs_follow_dtype_and_device(name: str, dtype: str) -> None:
    candidate, keywords = ready(name, getattr(torch, dtype))
    real = flat(candidate.function(**keywords))
    meta = {k: elsewhere(v) for k, v in keywords.items()}
    for here, there in zip(real, flat(candidate.function(**meta)), strict=True):
        assert there.device.type == "meta" and there.shape == here.shape
        assert there.dtype == here.dtype
        assert here.dtype in (getattr(torch, dtype), torch.int64, torch.bool)


@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_fit_is_refused_by_name(name: str) -> None:
    candidate, keywords = ready(name)
    tensor = next(iter(MODULES[name].inputs))
    for bad, error in (
        (keywords[tensor][None], ValueError),
        (keywords[tensor].bool(), TypeError),
        (keywords[tensor].to("meta"), ValueError),
    ):
        others = list(MODULES[name].inputs.values()) + list(MODULES[name].params.values())
        if error is TypeError and keywords[tensor].dtype == torch.bool:
            continue
        if error is ValueError and bad.device.type == "meta" and len(others) == 1:
            continue
        with pytest.raises(error) as caught:
            candidate.function(**{**keywords, tensor: bad})
        text = str(caught.value)
        assert name in text and ".eq:" in text and "got" in text


def test_a_required_condition_is_checked_on_entry() -> None:
    candidate, keywords = ready("samplers.TopKTopPSampler")
    with pytest.raises(ValueError, match=r"require tau > 0 .*samplers\.eq:\d+.*tau=0"):
        candidate.function(**{**keywords, "tau": 0.0})


@pytest.mark.parametrize("name", NAMES)
def test_it_compiles_into_one_graph(name: str) -> None:
    candidate, keywords = ready(name)
    torch._dynamo.reset()
    compiled = torch.compile(candidate.function, fullgraph=True, backend="aot_eager")
    assert alike(compiled(**keywords), candidate.function(**keywords))


@pytest.mark.skipif(shutil.which("c++") is None, reason="inductor needs a C++ compiler")
@pytest.mark.parametrize("name", ["norms.RMSNorm", "losses.next_token.SequenceLogProb"])
def test_inductor_compiles_it(name: str) -> None:
    candidate, keywords = ready(name)
    torch._dynamo.reset()
    compiled = torch.compile(candidate.function, fullgraph=True)
    assert alike(compiled(**keywords), candidate.function(**keywords))


@pytest.mark.parametrize("name", NAMES)
def test_it_exports(name: str) -> None:
    module = MODULES[name]
    candidate, keywords = ready(name)
    flat = FLAT[name]
    built = c.construct(candidate, flat, case(flat, REGIMES[0], 0, 24), torch.float32, "cpu")
    inputs = {k: keywords[k] for k in map(python_name, (*module.inputs, *module.randoms))}
    exported = torch.export.export(built, (), inputs).module()
    assert alike(exported(**inputs), built(**inputs))


def test_vmap_and_grad_pass_through() -> None:
    candidate, keywords = ready("losses.dpo.DPO")
    keys = ("lw", "ll", "rw", "rl")
    stacked = [torch.stack([keywords[k], 2 * keywords[k]]) for k in keys]
    batched = torch.func.vmap(candidate.function)(*stacked)
    alone = [candidate.function(*(x[i] for x in stacked)) for i in range(2)]
    assert torch.allclose(batched, torch.stack(alone))
    slope = torch.func.grad(candidate.function)(*(keywords[k] for k in keys))
    lw = keywords["lw"].clone().requires_grad_()
    candidate.function(lw, *(keywords[k] for k in keys[1:])).backward()
    assert lw.grad is not None and torch.allclose(slope, lw.grad)


def test_autocast_runs_in_lower_precision() -> None:
    candidate, keywords = ready("attention.CausalSelfAttention")
    with torch.autocast("cpu", torch.bfloat16):
        lower = candidate.function(**keywords)
    assert alike(lower, candidate.function(**keywords), 0.1)


def test_draws_are_made_where_none_are_given_and_follow_the_generator() -> None:
    candidate, keywords = ready("samplers.TopKTopPSampler")
    del keywords["g"]
    first, again = (
        candidate.function(**keywords, generator=torch.Generator().manual_seed(1)) for _ in range(2)
    )
    assert torch.equal(first.x, again.x)
    tokens = {tuple(candidate.function(**keywords).x.tolist()) for _ in range(50)}
    assert len(tokens) > 1
