"""What generated code calls at run time: entry checks, masked rows, safe products, draws;
of `ops_order`, what depends on an order.

Depends on torch alone. Nothing here reads the value of a tensor in Python, so everything
traces; masks are boolean tensors that broadcast against what they mask.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .ops_attention import attention as attention
from .ops_layers import gelu_tanh as gelu_tanh
from .ops_layers import layer_norm as layer_norm
from .ops_layers import linear as linear
from .ops_layers import rms_norm as rms_norm
from .ops_losses import autocasts
from .ops_losses import linear_cross_entropy as linear_cross_entropy
from .ops_losses import linear_log_prob as linear_log_prob
from .ops_losses import log_prob as log_prob
from .ops_order import count_below as count_below
from .ops_order import discounted_sum as discounted_sum
from .ops_order import first as first
from .ops_order import first_above as first_above
from .ops_order import prefix_sum as prefix_sum
from .ops_order import rank as rank
from .ops_order import spread as spread
from .ops_order import sum_before as sum_before
from .ops_order import sum_below as sum_below
from .ops_order import top as top


def reals(
    spec: str,
    given: Mapping[str, Tensor],
    optional: Mapping[str, Tensor | None] | None = None,
    device: torch.device | None = None,
) -> tuple[torch.dtype, torch.device]:
    """The dtype and device that all of the tensors share, by their declarations; the default
    ones where there is none. Those in `optional` may be None.

    Raises TypeError where one is not a floating-point tensor or its dtype differs from that
    of those before it, ValueError where its device does.
    """
    first: str | None = None
    dtype = torch.get_default_dtype()
    for name, tensor in _present(given, optional).items():
        if not isinstance(tensor, Tensor) or not tensor.dtype.is_floating_point:
            raise TypeError(
                f"{spec}: {name} should be a floating-point tensor, got {_kind(tensor)}"
            )
        if first is None:
            first, dtype = name, tensor.dtype
        if tensor.dtype != dtype:
            raise TypeError(
                f"{spec}: {name} should have the dtype of {first}, {dtype}, got {tensor.dtype}"
            )
        device = _same_device(spec, name, tensor, device)
    return dtype, torch.empty(0).device if device is None else device


def integers(
    spec: str,
    given: Mapping[str, Tensor],
    optional: Mapping[str, Tensor | None] | None = None,
    device: torch.device | None = None,
) -> torch.device:
    """The device that all of the tensors share. Raises TypeError where one is not of an integer
    dtype, ValueError where it is on another device than `device` or those before it."""
    for name, tensor in _present(given, optional).items():
        if (
            not isinstance(tensor, Tensor)
            or tensor.dtype.is_floating_point
            or tensor.dtype.is_complex
            or tensor.dtype == torch.bool
        ):
            raise TypeError(f"{spec}: {name} should be an integer tensor, got {_kind(tensor)}")
        device = _same_device(spec, name, tensor, device)
    return torch.empty(0).device if device is None else device


def booleans(
    spec: str,
    given: Mapping[str, Tensor],
    optional: Mapping[str, Tensor | None] | None = None,
    device: torch.device | None = None,
) -> torch.device:
    """The device that all of the tensors share. Raises TypeError where one is not boolean,
    ValueError where it is on another device than `device` or those before it."""
    for name, tensor in _present(given, optional).items():
        if not isinstance(tensor, Tensor) or tensor.dtype != torch.bool:
            raise TypeError(f"{spec}: {name} should be a boolean tensor, got {_kind(tensor)}")
        device = _same_device(spec, name, tensor, device)
    return torch.empty(0).device if device is None else device


def _present(
    given: Mapping[str, Tensor], optional: Mapping[str, Tensor | None] | None
) -> dict[str, Tensor | None]:
    """All that was given, and those optional tensors that were."""
    there = {name: tensor for name, tensor in (optional or {}).items() if tensor is not None}
    return {**given, **there}


def _kind(value: object) -> str:
    """The dtype of a tensor, the type of anything else."""
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__


def _same_device(spec: str, name: str, tensor: Tensor, device: torch.device | None) -> torch.device:
    """The tensor's device; ValueError where it is not the one that others are on."""
    if device is not None and tensor.device != device:
        raise ValueError(
            f"{spec}: {name} should be on {device} as the others are, got {tensor.device}"
        )
    return tensor.device


