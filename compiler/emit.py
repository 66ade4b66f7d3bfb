"""Tensor programs of a spec file -> the text of a generated Python file."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from . import typed as t
from .diagnostics import printable
from .emit_checks import entry_checks, number_text
from .emit_expr import Printer
from .names import class_name, python_name, snake_case
from .program import Program, Step
from .source import Span


@dataclass(frozen=True, slots=True)
class Block:
    """The statements of one step, under the equations they implement."""

    comments: tuple[str, ...]
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModuleFrame:
    """The holes of `module.py.j2`, all of them Python text."""

    class_name: str
    function_name: str
    called_name: str
    outputs: tuple[str, ...]
    parameters: tuple[str, ...]
    returns: str
    function_doc: str
    spec: str
    checks: tuple[str, ...]
    blocks: tuple[Block, ...]
    result: str
    class_doc: str
    init_parameters: tuple[str, ...]
    init_body: tuple[str, ...]
    resets: tuple[str, ...]
    forward_parameters: tuple[str, ...]
    call: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileFrame:
    """The holes of `file.py.j2`."""

    docstring: str
    imports: tuple[str, ...]
    modules: tuple[str, ...]


@cache
def environment() -> Environment:
    return Environment(
        loader=PackageLoader(__package__),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, frame: ModuleFrame | FileFrame) -> str:
    holes: dict[str, Any] = {field.name: getattr(frame, field.name) for field in fields(frame)}
    return environment().get_template(template).render(holes)


def emit(programs: Sequence[Program], path: str) -> str:
    """The programs of one spec file, at `path` below the spec root -> Python text, which
    `build` formats and heads."""
    imports: set[str] = set()
    modules = []
    for program in programs:
        frame, uses = emit_module(program, path)
        if "math" in uses:
            imports.add("import math")
        if frame.outputs:
            imports.add("from typing import NamedTuple")
        modules.append(render("module.py.j2", frame))
    names = ", ".join(program.module.name for program in programs)
    doc = docstring([f"{names}: generated from {path}."], 0)
    order = sorted(imports, key=lambda line: (not line.startswith("import"), line))
    return render("file.py.j2", FileFrame(doc, tuple(order), tuple(modules)))


def emit_module(program: Program, path: str) -> tuple[ModuleFrame, set[str]]:
    """One program -> the text that fills its frame, and what that text uses."""
    module = program.module
    printer = Printer(program)
    blocks = tuple(_block(step, printer, path) for step in program.steps)
    checks = entry_checks(program, printer, path)
    own_class, function_name = class_name(module.name), snake_case(module.name)
    outputs = [step for step in program.steps if step.output]
    outputs.sort(key=lambda step: module.outputs.index(step.name))
    several = len(outputs) > 1
    returns = f"{own_class}Output" if several else "Tensor"
    names = [python_name(step.name) for step in outputs]
    result = f"{returns}({', '.join(f'{n}={n}' for n in names)})" if several else names[0]
    signature = _Signature(module)
    hidden = function_name in signature.names()
    frame = ModuleFrame(
        class_name=own_class,
        function_name=function_name,
        called_name=f"_{function_name}" if hidden else function_name,
        outputs=tuple(names) if several else (),
        parameters=signature.function(),
        returns=returns,
        function_doc=docstring(_function_doc(module, path), 4),
        spec=repr(module.qualified),
        checks=tuple(checks),
        blocks=blocks,
        result=result,
        class_doc=docstring(_class_doc(module, function_name), 4),
        init_parameters=signature.constructor(),
        init_body=tuple(_init_body(module, program, signature)),
        resets=tuple(_resets(module, program)),
        forward_parameters=signature.forward(),
        call=signature.call(),
    )
    return frame, printer.uses


def _block(step: Step, printer: Printer, path: str) -> Block:
    comments = []
    for span in step.spans:
        lines = [printable(line.strip()) for line in span.text.split("\n")]
        lines = [line for line in lines if line and not line.startswith("#")]
        lines[-1] += f"    ({path}:{span.line})"
        comments += lines
    return Block(tuple(comments), tuple(printer.step(step)))


class _Signature:
    """Who passes what: the parameters of the function, the constructor and `forward`."""

    def __init__(self, module: t.Module) -> None:
        self.module = module
        inputs = list(module.inputs.values())
        first_default = next((i for i, x in enumerate(inputs) if x.default), len(inputs))
        self.positional = inputs[: first_default + 1]
        self.keyword = inputs[first_default + 1 :]
        self.params = [python_name(name) for name in module.params]
        self.passed = [python_name(s.name) for s in module.sizes.values() if s.origin == "passed"]
        self.sizes = constructor_sizes(module)

    def input(self, variable: t.Variable) -> str:
        name = python_name(variable.name)
        return f"{name}: Tensor | None = None" if variable.default else f"{name}: Tensor"

    def consts(self) -> list[str]:
        return [
            f"{python_name(const.name)}: float"
            + (f" = {number_text(self.module, const.default)}" if const.default else "")
            for const in self.module.consts.values()
        ]

    def randoms(self) -> list[str]:
        draws = [f"{python_name(name)}: Tensor | None = None" for name in self.module.randoms]
        return [*draws, "generator: torch.Generator | None = None"] if draws else []

    def function(self) -> tuple[str, ...]:
        positional = [self.input(x) for x in self.positional]
        params = [f"{name}: Tensor" for name in self.params]
        defaulted = any(x.default for x in self.positional)
        keyword = [self.input(x) for x in self.keyword] + (params if defaulted else [])
        positional += [] if defaulted else params
        keyword += [f"{name}: int" for name in self.passed] + self.consts() + self.randoms()
        return (*positional, *(["*"] if keyword else []), *keyword)

    def forward(self) -> tuple[str, ...]:
        keyword = [self.input(x) for x in self.keyword] + self.randoms()
        positional = [self.input(x) for x in self.positional]
        return ("self", *positional, *(["*"] if keyword else []), *keyword)

    def constructor(self) -> tuple[str, ...]:
        return (
            "self",
            "*",
            *(f"{name}: int" for name in self.sizes),
            *self.consts(),
            "device: torch.device | str | None = None",
            "dtype: torch.dtype | None = None",
        )

    def names(self) -> set[str]:
        """The parameters of `forward`."""
        return {python_name(name) for name in (*self.module.inputs, *self.module.randoms)}

    def call(self) -> tuple[str, ...]:
        inputs = [python_name(x.name) for x in (*self.positional, *self.keyword)]
        own = [*self.params, *self.passed]
        own += [python_name(name) for name in self.module.consts]
        draws = [python_name(name) for name in self.module.randoms]
        if draws:
            draws.append("generator")
        return (
            *(f"{name}={name}" for name in inputs),
            *(f"{name}=self.{name}" for name in own),
            *(f"{name}={name}" for name in draws),
        )


def constructor_sizes(module: t.Module) -> list[str]:
    """The free sizes that shape the params, and those that no shape gives."""
    needed: set[str] = set()

    def visit(expr: Any) -> None:
        match expr:
            case t.SizeRef():
                value = module.sizes[expr.name].value
                if value is None:
                    needed.add(expr.name)
                else:
                    visit(value)
            case t.Add():
                for _, term in expr.terms:
                    visit(term)
            case t.Mul():
                for _, factor in expr.factors:
                    visit(factor)
            case t.IntDiv() | t.Compare():
                visit(expr.left)
                visit(expr.right)
            case t.If():
                visit(expr.condition)
                visit(expr.then)
                visit(expr.otherwise)
            case t.Function():
                for argument in expr.arguments:
                    visit(argument)

    for param in module.params.values():
        for dim in param.dims:
            visit(dim)
    return [
        python_name(size.name)
        for size in module.sizes.values()
        if size.name in needed or size.origin == "passed"
    ]


def _derived(module: t.Module, program: Program, prefix: str) -> list[str]:
    """Assignments of the constructor's sizes, and of the sizes derived from them."""
    known = set(constructor_sizes(module))
    lines = [f"{name} = self.{name}" for name in known if prefix]
    for size in module.sizes.values():
        if size.value is not None:
            text = number_text(module, size.value)
            if _names(size.value) <= known:
                known.add(python_name(size.name))
                lines.append(f"{python_name(size.name)} = {text}")
    return sorted(lines) if prefix else lines


