"""What is rounded once under autocast: what products alone read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from lawful.compiler.diagnostics import Log
from lawful.compiler.formats import factors_alone, shared_factors
from lawful.compiler.library import load
from lawful.compiler.lower import lower
from lawful.compiler.project import shipped
from lawful.compiler.rewrite import rewrite
from lawful.generated.mlp import swi_glu

if TYPE_CHECKING:
    from conftest import Compile

FACTORS = {
    "mlp.FeedForward": {"hidden"},
    "mlp.SwiGLU": {"hidden"},
    "mlp.ClampedSwiGLU": {"hidden"},
    "attention.CausalSelfAttention": {"q", "r", "v", "o"},
    "losses.cross_entropy.CrossEntropy": set(),
    "filters.TopPFilter": set(),
}


@pytest.mark.parametrize("name", FACTORS)
def test_factors_alone_are_read_by_products_and_by_nothing_else(name: str) -> None:
    program = rewrite(lower(load(shipped().root, Log())[name]))
    assert factors_alone(program) == FACTORS[name]


SHARED = {
    "mlp.SwiGLU": ("x",),
    "attention.CausalSelfAttention": ("x",),
    "behaviour.residual.ResidualBlock": (),  # x is added, too
}


@pytest.mark.parametrize("name", SHARED)
def test_shared_factors_are_inputs_that_several_products_read(name: str) -> None:
    program = rewrite(lower(load(shipped().root, Log())[name]))
    assert shared_factors(program) == SHARED[name]


MAP = (
    "module M\nsize B, D, F\nindex b: B   d: D   f: F\ninput x[B, D]\n"
    "param W[F, D] ~ xavier()\nh[b,d] = tanh(x[b,d])\n"
)


def test_what_is_read_otherwise_too_is_no_factor_alone(compile_spec: Compile) -> None:
    alone = compile_spec(MAP + "output y[b,f] = sum[d] W[f,d] * h[b,d]\n")
    assert factors_alone(alone.program) == {"h"}
    too = compile_spec(
        MAP + "output y[b,f] = sum[d] W[f,d] * h[b,d]\noutput z[b,d] = h[b,d] + x[b,d]\n"
    )
    assert factors_alone(too.program) == frozenset()


def test_an_input_of_one_product_is_not_shared(compile_spec: Compile) -> None:
    one = MAP.replace("h[b,d] = tanh(x[b,d])\n", "") + "output y[b,f] = sum[d] W[f,d] * x[b,d]\n"
    made = compile_spec(one)
    assert shared_factors(made.program) == () and "ops.factor(x" not in made.code
    two = one.replace("param W", "param U[F, D] ~ xavier()\nparam W")
    two += "output z[b,f] = sum[d] U[f,d] * x[b,d]\n"
    made = compile_spec(two)
    assert shared_factors(made.program) == ("x",) and "x = ops.factor(x, dtype)" in made.code


def test_autocast_rounds_them_once() -> None:
    x, *weights = (torch.randn(s) for s in ((2, 3, 4), (8, 4), (8, 4), (4, 8)))
    formats: list[torch.dtype] = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, f, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            if f is torch.ops.aten._to_copy.default:
                formats.append(kwargs["dtype"])
            return f(*args, **(kwargs or {}))

    with torch.autocast("cpu", torch.bfloat16), Watch():
        y = swi_glu(x, *weights)
    assert y.dtype == torch.bfloat16
    assert formats.count(torch.float32) == 2, "gate and up alone are widened"
    assert formats.count(torch.bfloat16) == 1 + len(weights) + 1, "x, each weight, hidden"