def shape(
    spec: str, declaration: str, tensor: Tensor, expected: Sequence[int | None]
) -> torch.Size:
    """The tensor's shape, which must agree with `expected` where that is not None.

    Raises ValueError naming the spec, the declaration, the shape expected and the one found.
    """
    found = tensor.shape
    agree = len(found) == len(expected)
    if agree:
        for have, want in zip(found, expected, strict=True):
            if want is not None and have != want:
                agree = False
    if not agree:
        sizes = ", ".join("any" if want is None else str(want) for want in expected)
        raise ValueError(f"{spec}: {declaration} should have shape ({sizes}), got {tuple(found)}")
    return found


def require(holds: bool, spec: str, condition: str, values: str) -> None:
    """Raise ValueError where a condition on sizes and consts fails."""
    if not holds:
        raise ValueError(f"{spec}: {condition} does not hold for {values}")


def wide_dtype(dtype: torch.dtype) -> torch.dtype:
    """The format in which an equation over `dtype` is computed: float32 for 16-bit formats."""
    return torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype


def widen(tensor: Tensor) -> Tensor:
    """The tensor in the format that its equations are computed in."""
    return tensor.to(wide_dtype(tensor.dtype))


def factor(x: Tensor, dtype: torch.dtype) -> Tensor:
    """A factor of products alone, in a format; under autocast in that which it asks for, to
    which it would round the factor in each of them."""
    if dtype == torch.float32 and autocasts(x):
        dtype = torch.get_autocast_dtype(x.device.type)
    return x.to(dtype)


