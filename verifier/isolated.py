"""Somebody else's implementation, in a process of its own.

    PKG.MOD:CALLABLE ──▶ Isolated, a callable ──arguments──▶ worker ──results──▶ tensors

It is imported and run there alone, so it cannot change the verifier or look for what it is
compared with. A call here is one there: outputs carry the derivatives of the graph that the
worker keeps, and what it does to its arguments, or to what it returned before, is done to the
tensors here. It is no sandbox: files and network are open to it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .candidate import Candidate, CandidateError
from .trial import identical
from .wire import pack, receive, send, unpack

LIMIT = 120.0
"""Seconds that one answer may take."""


class Isolated:
    """An implementation in a process of its own, to be called like the implementation. Raises
    CandidateError where it cannot be found, raises, ends its process or never returns."""

    def __init__(self, name: str, limit: float = LIMIT) -> None:
        self.name, self.limit = name, limit
        self.dead = ""
        self.numbers = 0
        self.last: list[Tensor] = []
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lawful.verifier.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path, "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"},
            start_new_session=True,
        )
        try:
            answer, _ = self.ask({"do": "find", "name": name}, [])
        except CandidateError as error:
            self.close()
            if self.dead:
                raise CandidateError(f"`{name}` cannot be imported: {error}") from error
            raise
        accepts = answer.get("accepts")
        self.accepts = frozenset(map(str, accepts)) if isinstance(accepts, list) else None

    def __call__(self, **keywords: Any) -> Any:
        self.numbers += 1
        given: list[Tensor] = []
        request = {
            "do": "call",
            "number": self.numbers,
            "keywords": pack(keywords, given),
            "mode": _mode(),
            "default_dtype": str(torch.get_default_dtype()).removeprefix("torch."),
        }
        answer, tensors = self.ask(request, given)
        try:
            count = answer["outputs"]
            found, rest = tensors[:count], tensors[count:]
            _write_back([*given, *self.last], rest)
            self.last = [x.detach() for x in found]
            roots = [i for i, x in enumerate(found) if x.requires_grad]
            if roots and torch.is_grad_enabled():
                detached = [found[i].detach() for i in roots]
                attach: Any = _Attach.apply
                attached = attach(self, self.numbers, roots, detached, *given)
                for i, x in zip(roots, attached, strict=True):
                    found[i] = x
            return unpack(answer["result"], found)
        except (LookupError, TypeError, ValueError) as error:
            raise self._nonsense(error) from error

    def ask(
        self, request: Mapping[str, Any], tensors: Sequence[Tensor]
    ) -> tuple[dict[str, Any], list[Tensor]]:
        """The worker's answer to a request."""
        if self.dead:
            raise CandidateError(self.dead)
        assert self.process.stdin is not None and self.process.stdout is not None
        timer = threading.Timer(self.limit, self._overdue)
        timer.start()
        try:
            with torch.inference_mode(False):
                send(self.process.stdin, request, tensors)
                answer, found = receive(self.process.stdout)
        except (OSError, EOFError) as error:
            self._kill()
            self.dead = self.dead or f"its process ended with status {self.process.wait()}"
            raise CandidateError(self.dead) from error
        except Exception as error:
            raise self._nonsense(error) from error
        finally:
            timer.cancel()
        if "error" in answer:
            raise CandidateError(str(answer["error"]))
        return answer, found

    def seed(self, number: int) -> None:
        """Seed PyTorch there."""
        self.ask({"do": "seed", "seed": number}, [])

    def close(self) -> None:
        """End the process."""
        self._kill()
        self.process.communicate()

    def __enter__(self) -> Isolated:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def candidate(self) -> Candidate:
        return Candidate(self.name, self, accepts=self.accepts, seed=self.seed)

    def _overdue(self) -> None:
        self.dead = f"it has not returned after {self.limit:g} seconds"
        self._kill()

    def _nonsense(self, error: Exception) -> CandidateError:
        """What is said of an answer that cannot be read: the implementation gave it itself."""
        self._kill()
        self.dead = f"its process answers nonsense: {type(error).__name__}: {error}"
        return CandidateError(self.dead)

    def _kill(self) -> None:
        """End the process, and those that it started."""
        if self.process.returncode is not None:
            return
        if sys.platform == "win32":
            self.process.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


class _Attach(torch.autograd.Function):
    """Outputs as functions of the tensors given, differentiated by the worker."""

    @staticmethod
    def forward(
        ctx: Any,
        isolated: Isolated,
        number: int,
        roots: list[int],
        outputs: list[Tensor],
        *given: Tensor,
    ) -> tuple[Tensor, ...]:
        ctx.isolated, ctx.number, ctx.roots, ctx.count = isolated, number, roots, len(given)
        ctx.set_materialize_grads(False)
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Any, ...]:
        pairs = [(i, x) for i, x in zip(ctx.roots, cotangents, strict=True) if x is not None]
        request = {"do": "differentiate", "number": ctx.number, "roots": [i for i, _ in pairs]}
        answer, found = ctx.isolated.ask(request, [x for _, x in pairs])
        reached = dict(zip(answer["reached"], found, strict=True))
        return None, None, None, None, *(reached.get(i) for i in range(ctx.count))


def _mode() -> str:
    if torch.is_inference_mode_enabled():
        return "inference"
    return "grad" if torch.is_grad_enabled() else "no_grad"


@torch.no_grad()
def _write_back(here: Sequence[Tensor], there: Sequence[Tensor]) -> None:
    """Make tensors what they have become there."""
    for own, now in zip(here, there, strict=True):
        if own.shape != now.shape or own.dtype != now.dtype:
            raise ValueError(f"a tensor of shape {list(own.shape)} became {list(now.shape)}")
        if not identical(own, now):
            own.copy_(now)