def _names(expr: Any) -> set[str]:
    """The Python names of the sizes that an expression mentions."""
    if isinstance(expr, t.SizeRef):
        return {python_name(expr.name)}
    found: set[str] = set()
    for field in fields(expr):
        value = getattr(expr, field.name)
        parts = value if isinstance(value, tuple) else (value,)
        for part in parts:
            for item in part if isinstance(part, tuple) else (part,):
                if hasattr(item, "__dataclass_fields__") and not isinstance(item, Span):
                    found |= _names(item)
    return found


def _init_body(module: t.Module, program: Program, signature: _Signature) -> list[str]:
    lines = [f"self.{name} = {name}" for name in signature.sizes]
    lines += [f"self.{python_name(name)} = {python_name(name)}" for name in module.consts]
    if module.params:
        lines += _derived(module, program, "")
        for param in module.params.values():
            dims = ", ".join(number_text(module, dim) for dim in param.dims)
            shape = f"({dims},)" if len(param.dims) == 1 else f"({dims})"
            lines.append(
                f"self.{python_name(param.name)} = "
                f"nn.Parameter(torch.empty({shape}, device=device, dtype=dtype))"
            )
        lines.append("self.reset_parameters()")
    return lines


def _resets(module: t.Module, program: Program) -> list[str]:
    """How each param starts."""
    lines = []
    used: set[str] = set()
    for param in module.params.values():
        initial = param.initial
        assert initial is not None
        used |= {name for value in initial.arguments.values() for name in _names(value)}
        target = f"self.{python_name(param.name)}"
        values = {
            key: number_text(module, value, "self.") for key, value in initial.arguments.items()
        }
        match initial.name:
            case "normal":
                mean = values.get("mean", "0.0")
                lines.append(f"nn.init.normal_({target}, mean={mean}, std={values['std']})")
            case "uniform":
                low, high = values["low"], values["high"]
                lines.append(f"nn.init.uniform_({target}, {low}, {high})")
            case "xavier":
                lines.append(f"nn.init.xavier_uniform_({target})")
            case "constant":
                lines.append(f"nn.init.constant_({target}, {values['value']})")
            case _:
                raise AssertionError(f"a param cannot start as {initial.name}")
    if not used:
        return lines
    derived = [line for line in _derived(module, program, "self.") if line.split()[0] in used]
    return derived + lines