def number(value: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A tensor without axes that holds a number."""
    return torch.full((), value, dtype=dtype, device=device)


def log(value: float) -> float:
    """The natural logarithm of a number: -inf of 0, NaN below."""
    if value > 0:
        return math.log(value)
    return -math.inf if value == 0 else math.nan


def times(a: float, b: float) -> float:
    """a · b of numbers, with 0 · ∞ = 0."""
    return 0.0 if {abs(a), abs(b)} == {0.0, math.inf} else a * b


def submodule(params: Mapping[str, Tensor], name: str) -> dict[str, Any]:
    """The parameters of a submodule as its function takes them: its own by their names, those
    of its submodules as the mapping `params`."""
    inside = {
        key.removeprefix(f"{name}."): value
        for key, value in params.items()
        if key.startswith(f"{name}.")
    }
    own: dict[str, Any] = {key: value for key, value in inside.items() if "." not in key}
    deeper = {key: value for key, value in inside.items() if "." in key}
    return {**own, "params": deeper} if deeper else own


def so_far(
    slices: Mapping[int, Tensor],
    shape: Sequence[int],
    dim: int,
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    """A sequence of that shape in the making: its slices along `dim`, by their places, and zeros
    where there is none yet."""
    blank = torch.zeros([*shape[:dim], *shape[dim + 1 :]], dtype=dtype, device=device)
    return torch.stack([slices.get(place, blank) for place in range(shape[dim])], dim)


class Cache:
    """What an incremental module keeps from one step in time to the next: tensors at all
    positions so far, last elements of sequences, and the caches of the modules it calls.

    There is room for `capacity` positions. `past` counts those so far in a tensor without axes,
    so that a step is compiled once for all positions: compiled code reads whole buffers, zeros
    after the last position included, which no equation of a causal module looks at. What a
    module requires of the number of positions it then requires of the capacity, and a step
    without room writes past a buffer's end, which PyTorch reports. Other code knows `length`
    as a number, and reads the positions so far alone.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a cache has room for 1 position or more, not {capacity}")
        self.capacity = capacity
        self.past = torch.zeros((), dtype=torch.int64)
        self.tensors: dict[str, Tensor] = {}
        self.states: dict[str, Tensor] = {}
        self.children: dict[str, Cache] = {}
        self._length: int | None = 0

    @property
    def length(self) -> int:
        """How many positions there are so far. After compiled steps it is read from `past`.
        It may be set back, in each of the caches of modules that are called too, where no last
        elements of sequences are kept: those stay what they are."""
        if self._length is None:
            self._length = int(self.past)
        return self._length

    @length.setter
    def length(self, count: int) -> None:
        self._length = count
        self.past.fill_(count)

    def begin(self, count: int, device: torch.device) -> tuple[Tensor, int]:
        """The first of so many new positions, and how many positions `extend` gives with them.
        Raises ValueError without room, where it is not compiled."""
        if self.past.device != device:
            self.past = self.past.to(device)
        if torch.compiler.is_compiling():
            return self.past, self.capacity
        total = self.length + count
        if total > self.capacity:
            raise ValueError(f"a cache for {self.capacity} positions cannot hold {total}")
        return self.past, total

    def extend(self, name: str, new: Tensor, dim: int, more: int = 0) -> Tensor:
        """Keep a tensor's new positions along `dim`, and give all of them so far: a view of
        a buffer that is allocated once. A sequence has `more` elements than positions."""
        count = new.shape[dim]
        if name not in self.tensors:
            shape = [*new.shape]
            shape[dim] = self.capacity + more
            self.tensors[name] = new.new_zeros(shape)
        buffer = self.tensors[name]
        if torch.compiler.is_compiling():
            return buffer.index_copy_(dim, self.past + torch.arange(count, device=new.device), new)
        buffer.narrow(dim, self.length, count).copy_(new)
        return buffer.narrow(dim, 0, self.length + count)

    def state(self, name: str, first: Tensor) -> Tensor:
        """The last element of a sequence that was kept; the `first` one where none was."""
        return self.states.get(name, first)

    def keep(self, name: str, last: Tensor) -> None:
        """Keep the last element of a sequence; compiled code keeps it where it was."""
        if torch.compiler.is_compiling() and name in self.states:
            self.states[name].copy_(last)
        else:
            self.states[name] = last.clone()

    def advance(self, count: int) -> None:
        """Count so many new positions as kept."""
        self._length = None if torch.compiler.is_compiling() else self.length + count
        self.past += count

    def child(self, name: str) -> Cache:
        """The cache of a module that is called; empty at first."""
        if name not in self.children:
            self.children[name] = Cache(self.capacity)
        return self.children[name]


def softmax(x: Tensor, dim: int, where: Tensor) -> Tensor:
    """exp(x) / sum of exp(x) over the entries that `where` admits; 0 at the others, and
    everywhere in a row without any. Their values do not matter, in the gradient either."""
    lowest = torch.finfo(x.dtype).min
    y = torch.softmax(torch.where(where, x, lowest), dim)
    return torch.where(where, y, 0.0)


def log_softmax(x: Tensor, dim: int, where: Tensor) -> Tensor:
    """The logarithm of `softmax`: -inf at entries that `where` does not admit."""
    lowest = torch.finfo(x.dtype).min
    y = torch.log_softmax(torch.where(where, x, lowest), dim)
    return torch.where(where, y, -torch.inf)


def logsumexp(x: Tensor, dim: int | tuple[int, ...], where: Tensor | None = None) -> Tensor:
    """log of the sum of exp(x) over admitted entries; -inf where there is none or all are
    -inf, with gradient zero."""
    if where is not None:
        x = torch.where(where, x, -torch.inf)
    top = x.detach().amax(dim, keepdim=True)
    top = torch.where(top.isfinite(), top, 0.0)
    total = torch.exp(x - top).sum(dim, keepdim=True)
    result = safe_log(total) + top
    dims = (dim,) if isinstance(dim, int) else dim
    for axis in sorted((d % x.dim() for d in dims), reverse=True):
        result = result.squeeze(axis)
    return result


def argmax(x: Tensor, dim: int, where: Tensor | None = None) -> Tensor:
    """The smallest index of the largest admitted entry."""
    if where is None:
        return torch.argmax(x, dim)
    lowest, _ = _ends(x.dtype)
    best = torch.where(where, x, lowest).amax(dim, keepdim=True)
    return (where & (x == best)).to(torch.uint8).argmax(dim)


def argmin(x: Tensor, dim: int, where: Tensor | None = None) -> Tensor:
    """The smallest index of the smallest admitted entry."""
    if where is None:
        return torch.argmin(x, dim)
    _, highest = _ends(x.dtype)
    best = torch.where(where, x, highest).amin(dim, keepdim=True)
    return (where & (x == best)).to(torch.uint8).argmax(dim)


def _ends(dtype: torch.dtype) -> tuple[float, float]:
    """What no number of a format is below, and what none is above."""
    if dtype.is_floating_point or dtype == torch.bool:
        return -math.inf, math.inf
    return torch.iinfo(dtype).min, torch.iinfo(dtype).max


def concatenate(a: Tensor, b: Tensor) -> Tensor:
    """One after the other along the last axis; those before it are broadcast."""
    shape = [max(m, n) for m, n in zip(a.shape, b.shape, strict=True)][:-1]
    return torch.cat([a.expand(*shape, -1), b.expand(*shape, -1)], -1)


def interleave(a: Tensor, b: Tensor) -> Tensor:
    """a[0], b[0], a[1], b[1], … along the last axis; those before it are broadcast."""
    shape = [max(m, n) for m, n in zip(a.shape, b.shape, strict=True)]
    return torch.stack([a.expand(shape), b.expand(shape)], -1).flatten(-2)


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)) to full accuracy, for large x too."""
    return -torch.nn.functional.logsigmoid(-x)


def safe_log(x: Tensor) -> Tensor:
    """log(x), -inf at 0, where it passes no gradient on."""
    zero = x == 0
    return torch.where(zero, -torch.inf, torch.log(torch.where(zero, 1.0, x)))


def safe_sqrt(x: Tensor) -> Tensor:
    """sqrt(x), which passes no gradient on at 0, where it has no slope."""
    zero = x == 0
    return torch.where(zero, 0.0, torch.sqrt(torch.where(zero, 1.0, x)))


LARGEST_EXPONENT = {
    torch.float64: 709.782712893384,
    torch.float32: 88.72283172607422,
    torch.bfloat16: 88.5,
    torch.float16: 11.0859375,
}
"""The largest number of each format whose exponential the format holds."""


def safe_exp(x: Tensor) -> Tensor:
    """exp(x), +inf where that is too large for the format, where it passes no gradient on."""
    over = x > LARGEST_EXPONENT[x.dtype]
    return torch.where(over, torch.inf, torch.exp(torch.where(over, 0.0, x)))


def multiply(a: Tensor | float, b: Tensor | float) -> Tensor:
    """a · b with 0 · ∞ = 0, in the gradient too: an infinite factor counts as 0 where the
    other is zero, and passes no gradient on there."""
    if not isinstance(a, Tensor):
        a, b = b, a
    assert isinstance(a, Tensor)
    if not isinstance(b, Tensor):
        if b == 0:
            return torch.where(a.isinf(), 0.0, a) * b
        if abs(b) == math.inf:
            return torch.where(a == 0, 0.0, torch.where(a == 0, 1.0, a) * b)
        return a * b
    return torch.where(a.isinf() & (b == 0), 0.0, a) * torch.where(b.isinf() & (a == 0), 0.0, b)


def rounded(x: Tensor, dtype: torch.dtype) -> Tensor:
    """x rounded to the nearest number of a format, ties to even, with the derivative of x."""
    nearest = x.to(dtype).to(x.dtype)
    if x.dtype == torch.float64 and dtype in (torch.bfloat16, torch.float16):
        # torch goes by way of float32 and may round twice: its other neighbour may be nearer.
        single = x.to(torch.float32)
        beyond = torch.where(x > single, torch.full_like(single, torch.inf), -torch.inf)
        other = torch.nextafter(single, beyond).to(dtype).to(x.dtype)
        nearest = torch.where((other - x).abs() < (nearest - x).abs(), other, nearest)
    return torch.where(x.isinf(), x, x + (nearest - x).detach())


def _source(generator: torch.Generator | None) -> dict[str, Any]:
    """The source of draws as an argument; left out where there is none, since torch.compile
    does not trace `generator=None` where sizes vary."""
    return {} if generator is None else {"generator": generator}


def uniform(
    shape: Sequence[int],
    low: float,
    high: float,
    dtype: torch.dtype,
    device: torch.device,
    generator: torch.Generator | None,
) -> Tensor:
    """Draws from [low, high)."""
    draw = torch.rand(shape, **_source(generator), dtype=wide_dtype(dtype), device=device)
    if (low, high) == (0, 1) and draw.dtype == dtype:
        return draw
    draw = (low + (high - low) * draw).to(dtype)
    bottom, top = number(low, dtype, device), number(high, dtype, device)
    top = torch.nextafter(top, bottom)
    above = torch.nextafter(bottom, number(math.inf, dtype, device))
    bottom = torch.where(bottom.to(torch.float64) < low, above, bottom)
    return torch.maximum(torch.minimum(draw, top), bottom)


def normal(
    shape: Sequence[int],
    mean: float,
    std: float,
    dtype: torch.dtype,
    device: torch.device,
    generator: torch.Generator | None,
) -> Tensor:
    """Draws from the normal law with this mean and standard deviation."""
    draw = torch.randn(shape, **_source(generator), dtype=wide_dtype(dtype), device=device)
    return (mean + std * draw).to(dtype)


def exponential(
    shape: Sequence[int],
    dtype: torch.dtype,
    device: torch.device,
    generator: torch.Generator | None,
) -> Tensor:
    """Finite draws from the exponential law of mean 1."""
    draw = torch.rand(shape, **_source(generator), dtype=torch.float64, device=device)
    return (-torch.log1p(-draw)).to(dtype)


def gumbel(
    shape: Sequence[int],
    dtype: torch.dtype,
    device: torch.device,
    generator: torch.Generator | None,
) -> Tensor:
    """Finite draws from the standard Gumbel law."""
    draw = torch.rand(shape, **_source(generator), dtype=torch.float64, device=device)
    tiny = torch.finfo(torch.float64).tiny
    return (-torch.log((-torch.log1p(-draw)).clamp(min=tiny))).to(dtype)
