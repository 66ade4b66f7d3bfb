"""Messages between the verifier and a process that it does not trust.

A message is JSON and the bytes of some tensors: nothing in it can be executed, so that whoever
receives one gets numbers and names, whatever the sender is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import prod
from typing import IO, Any

import torch
from torch import Tensor

LENGTH = 8
"""Bytes that hold the length of what follows."""


def plain(x: Tensor) -> Tensor:
    """A tensor as such, of whatever subclass it is: one that answers for itself might say that
    it equals everything."""
    with torch._C.DisableTorchFunctionSubclass():
        return x if type(x) is Tensor else x.as_subclass(Tensor)


def pack(value: Any, tensors: list[Tensor]) -> Any:
    """A value as JSON can hold it, its tensors appended to `tensors`; of what is neither, the
    name of its type."""
    if isinstance(value, Tensor):
        tensors.append(plain(value))
        return {"tensor": len(tensors) - 1}
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {"mapping": {str(key): pack(x, tensors) for key, x in value.items()}}
    if isinstance(value, tuple | list):
        return {"tuple": [pack(x, tensors) for x in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return {"plain": value}
    return {"other": type(value).__name__}


def unpack(form: Any, tensors: Sequence[Tensor]) -> Any:
    """What was packed; an empty object of a type of the same name for what could not be."""
    ((kind, value),) = form.items()
    match kind:
        case "tensor":
            return tensors[value]
        case "mapping":
            return {key: unpack(x, tensors) for key, x in value.items()}
        case "tuple":
            return tuple(unpack(x, tensors) for x in value)
        case "plain":
            return value
        case "other":
            return type(str(value), (), {})()
        case _:
            raise ValueError(f"a message holds {kind!r}")


def send(stream: IO[bytes], message: Mapping[str, Any], tensors: Sequence[Tensor]) -> None:
    """Write a message."""
    heads = [
        {
            "dtype": str(x.dtype).removeprefix("torch."),
            "shape": list(x.shape),
            "stride": list(x.stride()),
            "device": str(x.device),
            "requires_grad": x.requires_grad,
        }
        for x in tensors
    ]
    bodies = [_bytes(x) for x in tensors]
    head = json.dumps({"message": message, "tensors": heads}).encode()
    stream.write(len(head).to_bytes(LENGTH, "big") + head + b"".join(bodies))
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], list[Tensor]]:
    """Read a message; tensors are leaves, with the strides that they were sent with. EOFError
    where there is no more, and other exceptions where it makes no sense."""
    head = json.loads(_read(stream, int.from_bytes(_read(stream, LENGTH), "big")))
    return head["message"], [_tensor(stream, **entry) for entry in head["tensors"]]


def _bytes(x: Tensor) -> bytes:
    flat = x.detach().resolve_conj().resolve_neg().cpu().reshape(-1)
    flat = flat.clone(memory_format=torch.contiguous_format)  # one element may have any stride
    return flat.view(torch.uint8).numpy().tobytes()


def _tensor(
    stream: IO[bytes],
    dtype: str,
    shape: list[int],
    stride: list[int],
    device: str,
    requires_grad: bool,
) -> Tensor:
    kind = getattr(torch, dtype)
    if not isinstance(kind, torch.dtype):
        raise ValueError(f"there is no dtype {dtype}")
    count = prod(shape)
    values = torch.empty(shape, dtype=kind)
    if count:
        data = bytearray(_read(stream, count * kind.itemsize))
        values = torch.frombuffer(data, dtype=torch.uint8).view(kind).reshape(shape)
    return strided(values.to(device), stride).requires_grad_(requires_grad)


def strided(values: Tensor, stride: Sequence[int]) -> Tensor:
    """The same values in memory of their own, with these strides: expanded along axes where
    those are 0."""
    if not values.numel() or values.stride() == tuple(stride):
        return values
    cells = tuple(slice(None) if step else slice(1) for step in stride)
    own = values[cells]
    laid = torch.empty_strided(own.shape, stride, dtype=values.dtype, device=values.device)
    return laid.copy_(own).expand(values.shape)


def _read(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data