def docstring(lines: Sequence[str], indent: int) -> str:
    """A docstring literal of these lines, whatever characters they hold."""
    text = "\n".join(printable(line) for line in lines)
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if text.endswith('"'):
        text = text[:-1] + '\\"'
    body = textwrap.indent(text, " " * indent).strip()
    return f'"""{body}\n{" " * indent}"""' if "\n" in text else f'"""{body}"""'


def _summary(module: t.Module) -> list[str]:
    first = module.doc or f"{module.qualified}."
    return textwrap.wrap(printable(first), 88) or [""]


def _class_doc(module: t.Module, function_name: str) -> list[str]:
    return [*_summary(module), "", f"Holds the parameters and constants of `{function_name}`."]


def _function_doc(module: t.Module, path: str) -> list[str]:
    """Summary, sources, arguments with their shapes, results, errors."""
    lines = [*_summary(module), ""]
    lines += [f"Source: {source}" for source in module.sources]
    lines += [f"Spec: {module.qualified} ({path}:{module.span.line})", "", "Args:"]
    for variable in (*module.inputs.values(), *module.params.values(), *module.randoms.values()):
        lines.append(f"    {python_name(variable.name)}: {_describe(module, variable)}")
    for size in module.sizes.values():
        if size.origin == "passed":
            lines.append(f"    {python_name(size.name)}: a size, at least 1.")
    for const in module.consts.values():
        lines.append(f"    {python_name(const.name)}: a constant.")
    if module.randoms:
        lines.append("    generator: source of the draws that are not passed.")
    lines += ["", "Returns:"]
    for name in module.outputs:
        definition = module.definitions[name]
        kind = {"real": "real, of the inputs' dtype", "int": "int64", "bool": "bool"}
        shape = _shape(module, definition.dims)
        lines.append(f"    {python_name(name)}: {kind[definition.type]}, shape {shape}.")
    lines += ["", "Raises:", "    TypeError: a tensor has another dtype."]
    lines.append("    ValueError: a shape, a device or a required condition does not fit.")
    return lines


def _describe(module: t.Module, variable: t.Variable) -> str:
    kind = {"real": "real", "int": "integer", "bool": "bool"}[variable.type]
    if variable.domain is not None:
        kind += f" in 0 … {number_text(module, variable.domain)} - 1"
    text = f"{kind}, shape {_shape(module, variable.dims)}"
    if variable.kind == "random":
        text += "; drawn where it is not given"
    if variable.default is not None:
        text += f"; {number_text(module, variable.default)} everywhere where it is not given"
    return text + "."


def _shape(module: t.Module, dims: Sequence[t.Expr]) -> str:
    inside = ", ".join(number_text(module, dim) for dim in dims)
    return f"({inside},)" if len(dims) == 1 else f"({inside})"
