"""The docstrings of generated code."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from . import typed as t
from .diagnostics import printable
from .emit_calls import holds_params
from .emit_checks import number_text
from .names import python_name, snake_case


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


def class_doc(module: t.Module, function_name: str) -> list[str]:
    return [*_summary(module), "", f"Holds the parameters and constants of `{function_name}`."]


def function_doc(module: t.Module, path: str) -> list[str]:
    """Summary, sources, arguments with their shapes, results, errors."""
    lines = [*_summary(module), ""]
    lines += [f"Source: {source}" for source in module.sources]
    lines += [f"Spec: {module.qualified} ({path}:{module.span.line})", "", "Args:"]
    for variable in (*module.inputs.values(), *module.params.values(), *module.randoms.values()):
        lines.append(f"    {python_name(variable.name)}: {_describe(module, variable)}")
    if any(holds_params(s.module) for s in module.submodules.values()):
        lines.append(
            "    params: the parameters of the submodules, by their names in the state dict."
        )
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


def step_doc(module: t.Module, path: str) -> list[str]:
    """What `step` takes and gives, beside the function of all positions."""
    assert module.incremental is not None
    name = snake_case(module.name)
    lines = [f"`{name}` at new positions of `{module.incremental}`, after those in the cache.", ""]
    lines += [f"Spec: {module.qualified} ({path}:{module.span.line})", "", "Args:"]
    lines.append("    cache: what was kept of earlier positions; it is changed in place.")
    lines.append(f"    The others are those of `{name}`, for the new positions alone.")
    lines += ["", "Returns:", "    The outputs at the new positions, and the cache.", ""]
    lines += ["Raises:", "    TypeError: a tensor has another dtype.", "    ValueError: a shape, a"]
    lines[-1] += " device or a condition does not fit, or the cache is full."
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
