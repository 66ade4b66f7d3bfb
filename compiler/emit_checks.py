"""The first statements of a generated function: what it was given, checked, and sizes read."""

from __future__ import annotations

from collections.abc import Sequence

from . import typed as t
from .emit_calls import holds_params
from .emit_expr import Printer
from .lower import lower_number
from .names import python_name
from .program import Program, Size, walk
from .source import Span


def entry_checks(
    program: Program, printer: Printer, path: str, times: Sequence[str] = ()
) -> list[str]:
    """Dtypes, shapes, derived sizes, requires, defaults, draws, `times`, and the indices
    used."""
    module = program.module
    given = [v for v in (*module.inputs.values(), *module.params.values()) if not v.default]
    lines = _dtypes(module, path)
    if "wide" in printer.uses:
        lines.append("wide = ops.wide_dtype(dtype)")
    shapes = _Shapes(module, path)
    for variable in given:
        shapes.read(variable)
    shapes.derive()
    lines += [*shapes.lines, *shapes.later(), *times]
    for condition in module.requires:
        names = sorted(_mentioned(module, condition))
        values = ", ".join(f"{name}={{{name}}}" for name in names)
        text = number_text(module, condition)
        where = repr(f"{_line(condition.span)} ({path}:{condition.span.line})")
        lines.append(f'ops.require({text}, spec, {where}, f"{values}")')
    for variable in module.inputs.values():
        if variable.default is not None:
            lines += _default(module, variable, path)
    for variable in module.randoms.values():
        lines += _draw(module, variable, path)
    for axis in program.ranges:
        if axis in printer.indices:
            size = printer.print(program.ranges[axis]).code
            lines.append(f"{printer.index(axis)} = torch.arange({size}, device=device)")
    return lines


def number_text(module: t.Module, expr: t.Expr, owner: str = "") -> str:
    """An expression of sizes, consts and literals, as Python; consts are `owner`'s."""
    node = lower_number(module, expr)
    return Printer(Program(module, (), {}), owner=owner).print(node).code


def _line(span: Span) -> str:
    """The source text of a span on one line."""
    return "require " + " ".join(span.text.split())


def _mentioned(module: t.Module, expr: t.Expr) -> set[str]:
    """The Python names of the sizes and consts in an expression."""
    from .program import Const

    node = lower_number(module, expr)
    return {python_name(n.name) for n in walk(node) if isinstance(n, Size | Const)}


def _declaration(module: t.Module, variable: t.Variable, path: str) -> str:
    """`x[B, T, D]` with its place."""
    dims = ", ".join(number_text(module, dim) for dim in variable.dims)
    shape = f"[{dims}]" if dims else ""
    return repr(f"{variable.name}{shape} ({path}:{variable.span.line})")


def _dtypes(module: t.Module, path: str) -> list[str]:
    """Checks of kinds, dtypes and devices: the tensors that must be given, then those that may.

    The reals come first where one must be given, and last, on the device of the others, where
    none must: `dtype` and `device` follow what is there.
    """
    variables = (*module.inputs.values(), *module.params.values(), *module.randoms.values())
    functions: dict[t.Type, str] = {"real": "reals", "int": "integers", "bool": "booleans"}
    lines: list[str] = []
    held = any(holds_params(submodule.module) for submodule in module.submodules.values())
    must = {v.type for v in variables if not _is_optional(v)} | ({"real"} if held else set())
    order: list[t.Type] = ["real", "int", "bool"]
    order.sort(key=lambda type: type not in must)
    for type in order:
        mine = [v for v in variables if v.type == type]
        if not mine and type != "real":
            continue
        given = _by_declaration([v for v in mine if not _is_optional(v)], path)
        if held and type == "real":
            given = "{" + ", ".join(filter(None, [given[1:-1], "**params"])) + "}"
        optional = _by_declaration([v for v in mine if _is_optional(v)], path)
        arguments = ["spec", given]
        arguments += [optional] if optional != "{}" else []
        arguments += ["device=device"] if lines else []
        call = f"ops.{functions[type]}({', '.join(arguments)})"
        left = "" if lines else "device = "
        lines.append(f"dtype, {left or '_ = '}{call}" if type == "real" else left + call)
    return lines


def _is_optional(variable: t.Variable) -> bool:
    return variable.default is not None or variable.kind == "random"


