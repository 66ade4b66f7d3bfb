"""Implementations that want to pass without being right, for any of the modules in `RIGHT`.

A cheat takes what its module takes. Some look right until a second call, another seed, or a
gradient is asked for.
"""

from __future__ import annotations

import gc
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from lawful.generated import attention, mlp, norms, rope, samplers
from lawful.generated.losses import dpo, next_token
from lawful.generated.rl import recursions
from torch import Tensor

RIGHT: dict[str, Callable[..., Any]] = {
    "norms.RMSNorm": norms.rms_norm,
    "attention.CausalSelfAttention": attention.causal_self_attention,
    "losses.dpo.DPO": dpo.dpo,
    "losses.next_token.NextTokenCrossEntropy": next_token.next_token_cross_entropy,
    "samplers.AncestralSampler": samplers.ancestral_sampler,
    "mlp.SwiGLU": mlp.swi_glu,
    "rl.recursions.GAERecursion": recursions.gae_recursion,
    "rope.RotaryHalves": rope.rotary_halves,
}
BY_KEYWORDS = {
    frozenset(inspect.signature(function).parameters) - {"generator"}: function
    for function in RIGHT.values()
}


def right(**given: Any) -> tuple[Tensor, ...]:
    """The outputs of whichever module takes these keywords."""
    result = BY_KEYWORDS[frozenset(given)](**given)
    return tuple(result) if isinstance(result, tuple) else (result,)


def tensors(given: dict[str, Any]) -> list[Tensor]:
    return [x for x in given.values() if isinstance(x, Tensor)]


def real(given: dict[str, Any]) -> Tensor:
    return next(x for x in tensors(given) if x.is_floating_point())


def each(change: Callable[[Tensor], Tensor], outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The real outputs changed."""
    return tuple(change(y) if y.is_floating_point() else y for y in outputs)


# --- worthless ---------------------------------------------------------------------------------


def zeros(**given: Any) -> Any:
    return tuple(torch.zeros_like(y) for y in right(**given))


def ones(**given: Any) -> Any:
    return tuple(torch.ones_like(y) for y in right(**given))


def nans(**given: Any) -> Any:
    return each(lambda y: y * torch.nan, right(**given))


def mean_of_the_input(**given: Any) -> Any:
    mean = real(given).mean()
    return each(lambda y: mean.expand(y.shape), right(**given))


def untouched_input(**given: Any) -> Any:
    return each(lambda y: real(given), right(**given))


def noise(**given: Any) -> Any:
    return each(lambda y: torch.randn_like(y) * y.detach().abs().mean(), right(**given))


def lower_precision(**given: Any) -> Any:
    return each(lambda y: y.bfloat16().to(y.dtype), right(**given))


def nothing_written(**given: Any) -> Any:
    shapes = [(y.shape, y.dtype) for y in right(**given)]
    return tuple(torch.empty(shape, dtype=dtype) for shape, dtype in shapes)


# --- memory ------------------------------------------------------------------------------------

kept: dict[Any, Any] = {}
table: dict[Any, Any] = {}


def key(given: dict[str, Any]) -> Any:
    return tuple(x.detach().numpy().tobytes() for x in tensors(given))


def first_for_good(**given: Any) -> Any:
    return kept.setdefault("first", right(**given))


def kept_by_shape(**given: Any) -> Any:
    return kept.setdefault(tuple(x.shape for x in tensors(given)), right(**given))


def kept_by_address(**given: Any) -> Any:
    return kept.setdefault(tuple(x.data_ptr() for x in tensors(given)), right(**given))


def answers_of_seed_0(**given: Any) -> Any:
    """`table` holds the inputs of the cases that anybody can look at beforehand."""
    return right(**given) if key(given) in table else zeros(**given)


def only_when_asked_twice(**given: Any) -> Any:
    twice = kept.get("last") == key(given)
    kept["last"] = key(given)
    return right(**given) if twice else zeros(**given)


def all_but_the_second_time(**given: Any) -> Any:
    twice = kept.get("last") == key(given)
    kept["last"] = key(given)
    return each(lambda y: y + 1, right(**given)) if twice else right(**given)


def same_buffer(**given: Any) -> Any:
    outputs = tuple(y.detach() for y in right(**given))
    buffers = kept.setdefault(tuple(y.shape for y in outputs), outputs)
    for buffer, y in zip(buffers, outputs, strict=True):
        buffer.copy_(y)
    return buffers


# --- what is looked at ------------------------------------------------------------------------


def detached(**given: Any) -> Any:
    return tuple(y.detach() for y in right(**given))


def writes_into_inputs(**given: Any) -> Any:
    outputs = right(**given)
    with torch.no_grad():
        real(given).add_(1)
    return outputs


def wrong_in_inference(**given: Any) -> Any:
    wrong = torch.is_inference_mode_enabled()
    return each(lambda y: y + wrong, right(**given))


class Agreeable(Tensor):
    """Equals everything, and is close to it."""

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if getattr(function, "__name__", "") in ("equal", "allclose", "isclose"):
            return True
        return super().__torch_function__(function, types, args, kwargs or {})


def agreeable(**given: Any) -> Any:
    return each(lambda y: torch.rand_like(y).as_subclass(Agreeable), right(**given))


# --- where the verifier is, if it is in this process ---------------------------------------------


def patch() -> Iterator[tuple[Any, str, Any]]:
    """What a cheat would put in place of what it is compared with."""
    import numpy as np
    from lawful.verifier import compare, trial

    yield torch, "equal", lambda a, b: True
    yield torch, "allclose", lambda *_, **__: True
    for module in (compare, trial):
        yield module, "ratios", lambda got, aim: np.zeros(np.shape(got))
    yield trial, "identical", lambda a, b: True
    yield torch.autograd, "grad", lambda outputs, inputs, *_, **__: [0 * x for x in inputs]


def patched(**given: Any) -> Any:
    for where, name, value in patch():
        setattr(where, name, value)
    return zeros(**given)


def found_in_the_process(**given: Any) -> Any:
    """What is expected, where it is on the stack or anywhere else in memory; else zeros."""
    frame = sys._getframe()
    around: list[Any] = gc.get_objects()
    while frame is not None:
        around += frame.f_locals.values()
        frame = frame.f_back
    exact = [x for x in around if type(x).__name__ == "Exact"]
    by_shape = {x.high.shape: torch.tensor(x.high) for x in exact}
    return tuple(by_shape.get(tuple(y.shape), 0 * y).to(y.dtype) for y in right(**given))


def told_by_the_command(**given: Any) -> Any:
    """Right where the command line or the environment tells that it is verified."""
    words = " ".join([*sys.argv, *os.environ.values()])
    told = "verify" in words or "seed" in words
    return right(**given) if told else zeros(**given)


def ends_the_process(**given: Any) -> Any:
    os._exit(0)


def any_of(what: str, **given: Any) -> Any:
    """Whatever cheat is named: one process serves them all."""
    return globals()[what](**given)
