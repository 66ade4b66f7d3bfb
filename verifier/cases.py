"""Cases kept in files: what a verification failed at is tried first in the next.

    .lawful/cases/MODULE/HASH.json

Numbers are exact: integers, fractions, hexadecimal floats. A module keeps the last `MOST` cases,
also those that have come to pass.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..compiler import typed as t
from .plan import BITS, Options
from .regimes import Case, shape_of
from .settings import Const, NoSetting, Setting, holds, with_derived
from .shrink import possible

Array = npt.NDArray[Any]

VERSION = 1
FOLDER = Path(".lawful", "cases")
MOST = 20
"""How many cases of a module are kept."""


class CaseError(ValueError):
    """A file that holds no case."""


class Misfit(Exception):
    """A case that is none of the module as it is now; says why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A case in a file: of which module, which check failed at it, in which dtype."""

    module: str
    check: str
    dtype: str
    case: Case


def save(folder: Path, kept: Kept) -> Path:
    """Write a case below a folder, and let go of the oldest of its module. Raises OSError."""
    text = json.dumps(_as_json(kept), indent=1) + "\n"
    place = folder / kept.module
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)
    oldest_first = sorted(place.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
    for old in oldest_first[:-MOST]:
        old.unlink(missing_ok=True)
    return path


def kept_cases(module: t.Module, options: Options) -> tuple[list[Case], list[str]]:
    """The cases in files that a run of a flat module tries, none where it is narrowed to a
    regime, and notes on those that no longer fit it. Raises CaseError."""
    paths = [options.case] if options.case else []
    if options.cases and not options.case and not options.regime:
        paths = sorted((options.cases / module.qualified).glob("*.json"))
    cases, notes = [], []
    for path in paths:
        kept = read(path)
        if kept.dtype in options.dtypes:
            try:
                cases.append(fitted(kept, module))
            except Misfit as error:
                notes.append(f"{path} is passed over: {error}")
    return cases, notes


def read(path: Path) -> Kept:
    """The case in a file. Raises CaseError."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CaseError(f"{path} cannot be read: {error}") from error
    version = data.get("version") if isinstance(data, dict) else None
    if version != VERSION:
        raise CaseError(f"{path} is no case of version {VERSION}")
    try:
        return _kept(data, path)
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        what = f"there is no {error}" if isinstance(error, KeyError) else str(error)
        raise CaseError(f"{path} is no case: {what}") from error


def fitted(kept: Kept, module: t.Module) -> Case:
    """The case of a file as one of the flat module. Raises Misfit where it is none."""
    if kept.module != module.qualified:
        raise Misfit(f"it is a case of {kept.module}")
    the_case = kept.case
    given, consts = the_case.setting.sizes, the_case.setting.consts
    try:
        setting = Setting(with_derived(module, given), consts)
    except (NoSetting, KeyError) as error:
        raise Misfit(f"there is no size {error}") from error
    variables = {**module.inputs, **module.params, **module.randoms}
    reals = [n for n in module.outputs if module.definitions[n].type == "real"]
    for what, own, wanted in (
        ("sizes", given, setting.sizes),
        ("consts", consts, module.consts),
        ("tensors", the_case.tensors, variables),
        ("real outputs", the_case.cotangents, reals),
    ):
        if set(own) != set(wanted):
            raise Misfit(f"the {what} are {', '.join(own)} there and {', '.join(wanted)} here")
    if dict(given) != dict(setting.sizes):
        raise Misfit("the derived sizes are others")
    if not all(holds(condition, setting.sizes, consts) for condition in module.requires):
        raise Misfit("it does not satisfy what is required")
    for name, variable in variables.items():
        array = the_case.tensors[name]
        if _type(array) != variable.type or array.shape != shape_of(variable.dims, setting):
            raise Misfit(f"{name} has another type or shape")
        if not possible(variable, array, setting):
            raise Misfit(f"{name} is outside of its range")
    for name in reals:
        if the_case.cotangents[name].shape != shape_of(module.definitions[name].dims, setting):
            raise Misfit(f"{name} has another shape")
    return the_case


def _type(array: Array) -> t.Type:
    return {"f": "real", "i": "int", "b": "bool"}[array.dtype.kind]  # type: ignore[return-value]


def _as_json(kept: Kept) -> dict[str, Any]:
    the_case = kept.case
    return {
        "version": VERSION,
        "module": kept.module,
        "check": kept.check,
        "dtype": kept.dtype,
        "regime": the_case.regime,
        "seed": the_case.seed,
        "sizes": dict(the_case.setting.sizes),
        "consts": {name: str(value) for name, value in the_case.setting.consts.items()},
        "tensors": _written(the_case.tensors),
        "cotangents": _written(the_case.cotangents),
    }


def _written(tensors: Mapping[str, Array]) -> dict[str, Any]:
    return {
        name: {"type": _type(array), "shape": list(array.shape), "numbers": _numbers(array)}
        for name, array in tensors.items()
    }


def _numbers(array: Array) -> list[Any]:
    """The elements, row by row."""
    numbers: list[Any] = array.ravel().tolist()
    return [x.hex() for x in numbers] if array.dtype.kind == "f" else numbers


def _kept(data: Mapping[str, Any], path: Path) -> Kept:
    """The case in parsed JSON; KeyError, TypeError or ValueError where it is malformed."""
    module, check, dtype, regime = (str(data[k]) for k in ("module", "check", "dtype", "regime"))
    if dtype not in BITS:
        raise ValueError(f"its dtype is {dtype}")
    sizes = {str(name): _length(size) for name, size in data["sizes"].items()}
    consts = {str(name): _const(value) for name, value in data["consts"].items()}
    tensors, cotangents = (
        {str(name): _tensor(entry) for name, entry in data[k].items()}
        for k in ("tensors", "cotangents")
    )
    setting = Setting(sizes, consts)
    seed = _length(data["seed"], least=0)
    the_case = Case(regime, seed, BITS[dtype], setting, tensors, cotangents, str(path))
    return Kept(module, check, dtype, the_case)


def _length(value: Any, least: int = 1) -> int:
    if type(value) is not int or value < least:
        raise ValueError(f"{value!r} is no integer of {least} or more")
    return value


def _const(text: str) -> Const:
    return float(text) if text.lstrip("-") == "inf" else Fraction(text)


def _tensor(entry: Mapping[str, Any]) -> Array:
    shape = tuple(_length(length) for length in entry["shape"])
    kind, numbers = entry["type"], entry["numbers"]
    if kind == "real":
        array = np.array([float.fromhex(x) for x in numbers], dtype=np.float64)
    elif all(type(x) is {"int": int, "bool": bool}[kind] for x in numbers):
        array = np.array(numbers, dtype=np.int64 if kind == "int" else np.bool_)
    else:
        raise ValueError(f"not all of its numbers are of type {kind}")
    if not np.all(np.isfinite(array)):
        raise ValueError("not all of its numbers are finite")
    return array.reshape(shape)
