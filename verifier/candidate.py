"""Calls what is to be verified: generated code, or anybody's implementation."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import inspect
import itertools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..compiler import typed as t
from ..compiler.names import class_name, python_name, snake_case
from .regimes import Case
from .state_names import split
from .wire import plain

Array = npt.NDArray[Any]


class CandidateError(Exception):
    """The implementation cannot be found, or does not return what its spec says."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An implementation: `function` takes keywords named as in the generated signature.

    `class_` is the generated nn.Module, None for somebody else's implementation; `accepts` are
    the keywords that the function takes, None where it may take any; `seed` seeds PyTorch where
    it runs.
    """

    name: str
    function: Callable[..., Any]
    class_: type[torch.nn.Module] | None = None
    accepts: frozenset[str] | None = None
    seed: Callable[[int], object] = torch.manual_seed


def generated(module: t.Module, out: Path) -> Candidate:
    """The generated code of a module below the folder `out`, as it is now. Raises
    CandidateError."""
    stem = module.qualified.rpartition(".")[0]
    path = out / (stem.replace(".", "/") + ".py")
    if not path.is_file():
        raise CandidateError(f"there is no generated file {path}; run `lawful build`")
    name, folder = f"_lawful_generated_{next(_numbers)}", out.resolve()
    _load(name, folder / "__init__.py")
    for part in stem.split(".")[:-1]:
        name, folder = f"{name}.{part}", folder / part
        _load(name, folder / "__init__.py")
    loaded = _load(f"{name}.{path.stem}", folder / path.name)
    function, class_ = snake_case(module.name), class_name(module.name)
    if not hasattr(loaded, function) or not hasattr(loaded, class_):
        raise CandidateError(f"{path} defines no {function} and {class_}; run `lawful build`")
    return Candidate(module.qualified, getattr(loaded, function), getattr(loaded, class_))


_numbers = itertools.count()
"""Generated code is loaded afresh each time, under a name of its own: it may have changed."""


class _Source(importlib.machinery.SourceFileLoader):
    """Compiles what a file holds, whatever bytecode of a second ago is there too."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return compile(self.get_data(path), path, "exec", dont_inherit=True)


def _load(name: str, path: Path) -> ModuleType:
    """Import a generated file, an `__init__.py` as a package."""
    if not path.is_file():
        raise CandidateError(f"{path} is missing; run `lawful build`")
    spec = importlib.util.spec_from_file_location(
        name,
        path,
        loader=_Source(name, str(path)),
        submodule_search_locations=[str(path.parent)] if path.stem == "__init__" else None,
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise CandidateError(f"{path} cannot be imported: {why}") from error
    return module


def external(name: str) -> Candidate:
    """The callable that `PKG.MOD:NAME` names, looked for from the current folder too."""
    where, _, what = name.partition(":")
    if not what:
        raise CandidateError(f"`{name}` should be PKG.MOD:CALLABLE")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(where)
        for part in what.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        why = f"{type(error).__name__}: {error}"
        raise CandidateError(f"`{name}` cannot be imported: {why}") from error
    if not callable(found):
        raise CandidateError(f"`{name}` is not callable")
    return Candidate(name, found, accepts=accepts(found))


def accepts(function: Callable[..., Any]) -> frozenset[str] | None:
    """The keywords that a function takes; None where it takes any, or nobody can tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return frozenset(p.name for p in parameters if p.kind in named)


def contained(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose attempts to end the process are errors like others."""

    def call(**keywords: Any) -> Any:
        try:
            return function(**keywords)
        except SystemExit as error:
            raise CandidateError(f"it raises SystemExit: {error}") from error

    return call


@dataclass(frozen=True, slots=True)
class Arguments:
    """The keyword arguments of one call, and which of them are real tensors of the spec."""

    keywords: dict[str, Any]
    reals: dict[str, Tensor]


def arguments(
    module: t.Module, case: Case, dtype: torch.dtype, device: str, *, gradients: bool
) -> Arguments:
    """What the implementation is called with: fresh tensors of the dtype, python numbers; the
    params of submodules as one mapping `params` by state-dict name, computed from those in
    `reals`, which hold all layers of a stack."""
    keywords: dict[str, Any] = {}
    reals: dict[str, Tensor] = {}
    held: dict[str, Tensor] = {}
    variables = {**module.inputs, **module.params, **module.randoms}
    for name, variable in variables.items():
        tensor = torch.from_numpy(np.array(case.tensors[name])).to(device)
        if variable.type == "real":
            tensor = tensor.to(dtype)
            if gradients and variable.kind != "random":
                tensor.requires_grad_()
                reals[name] = tensor
        if "." in name:
            held[name] = tensor
        else:
            keywords[python_name(name)] = tensor
    if held:
        keywords["params"] = {name: x.clone() for name, x in split(module, held).items()}
    for name, const in case.setting.consts.items():
        keywords[python_name(name)] = float(const)
    for name, size in module.sizes.items():
        if size.origin == "passed":
            keywords[python_name(name)] = case.setting.sizes[name]
    return Arguments(keywords, reals)


def tensors(keywords: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors among keyword arguments, and in their mappings, by name."""
    found: dict[str, Tensor] = {}
    for name, value in keywords.items():
        if isinstance(value, Mapping):
            found.update(tensors(value))
        elif isinstance(value, Tensor):
            found[name] = value
    return found


def outputs(module: t.Module, result: Any) -> dict[str, Tensor]:
    """The tensors of a result by the spec's names of its outputs. Raises CandidateError."""
    names = list(module.outputs)
    if isinstance(result, Mapping):
        found = {name: result.get(python_name(name), result.get(name)) for name in names}
    elif hasattr(result, "_asdict"):
        found = {name: getattr(result, python_name(name), None) for name in names}
    elif isinstance(result, tuple | list):
        if len(result) != len(names):
            raise CandidateError(f"it returned {len(result)} values for {', '.join(names)}")
        found = dict(zip(names, result, strict=True))
    elif len(names) == 1:
        found = {names[0]: result}
    else:
        raise CandidateError(f"it returned one value for {', '.join(names)}")
    for name, value in found.items():
        if not isinstance(value, Tensor):
            raise CandidateError(f"its {name} is {type(value).__name__}, not a tensor")
    return {name: plain(value) for name, value in found.items()}


def construct(
    candidate: Candidate, module: t.Module, case: Case, dtype: torch.dtype, device: str
) -> torch.nn.Module:
    """The generated nn.Module at a case's sizes and consts, holding the case's params."""
    assert candidate.class_ is not None
    wanted = inspect.signature(candidate.class_.__init__).parameters
    values: dict[str, Any] = {python_name(name): size for name, size in case.setting.sizes.items()}
    values |= {python_name(name): float(const) for name, const in case.setting.consts.items()}
    keywords = {name: values[name] for name in wanted if name in values}
    built = candidate.class_(**keywords, device=device, dtype=dtype)
    params = {
        name: torch.from_numpy(np.array(case.tensors[name])).to(device, dtype)
        for name in module.params
    }
    own = {python_name(name): x for name, x in params.items() if "." not in name}
    built.load_state_dict(own | split(module, params))
    return built