def _by_declaration(variables: Sequence[t.Variable], path: str) -> str:
    """A dictionary of tensors by name and place."""
    items = (f"{f'{v.name} ({path}:{v.span.line})'!r}: {python_name(v.name)}" for v in variables)
    return "{" + ", ".join(items) + "}"


class _Shapes:
    """Reads sizes off shapes: a size stands for itself from the first bare mention on."""

    def __init__(self, module: t.Module, path: str) -> None:
        self.module, self.path = module, path
        self.known = {s.name for s in module.sizes.values() if s.origin == "passed"}
        self.lines: list[str] = []
        self.postponed: list[t.Variable] = []

    def read(self, variable: t.Variable) -> None:
        targets, expected = [], []
        before = set(self.known)
        complete = True
        for dim in variable.dims:
            if (
                isinstance(dim, t.SizeRef)
                and self._is_free(dim.name)
                and dim.name not in self.known
            ):
                self.known.add(dim.name)
                targets.append(python_name(dim.name))
                expected.append("None")
                continue
            targets.append("_")
            if self._computable(dim, before):
                expected.append(number_text(self.module, dim))
            else:
                expected.append("None")
                complete = False
        fresh = self.known != before
        sizes = ", ".join(expected) + ("," if len(expected) == 1 else "")
        name = python_name(variable.name)
        call = (
            f"ops.shape(spec, {_declaration(self.module, variable, self.path)}, {name}, ({sizes}))"
        )
        if fresh:
            left = ", ".join(targets) + ("," if len(targets) == 1 else "")
            left = f"({left})" if len(targets) == 1 else left
            self.lines.append(f"{left} = {call}")
        elif complete:
            self.lines.append(call)
        if not complete:
            self.postponed.append(variable)

    def derive(self) -> None:
        """Assign the derived sizes; they, and those that are passed, must be at least 1."""
        for size in self.module.sizes.values():
            if size.value is None and size.origin != "passed":
                continue
            name = python_name(size.name)
            declaration = f"size {size.name}"
            if size.value is not None:
                text = number_text(self.module, size.value)
                self.lines.append(f"{name} = {text}")
                declaration += f" = {text}"
            where = repr(f"{declaration} ({self.path}:{size.span.line})")
            self.lines.append(f'ops.require({name} >= 1, spec, {where}, f"{name}={{{name}}}")')
            self.known.add(size.name)

    def later(self) -> list[str]:
        """Checks of shapes with derived sizes, once those are known."""
        lines = []
        for variable in self.postponed:
            lines.append(shape_check(self.module, variable, self.path))
        return lines

    def _is_free(self, name: str) -> bool:
        return self.module.sizes[name].origin == "shape"

    def _computable(self, dim: t.Expr, known: set[str]) -> bool:
        node = lower_number(self.module, dim)
        return all(n.name in known for n in walk(node) if isinstance(n, Size))


def shape_check(module: t.Module, variable: t.Variable, path: str) -> str:
    dims = [number_text(module, dim) for dim in variable.dims]
    sizes = ", ".join(dims) + ("," if len(dims) == 1 else "")
    name = python_name(variable.name)
    return f"ops.shape(spec, {_declaration(module, variable, path)}, {name}, ({sizes}))"


def _default(module: t.Module, variable: t.Variable, path: str) -> list[str]:
    """Fill in an input that was not given; check one that was."""
    assert variable.default is not None
    name = python_name(variable.name)
    value = number_text(module, variable.default)
    dims = ", ".join(number_text(module, dim) for dim in variable.dims)
    shape = f"({dims},)" if len(variable.dims) == 1 else f"({dims})"
    dtype = {"real": "dtype", "int": "torch.int64", "bool": "torch.bool"}[variable.type]
    return [
        f"if {name} is None:",
        f"    {name} = torch.full({shape}, {value}, dtype={dtype}, device=device)",
        shape_check(module, variable, path),
    ]


def _draw(module: t.Module, variable: t.Variable, path: str) -> list[str]:
    """Draw a random source that was not given; check one that was."""
    initial = variable.initial
    assert initial is not None
    name = python_name(variable.name)
    dims = ", ".join(number_text(module, dim) for dim in variable.dims)
    shape = f"({dims},)" if len(variable.dims) == 1 else f"({dims})"
    values = [number_text(module, value) for value in initial.arguments.values()]
    arguments = ", ".join([shape, *values, "dtype", "device", "generator"])
    return [
        f"if {name} is None:",
        f"    {name} = ops.{initial.name}({arguments})",
        shape_check(module, variable, path),
    ]
