"""Python text in the making: code with its precedence and axes, and what operators are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

CHUNK = 40
"""Longer sums and products are written in parentheses of so many terms: chains nest."""

# Precedence of Python's operators, from loosest to tightest.
TERNARY, OR, AND, NOT, COMPARE, BIT_OR, BIT_AND, ADD, MUL, UNARY, POWER, ATOM = range(12)


@dataclass(frozen=True, slots=True)
class Text:
    """Python code with its precedence and its axes in order; numbers have none."""

    code: str
    prec: int
    axes: tuple[str, ...] = ()

    def at(self, prec: int) -> str:
        """The code, in parentheses where it binds less tightly than `prec`."""
        return self.code if self.prec >= prec else f"({self.code})"


def to_float(value: Fraction) -> float:
    """The nearest float, infinite where that overflows."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


BINARY: Mapping[str, tuple[str, int]] = {
    "<": ("<", COMPARE),
    "<=": ("<=", COMPARE),
    ">": (">", COMPARE),
    ">=": (">=", COMPARE),
    "==": ("==", COMPARE),
    "!=": ("!=", COMPARE),
    "and": ("&", BIT_AND),
    "or": ("|", BIT_OR),
    "//": ("//", MUL),
    "%": ("%", MUL),
    "pow": ("**", POWER),
}
PYTHON_BINARY = {"and": ("and", AND), "or": ("or", OR)}
FILL = {
    "sum": "0",
    "mean": "0",
    "prod": "1",
    "max": "-torch.inf",
    "min": "torch.inf",
}
FUNCTIONS = {
    "exp": "torch.exp",
    "log": "torch.log",
    "log1p": "torch.log1p",
    "expm1": "torch.expm1",
    "sqrt": "torch.sqrt",
    "sin": "torch.sin",
    "cos": "torch.cos",
    "tanh": "torch.tanh",
    "erf": "torch.erf",
    "abs": "torch.abs",
    "sign": "torch.sign",
    "floor": "torch.floor",
    "ceil": "torch.ceil",
    "sigmoid": "torch.sigmoid",
    "log_sigmoid": "torch.nn.functional.logsigmoid",
    "softplus": "ops.softplus",
    "silu": "torch.nn.functional.silu",
    "gelu": "torch.nn.functional.gelu",
    "gelu_tanh": "ops.gelu_tanh",
    "logaddexp": "torch.logaddexp",
    "safe_log": "ops.safe_log",
    "safe_exp": "ops.safe_exp",
    "safe_sqrt": "ops.safe_sqrt",
}
NUMBER_FUNCTIONS = {
    name: name
    for name in (
        "exp",
        "log",
        "log1p",
        "expm1",
        "sqrt",
        "sin",
        "cos",
        "tanh",
        "erf",
        "floor",
        "ceil",
    )
}
