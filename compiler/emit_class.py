"""The constructor of a generated nn.Module, and how its params start."""

from __future__ import annotations

from collections.abc import Mapping

from . import typed as t
from .check_calls import constructor_sizes
from .emit_checks import number_text
from .emit_signature import Signature
from .names import python_name
from .walk import nodes


def _derived(module: t.Module, prefix: str) -> list[str]:
    """Assignments of the constructor's sizes, and of the sizes derived from them."""
    known = {python_name(name) for name in constructor_sizes(module)}
    lines = [f"{name} = self.{name}" for name in known if prefix]
    for size in module.sizes.values():
        if size.value is not None:
            text = number_text(module, size.value)
            if _names(size.value) <= known:
                known.add(python_name(size.name))
                lines.append(f"{python_name(size.name)} = {text}")
    return sorted(lines) if prefix else lines


def _names(expr: t.Expr) -> set[str]:
    """The Python names of the sizes that an expression mentions."""
    return {python_name(node.name) for node in nodes(expr) if isinstance(node, t.SizeRef)}


def init_body(module: t.Module, signature: Signature, classes: Mapping[str, str]) -> list[str]:
    lines = [f"self.{name} = {name}" for name in signature.sizes]
    lines += [f"self.{python_name(name)} = {python_name(name)}" for name in module.consts]
    if module.params or module.submodules:
        lines += _derived(module, "")
        for param in module.params.values():
            dims = ", ".join(number_text(module, dim) for dim in param.dims)
            shape = f"({dims},)" if len(param.dims) == 1 else f"({dims})"
            lines.append(
                f"self.{python_name(param.name)} = "
                f"nn.Parameter(torch.empty({shape}, device=device, dtype=dtype))"
            )
    for submodule in module.submodules.values():
        lines.append(
            f"self.{python_name(submodule.name)} = {_submodule(module, submodule, classes)}"
        )
    if module.params:
        lines.append("self.reset_parameters()")
    return lines


def _submodule(module: t.Module, submodule: t.Submodule, classes: Mapping[str, str]) -> str:
    """The construction of a submodule, or of a stack of them."""
    callee = submodule.module
    given = [(name, submodule.sizes[name]) for name in constructor_sizes(callee)] + list(
        submodule.consts.items()
    )
    arguments = [f"{python_name(name)}={number_text(module, value)}" for name, value in given]
    arguments += ["device=device", "dtype=dtype"]
    one = f"{classes[callee.qualified]}({', '.join(arguments)})"
    if submodule.count is None:
        return one
    return f"nn.ModuleList([{one} for _ in range({number_text(module, submodule.count)})])"


def resets(module: t.Module) -> list[str]:
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
    derived = [line for line in _derived(module, "self.") if line.split()[0] in used]
    return derived + lines
