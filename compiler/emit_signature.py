"""Who passes what: the parameters of a generated function, constructor and `forward`."""

from __future__ import annotations

from . import typed as t
from .check_calls import constructor_sizes
from .emit_calls import holds_params
from .emit_checks import number_text
from .names import python_name


class Signature:
    """Who passes what: the parameters of the function, the constructor and `forward`."""

    def __init__(self, module: t.Module) -> None:
        self.module = module
        inputs = list(module.inputs.values())
        first_default = next((i for i, x in enumerate(inputs) if x.default), len(inputs))
        self.positional = inputs[: first_default + 1]
        self.keyword = inputs[first_default + 1 :]
        self.params = [python_name(name) for name in module.params]
        self.passed = [python_name(s.name) for s in module.sizes.values() if s.origin == "passed"]
        self.holds_params = any(holds_params(s.module) for s in module.submodules.values())
        self.sizes = [python_name(name) for name in constructor_sizes(module)]

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
        if self.holds_params:
            keyword.append("params: Mapping[str, Tensor]")
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
        held = ["params=dict(self.named_parameters(remove_duplicate=False))"]
        draws = [python_name(name) for name in self.module.randoms]
        if draws:
            draws.append("generator")
        return (
            *(f"{name}={name}" for name in inputs),
            *(f"{name}=self.{name}" for name in own),
            *(held if self.holds_params else []),
            *(f"{name}={name}" for name in draws),
        )
