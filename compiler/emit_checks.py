"""The first statements of a generated function: what it was given, checked, and sizes read."""

from __future__ import annotations

from collections.abc import Callable

from . import typed as t
from .emit_expr import Printer
from .lower import lower_number
from .names import python_name
from .program import Program, Size, walk
from .source import Span


def entry_checks(program: Program, printer: Printer, path: str) -> list[str]:
    """Dtypes, shapes, derived sizes, requires, defaults, draws, and the indices used."""
    module = program.module
    given = [v for v in (*module.inputs.values(), *module.params.values()) if not v.default]
    lines = _dtypes(module, given, printer)
    if "wide" in printer.uses:
        lines.append("wide = ops.wide_dtype(dtype)")
    shapes = _Shapes(module, path)
    for variable in given:
        shapes.read(variable)
    shapes.derive()
    lines += shapes.lines + shapes.later()
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
            lines.append(f"{python_name(axis)} = torch.arange({size}, device=device)")
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


def _dtypes(module: t.Module, given: list[t.Variable], printer: Printer) -> list[str]:
    lines = []
    checks: dict[t.Type, Callable[[t.Variable], bool]] = {
        "real": lambda v: v.type == "real",
        "int": lambda v: v.type == "int",
        "bool": lambda v: v.type == "bool",
    }
    functions = {"real": "reals", "int": "integers", "bool": "booleans"}
    known = False
    for type, holds in checks.items():
        names = [python_name(v.name) for v in given if holds(v)]
        if not names:
            continue
        arguments = ", ".join(f"{name}={name}" for name in names)
        call = f"ops.{functions[type]}(spec, {arguments})"
        if type == "real":
            lines.append(f"dtype, device = {call}")
            known = True
        else:
            lines.append(call if known else f"device = {call}")
            known = True
    if not any(v.type == "real" for v in given):
        lines.append("dtype = torch.get_default_dtype()")
    return lines


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
        """Assign the derived sizes, which must be at least 1."""
        for size in self.module.sizes.values():
            if size.value is None:
                continue
            name = python_name(size.name)
            self.lines.append(f"{name} = {number_text(self.module, size.value)}")
            text = number_text(self.module, size.value)
            where = repr(f"size {size.name} = {text} ({self.path}:{size.span.line})")
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
    check = {"real": "reals", "int": "integers", "bool": "booleans"}[variable.type]
    return [
        f"if {name} is None:",
        f"    {name} = torch.full({shape}, {value}, dtype={dtype}, device=device)",
        f"ops.{check}(spec, {name}={name})",
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
        f"ops.reals(spec, {name}={name})",
        shape_check(module, variable, path),
    ]
