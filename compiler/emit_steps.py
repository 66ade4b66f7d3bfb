"""What a function of new positions in time has beyond one of whole tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .emit_expr import Printer
from .emit_frames import MethodFrame
from .emit_signature import Signature
from .names import python_name
from .program import Program
from .stepwise import Stepwise


def times(new: Stepwise) -> Sequence[str]:
    """The first new position, and the number of positions that are read."""
    past, total, time = map(python_name, (new.past, new.total, new.time))
    return (f"{past}, {total} = cache.begin({time}, device)",)


def kept(program: Program, new: Stepwise, printer: Printer) -> Iterator[str]:
    """The last statements: sequences along time keep their last element."""
    time = python_name(new.time)
    for name in program.sequences:
        if name in new.states:
            yield f"cache.keep({name!r}, {printer.slices(name)}[{time}])"
    yield f"cache.advance({time})"


def step_methods(signature: Signature, called: str, returns: str) -> list[MethodFrame]:
    """`init_cache` and `step` of the class."""
    _, *rest = signature.forward()
    call = ["cache", *signature.call()]
    return [
        MethodFrame(
            "init_cache",
            ("self", "capacity: int"),
            "ops.Cache",
            "An empty cache for that many positions.",
            "ops.Cache(capacity)",
        ),
        MethodFrame(
            "step",
            ("self", "cache: ops.Cache", *rest),
            f"tuple[{returns}, ops.Cache]",
            f"See `{called}`.",
            f"{called}({', '.join(call)})",
        ),
    ]
