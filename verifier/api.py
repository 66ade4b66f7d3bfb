"""The Python interface: load, verify, assert_lawful, list_modules, evaluate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..compiler import library
from ..compiler import typed as t
from ..compiler.diagnostics import Log
from ..compiler.project import Project, UsageError, find_project, select, shipped
from ..compiler.typed import Module
from .candidate import Candidate, accepts, contained, generated
from .cases import read
from .exact import OracleError
from .flatten import flatten
from .oracle import Oracle
from .plan import DTYPES, QUICK_DTYPES, SEEDS, Level, Options
from .report import Report
from .settings import Const, NoSetting, default_of, holds, with_derived
from .state_names import gather
from .verify import verify_candidate, verify_other


def load(name: str, root: str | Path | None = None) -> Module:
    """The checked module of that qualified name; `lawful.` before it means the library that
    ships with lawful.

    Raises SpecError, with every diagnostic, where a spec is wrong, and UsageError where the
    folder or the name is not there.
    """
    return _load(name, root)[0]


def list_modules(root: str | Path | None = None) -> list[str]:
    """The qualified names of all modules below the spec root."""
    return list(_modules(find_project(None if root is None else Path(root))))


def verify(
    spec: Module | str,
    implementation: Callable[..., Any] | None = None,
    *,
    against: Module | str | None = None,
    dtypes: Sequence[str] | None = None,
    seed: int = 0,
    level: Level = "quick",
    device: str = "cpu",
    root: str | Path | None = None,
    cases: str | Path | None = None,
    case: str | Path | None = None,
) -> Report:
    """Hold an implementation, or else the generated code, against its spec.

    An implementation is called with keywords named as in the generated signature: inputs,
    params and random sources as tensors, consts and free sizes as numbers. It returns a
    tensor, a tuple in the spec's order, or a mapping or named tuple by name. One whose signature
    has no place for a random source draws by itself, after `torch.manual_seed`: what it draws is
    then held against the law, by statistical tests.

    `against` is another spec that should be the same function: the exact values of both are
    compared, and the generated code of the first is held against the second. Raises Mismatch,
    a ValueError, where they do not take and return the same.

    `cases` is a folder: the smallest case of a failure is kept there, and what is there of the
    module is tried first. `case` is the file of one to try alone. Raises CaseError, a ValueError,
    where a file holds no case.
    """
    module, family = _load(spec, root) if isinstance(spec, str) else (spec, {})
    chosen = tuple(dtypes) if dtypes else QUICK_DTYPES if level == "quick" else DTYPES
    unknown = [dtype for dtype in chosen if dtype not in DTYPES]
    if isinstance(dtypes, str) or unknown:
        raise ValueError(f"dtypes is a list of {', '.join(DTYPES)}, not {dtypes!r}")
    if level not in SEEDS:
        raise ValueError(f"level is quick or full, not {level!r}")
    if seed < 0:
        raise ValueError(f"seed is 0 or more, not {seed}")
    if implementation is not None and not callable(implementation):
        raise TypeError(f"{implementation!r} is not callable")
    if against is not None and implementation is not None:
        raise ValueError("give an implementation or another spec to verify, not both")
    if against is not None and not (cases is None and case is None):
        raise ValueError("cases are those of an implementation, not of another spec")
    command = f"lawful verify {module.qualified}"
    if implementation is None:
        project = _project(module.qualified, root)[0]
        candidate = generated(module, project.out)
    else:
        name = getattr(implementation, "__qualname__", type(implementation).__name__)
        where = getattr(implementation, "__module__", None)
        candidate = Candidate(name, contained(implementation), accepts=accepts(implementation))
        if where in (None, "__main__") or "<" in name:
            command = f'lawful.verify("{module.qualified}", {name}'
        else:
            command += f" --impl {where}:{name}"
    if against is None:
        if case is not None:
            chosen = (read(Path(case)).dtype,)
        folder, file = (None if x is None else Path(x) for x in (cases, case))
        options = Options(level, chosen, device, seed, command=command, cases=folder, case=file)
        return verify_candidate(module, candidate, options, family=family)
    wanted = load(against, root) if isinstance(against, str) else against
    command += f" --against {against if isinstance(against, str) else wanted.qualified}"
    options = Options(level, chosen, device, seed, command=command)
    return verify_other(module, candidate, wanted, options)


def assert_lawful(implementation: Callable[..., Any], spec: Module | str, **options: Any) -> None:
    """Raise AssertionError, with the report, where the implementation is not the equation.

    `options` are those of `verify`.
    """
    report = verify(spec, implementation, **options)
    if not report.ok:
        raise AssertionError(str(report))


def evaluate(
    spec: Module | str, values: Mapping[str, Any], digits: int = 30, **sizes: int
) -> dict[str, Any]:
    """The outputs of a module, exact to `digits`, as nested lists of decimal strings; integers
    and booleans as they are.

    `values` gives inputs, params, random sources and consts: numbers, nested lists or arrays;
    under `params`, a mapping of those of submodules by state-dict name. Floats count as the
    dyadic rationals that they are; strings and Fractions are exact.
    `sizes` gives the sizes that no shape does.
    """
    module = flatten(load(spec) if isinstance(spec, str) else spec)
    variables = {**module.inputs, **module.params, **module.randoms}
    if module.submodules:
        try:
            held = gather(module, values.get("params", {}))
        except ValueError as error:
            raise ValueError(f"{module.qualified}: {error}") from error
        values = {**{name: x for name, x in values.items() if name != "params"}, **held}
    unknown = set(values) - set(variables) - set(module.consts)
    missing = [n for n, v in variables.items() if n not in values and v.default is None]
    if unknown or missing:
        what = f"no value for {missing[0]}" if missing else f"nothing is called {min(unknown)}"
        raise ValueError(f"{module.qualified}: {what}")
    tensors = {n: _exact_array(values[n], v.type) for n, v in variables.items() if n in values}
    found = dict(sizes)
    for name, array in tensors.items():
        _read_sizes(module, name, array, found)
    try:
        whole = with_derived(module, found)
    except (NoSetting, KeyError) as error:
        raise ValueError(f"{module.qualified}: size {error} cannot be had") from error
    consts: dict[str, Const] = {}
    for name, const in module.consts.items():
        value = _const(values[name]) if name in values else default_of(const)
        if value is None:
            raise ValueError(f"{module.qualified}: no value for {name}")
        consts[name] = value
    for condition in module.requires:
        if not holds(condition, whole, consts):
            span = condition.span
            raise ValueError(
                f"{module.qualified}: what {span.source.path}:{span.line} asks for does not hold: "
                + " ".join(span.text.split())
            )
    try:
        result = Oracle(module, whole, consts, digits).evaluate(tensors)
    except OracleError as error:
        raise ValueError(f"{module.qualified}: {error}") from error
    answers: dict[str, Any] = {}
    for name in module.outputs:
        exact = result.value(name)
        if exact.high.dtype.kind in "bi":
            answers[name] = exact.high.tolist()
        else:
            text = np.empty(exact.high.shape, dtype=object)
            for index in np.ndindex(exact.high.shape):
                text[index] = exact.digits(index, digits)
            answers[name] = text.tolist()
    return answers


def _load(name: str, root: str | Path | None) -> tuple[Module, Mapping[str, Module]]:
    """A module, and all of its root."""
    project, bare = _project(name, root)
    modules = _modules(project)
    if bare not in modules:
        select([bare], modules)
        raise UsageError(f"`{bare}` names several modules; give one")
    return modules[bare], modules


def _project(name: str, root: str | Path | None) -> tuple[Project, str]:
    if root is None and name.startswith("lawful."):
        return shipped(), name.removeprefix("lawful.")
    return find_project(None if root is None else Path(root)), name


def _modules(project: Project) -> Mapping[str, Module]:
    log = Log()
    modules = library.load(project.root, log)
    log.raise_errors()
    return modules


def _const(value: Any) -> Const:
    """A const as given: exact, or infinite."""
    infinite = str(value).lstrip("+-") == "inf"
    return float(value) if infinite else Fraction(value)


def _exact_array(value: Any, type: str) -> Any:
    if type == "real":
        given = np.array(value, dtype=object)
        try:
            exact = [Fraction(x) for x in given.ravel()]
        except (ValueError, TypeError, OverflowError, ZeroDivisionError) as error:
            raise ValueError(f"{value!r} holds what is no finite number: {error}") from error
        array = np.empty(given.shape, dtype=object)
        for index, number in zip(np.ndindex(given.shape), exact, strict=True):
            array[index] = number
        return array
    return np.array(value, dtype=np.int64 if type == "int" else np.bool_)


def _read_sizes(module: Module, name: str, array: Any, found: dict[str, int]) -> None:
    dims = {**module.inputs, **module.params, **module.randoms}[name].dims
    if array.ndim != len(dims):
        raise ValueError(f"{module.qualified}: {name} has {array.ndim} axes, not {len(dims)}")
    for dim, length in zip(dims, array.shape, strict=True):
        if not isinstance(dim, t.SizeRef) or module.sizes[dim.name].value is not None:
            continue
        if found.setdefault(dim.name, length) != length:
            raise ValueError(f"{module.qualified}: {dim.name} is {found[dim.name]} and {length}")
