"""The names of the params of submodules: in a flat module, and in a state dict.

block.attn.W, with a leading axis for the layers  ~  block.0.attn.W, block.1.attn.W, …
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from ..compiler.names import python_name
from ..compiler.typed import Module

Path = tuple[str | None, ...]
"""The components of a state-dict name; None where the number of a layer stands."""
Tensor = TypeVar("Tensor", bound=Any)


def paths(module: Module) -> Iterator[tuple[str, Path]]:
    """The params of submodules, each by its name in the flat module."""
    for use, submodule in module.submodules.items():
        stem: Path = (python_name(use),) if submodule.count is None else (python_name(use), None)
        for name in submodule.module.params:
            if "." not in name:
                yield f"{use}.{name}", (*stem, python_name(name))
        for name, path in paths(submodule.module):
            yield f"{use}.{name}", stem + path


def split(module: Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """From tensors by their names in the flat module to those of a state dict."""
    state: dict[str, Tensor] = {}
    for name, path in paths(module):
        for layer in np.ndindex(tuple(tensors[name].shape[: path.count(None)])):
            state[_text(path, layer)] = tensors[name][layer]
    return state


def gather(module: Module, state: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """The way back, for nested lists and arrays. Raises ValueError."""
    left = dict(state)
    found: dict[str, np.ndarray[Any, Any]] = {}
    for name, path in paths(module):
        layers = {layer: left.pop(key) for key in state if (layer := _layer(key, path)) is not None}
        counts = tuple(1 + max(numbers) for numbers in zip(*layers, strict=True))
        missing = [layer for layer in np.ndindex(counts) if layer not in layers]
        if missing:
            first = missing[0] if layers else (0,) * path.count(None)
            raise ValueError(f"no value for {_text(path, first)}")
        arrays = [np.array(layers[layer], dtype=object) for layer in np.ndindex(counts)]
        if len({array.shape for array in arrays}) > 1:
            raise ValueError(f"the layers of {name} have different shapes")
        found[name] = np.stack(arrays).reshape(counts + arrays[0].shape)
    if left:
        raise ValueError(f"nothing is called {min(left)}")
    return found


def located(module: Module, name: str, index: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """An element of a tensor of the flat module, by the name in a state dict."""
    path = dict(paths(module)).get(name)
    if path is None or len(index) < path.count(None):
        return name, index
    depth = path.count(None)
    return _text(path, index[:depth]), index[depth:]


def _text(path: Path, layer: tuple[int, ...]) -> str:
    numbers = iter(layer)
    return ".".join(str(next(numbers)) if part is None else part for part in path)


def _layer(key: str, path: Path) -> tuple[int, ...] | None:
    """The layer that a state-dict name speaks of; None where it is of another path."""
    parts = key.split(".")
    if len(parts) != len(path):
        return None
    for part, wanted in zip(parts, path, strict=True):
        if part != wanted and (wanted is not None or not (part.isascii() and part.isdecimal())):
            return None
    return tuple(int(part) for part, wanted in zip(parts, path, strict=True) if wanted is None)
