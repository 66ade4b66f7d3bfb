"""The process in which somebody else's implementation runs, and nothing else does.

    python -P -m lawful.verifier.worker

It answers requests: find the implementation, seed PyTorch, call it, differentiate what a call
gave. It is given arguments and cotangents, and knows of nothing that they are compared with.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import torch
from torch import Tensor

from .candidate import CandidateError, external
from .wire import pack, receive, send, unpack

KEPT = 8
"""Of how many calls, the last ones, the graph is kept for differentiation."""
MODES: Mapping[str, Callable[[], contextlib.AbstractContextManager[Any]]] = {
    "grad": contextlib.nullcontext,
    "no_grad": torch.no_grad,
    "inference": torch.inference_mode,
}

M_PERTURB = -6
NOT_A_NUMBER = 0x100
"""What glibc takes for: fill memory with bytes 0xff, which are NaN in every format."""


class Worker:
    """Answers one request after another."""

    def __init__(self) -> None:
        self.function: Callable[..., Any] | None = None
        self.calls: dict[int, tuple[list[Tensor], list[Tensor]]] = {}
        self.last: list[Tensor] = []

    def answer(
        self, request: Mapping[str, Any], tensors: list[Tensor]
    ) -> tuple[dict[str, Any], list[Tensor]]:
        """The answer to a request and its tensors."""
        match request["do"]:
            case "find":
                torch.set_num_threads(1)
                found = external(request["name"])
                self.function = found.function
                return {"accepts": None if found.accepts is None else sorted(found.accepts)}, []
            case "seed":
                torch.manual_seed(request["seed"])
                return {}, []
            case "call":
                return self.call(request, tensors)
            case _:
                return self.differentiate(request, tensors)

    def call(
        self, request: Mapping[str, Any], inputs: list[Tensor]
    ) -> tuple[dict[str, Any], list[Tensor]]:
        """Outputs, then the inputs as they are now, then as they are now the outputs of the
        call before."""
        assert self.function is not None
        torch.set_default_dtype(getattr(torch, request["default_dtype"]))
        with MODES[request["mode"]]():
            result = self.function(**unpack(request["keywords"], inputs))
        found: list[Tensor] = []
        form = pack(result, found)
        number = request["number"]
        self.calls[number] = inputs, found
        self.calls.pop(number - KEPT, None)
        before, self.last = self.last, found
        return {"result": form, "outputs": len(found)}, [*found, *inputs, *before]

    def differentiate(
        self, request: Mapping[str, Any], cotangents: list[Tensor]
    ) -> tuple[dict[str, Any], list[Tensor]]:
        """Vector-Jacobian products by the inputs that require a gradient."""
        inputs, found = self.calls[request["number"]]
        sources = [i for i, x in enumerate(inputs) if x.requires_grad]
        results = torch.autograd.grad(
            [found[i] for i in request["roots"]],
            [inputs[i] for i in sources],
            cotangents,
            allow_unused=True,
            retain_graph=True,
        )
        reached = {i: x for i, x in zip(sources, results, strict=True) if x is not None}
        return {"reached": list(reached)}, list(reached.values())


def poison() -> None:
    """Have the allocator fill new memory with NaN, where it is glibc's: what code reads without
    having written it shows. No kernel is changed by that."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_PERTURB, NOT_A_NUMBER)


def streams() -> tuple[BinaryIO, BinaryIO]:
    """Where requests come from and answers go to: copies of stdin and stdout. What an
    implementation prints goes to stderr, and there is nothing that it could read."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, answers


def main() -> None:
    """Answer until no more requests come."""
    requests, answers = streams()
    poison()
    worker = Worker()
    while True:
        try:
            request, tensors = receive(requests)
        except EOFError:
            return
        try:
            answer, results = worker.answer(request, tensors)
            send(answers, answer, results)
        except CandidateError as error:
            send(answers, {"error": str(error)}, [])
        except (Exception, SystemExit) as error:
            send(answers, {"error": f"it raises {type(error).__name__}: {error}"}, [])


if __name__ == "__main__":
    main()
