"""The functions of the equation language as sympy functions.

Each is an opaque class of our own that knows its derivative (`fdiff`) and has its arithmetic
in one row of FUNCTIONS. sympy never evaluates or combines them, so that no spec makes it
expand `9 ^ 9 ^ 9`, and `exp(a) * exp(b)` stays what it is where a and b are infinite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sympy import Add, Expr, Function, S

from . import extended
from .extended import UNDEFINED, Extended


class Quotient(Function):  # type: ignore[misc]
    """A division, in the literal reading."""


class Exp(Function):  # type: ignore[misc]
    def fdiff(self, argindex: int = 1) -> Expr:
        return self


class Expm1(Function):  # type: ignore[misc]
    def fdiff(self, argindex: int = 1) -> Expr:
        return Exp(self.args[0])


class Log(Function):  # type: ignore[misc]
    def fdiff(self, argindex: int = 1) -> Expr:
        return 1 / self.args[0]


class Log1p(Function):  # type: ignore[misc]
    def fdiff(self, argindex: int = 1) -> Expr:
        return 1 / (1 + self.args[0])


class Sqrt(Function):  # type: ignore[misc]
    def fdiff(self, argindex: int = 1) -> Expr:
        return 1 / (2 * self)


class Sin(Function):  # type: ignore[misc]
    def fdiff(self, argindex: int = 1) -> Expr:
        return Cos(self.args[0])


class Cos(Function):  # type: ignore[misc]
    def fdiff(self, argindex: int = 1) -> Expr:
        return -Sin(self.args[0])


class Tanh(Function):  # type: ignore[misc]
    def fdiff(self, argindex: int = 1) -> Expr:
        return Sech2(self.args[0])


class Sech2(Function):  # type: ignore[misc]
    """1 / cosh^2, without the cancellation of 1 - tanh^2."""


class Erf(Function):  # type: ignore[misc]
    def fdiff(self, argindex: int = 1) -> Expr:
        return 2 * Exp(-(self.args[0] ** 2)) / Sqrt(S.Pi)


class Power(Function):  # type: ignore[misc]
    def fdiff(self, argindex: int = 1) -> Expr:
        base, exponent = self.args
        if argindex == 1:
            return exponent * Power(base, exponent - 1)
        return self * Log(base)


class Stop(Function):  # type: ignore[misc]
    def fdiff(self, argindex: int = 1) -> Expr:
        return S.Zero


class Rounded(Function):  # type: ignore[misc]
    """Rounded(x, bits)."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return S.One


class Softmax(Function):  # type: ignore[misc]
    """Softmax(z, *others): the share of the first."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return -self * _share(self, argindex) if argindex > 1 else self * _rest(self)


class LogSoftmax(Function):  # type: ignore[misc]
    def fdiff(self, argindex: int = 1) -> Expr:
        return -_share(self, argindex) if argindex > 1 else _rest(self)


class LogSumExp(Function):  # type: ignore[misc]
    def fdiff(self, argindex: int = 1) -> Expr:
        return _share(self, argindex)


def _share(row: Expr, argindex: int) -> Expr:
    """The softmax of a row at one of its entries."""
    i = argindex - 1
    return Softmax(row.args[i], *row.args[:i], *row.args[i + 1 :])


def _rest(row: Expr) -> Expr:
    """1 - the softmax at the first entry, without cancellation."""
    return Add(*(_share(row, i) for i in range(2, len(row.args) + 1)))


class Tie(Function):  # type: ignore[misc]
    """Several equal values one of which is selected: no derivative."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return S.NaN


class Lost(Function):  # type: ignore[misc]
    """An undefined value, and what it depends on."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return S.NaN


FUNCTIONS: Mapping[str, tuple[Any, Callable[..., Extended]]] = {
    "exp": (Exp, extended.exp),
    "expm1": (Expm1, extended.expm1),
    "log": (Log, extended.log),
    "log1p": (Log1p, extended.log1p),
    "sqrt": (Sqrt, extended.sqrt),
    "sin": (Sin, extended.sin),
    "cos": (Cos, extended.cos),
    "tanh": (Tanh, extended.tanh),
    "sech2": (Sech2, extended.sech2),
    "erf": (Erf, extended.erf),
    "power": (Power, extended.power),
    "quotient": (Quotient, extended.divide),
    "stop": (Stop, lambda x: x),
    "rounded": (Rounded, extended.rounded),
    "softmax": (Softmax, extended.softmax),
    "log_softmax": (LogSoftmax, extended.log_softmax),
    "logsumexp": (LogSumExp, extended.logsumexp),
    "tie": (Tie, lambda first, *others: first),
    "lost": (Lost, lambda *_: UNDEFINED),
}

ARITHMETIC: Mapping[Any, Callable[..., Extended]] = dict(FUNCTIONS.values())
