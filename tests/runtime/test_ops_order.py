"""Places, the largest entries, sums over what comes before: against their equations, written
out over pairs."""

from __future__ import annotations

import operator
from collections.abc import Callable

import pytest
import torch
from lawful.runtime import ops, ops_order
from torch import Tensor

F64 = torch.float64
RELATIONS: dict[tuple[bool, bool], Callable[[Tensor, Tensor], Tensor]] = {
    (False, False): operator.lt,
    (True, False): operator.le,
    (False, True): operator.gt,
    (True, True): operator.ge,
}
"""By `inclusive` and `reverse`."""


def numbers(*shape: int, ties: bool = False) -> Tensor:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=F64)
    return x.round() if ties else x


def pairwise(x: Tensor, key: Tensor, inclusive: bool, reverse: bool) -> Tensor:
    """The sums along the last axis."""
    counts = RELATIONS[inclusive, reverse](key[..., None, :], key[..., None])
    return torch.where(counts, x[..., None, :], 0).sum(-1)


@pytest.mark.parametrize(("inclusive", "reverse"), RELATIONS)
def test_sums_over_what_comes_before(inclusive: bool, reverse: bool) -> None:
    x, key = numbers(3, 7), numbers(3, 7, ties=True)
    index = torch.arange(7).expand(3, 7)
    place = ops.rank(key, -1)
    for got, by in (
        (ops.prefix_sum(x, -1, not inclusive, reverse), index),
        (ops.sum_before(x, place, -1, inclusive, reverse), place),
        (ops.sum_below(x, key, -1, inclusive, reverse), key),
        (ops.sum_below(x, key > 0, -1, inclusive, reverse), (key > 0).to(F64)),
    ):
        torch.testing.assert_close(got, pairwise(x, by, inclusive, reverse))
    count = ops.count_below(key, -1, inclusive, reverse)
    assert torch.equal(count, pairwise(torch.ones_like(key), key, inclusive, reverse).long())


def test_sums_go_along_their_axis_and_operands_broadcast() -> None:
    x, key = numbers(3, 7, 2), numbers(7, 1, ties=True)
    wanted = pairwise(x.transpose(1, 2), key.T.expand(3, 2, 7), True, False).transpose(1, 2)
    torch.testing.assert_close(ops.sum_below(x, key, -2, inclusive=True), wanted)
    torch.testing.assert_close(ops.prefix_sum(x, 0), x.cumsum(0))
    torch.testing.assert_close(
        ops.sum_before(numbers(3, 7, 1), ops.rank(x, 1), 1),
        ops.sum_below(numbers(3, 7, 1), -x, 1),
    )


@pytest.mark.parametrize("reverse", [False, True])
def test_what_comes_later_leaks_neither_into_value_nor_gradient(reverse: bool) -> None:
    x = torch.tensor([1.0, 2.0, torch.inf], dtype=F64, requires_grad=True)
    x = x.flip(0) if reverse else x
    key = torch.arange(3)
    for y in (
        ops.prefix_sum(x, 0, exclusive=True, reverse=reverse),
        ops.sum_below(x, key, 0, reverse=reverse),
        ops.sum_before(x, key, 0, reverse=reverse),
    ):
        assert sorted(y.tolist()) == [0.0, 1.0, 3.0]


ROWS: dict[str, Callable[[Tensor], Tensor]] = {
    "distinct": lambda x: x,
    "ties": lambda x: x.round(),
    "all equal": torch.zeros_like,
    "zeros of both signs": lambda x: x.round() * 0,
    "mostly minus infinity": lambda x: torch.where(x > 2, x, -torch.inf),
    "one above": lambda x: (x == x.amax(-1, keepdim=True)).to(x.dtype),
}


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize(
    ("n", "k"),
    [(1, 1), (9, 9), (9, 4), (300, 9), (3000, 9), (9000, 9), (9001, 9), (9001, 1), (5000, 2000)],
)
def test_top_is_the_order_of_a_stable_sort(kind: str, n: int, k: int) -> None:
    x = ROWS[kind](numbers(4, n)).to(torch.float32)
    wanted = torch.sort(x, dim=-1, descending=True, stable=True).indices[..., :k]
    assert torch.equal(ops.top(x, k, -1), wanted)
    assert torch.equal(ops.top(x[0], k, 0), wanted[0])
    assert torch.equal(ops.top(x.T, k, 0), wanted.T)
    assert torch.equal(ops.rank(x, -1).gather(-1, wanted), torch.arange(k).expand(4, k))


@pytest.mark.parametrize("k", [3, 9])
def test_ties_that_topk_breaks_otherwise_are_seen(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.topk may give of equal entries any: here always the last."""

    def last(x: Tensor, k: int, largest: bool = True) -> tuple[Tensor, Tensor]:
        order = torch.sort(x.flip(-1), dim=-1, descending=largest, stable=True)
        return order.values[..., :k], x.shape[-1] - 1 - order.indices[..., :k]

    called = []

    def topk(x: Tensor, k: int, largest: bool = True) -> torch.return_types.topk:
        called.append(x.dtype)
        return torch.return_types.topk(last(x, k, largest))

    monkeypatch.setattr(ops_order.torch, "topk", topk)
    x = numbers(4, 9001, ties=True).to(torch.float32)
    wanted = torch.sort(x, dim=-1, descending=True, stable=True).indices[..., :k]
    assert not torch.equal(last(x, k)[1], wanted)
    assert torch.equal(ops.top(x, k, -1), wanted)
    assert called, "torch.topk was not asked"


def test_spread_puts_entries_in_their_places() -> None:
    x, places = numbers(2, 3), torch.tensor([[4, 0, 2], [1, 3, 0]])
    y = ops.spread(x, places, 5, -1)
    assert torch.equal(y.gather(-1, places), x) and (y != 0).sum() == 6
    assert torch.equal(ops.spread(x.T, places.T, 5, 0), y.T)
    assert ops.spread(x > 0, places, 5, -1).dtype == torch.bool


def test_first_above_is_that_of_the_whole_row() -> None:
    x = torch.tensor([[0.5, 0.25, 0.125], [0.0, 1.0, 0.0]], dtype=F64)
    places = torch.tensor([[4, 0, 2], [1, 3, 0]])
    whole = ops.spread(x, places, 5, -1).cumsum(-1)
    for level in (-1.0, 0.0, 0.2, 0.25, 0.3, 0.375, 0.8, 0.875, 0.999, 2.0):
        levels = torch.full((2, 1), level, dtype=F64)
        wanted = ops.first(whole, -1, levels < whole)
        assert torch.equal(ops.first_above(x, places, levels, -1), wanted), level
        assert torch.equal(ops.first_above(x.T, places.T, levels.T, 0), wanted), level


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("n", [1, 2, 3, 8, 13])
def test_discounted_sum_is_the_recursion(n: int, rate: float) -> None:
    x = numbers(2, n, 3)
    y, wanted = torch.zeros(2, 3, dtype=F64), []
    for t in range(n):
        y = x[:, t] + rate * y
        wanted.append(y)
    torch.testing.assert_close(ops.discounted_sum(x, rate, 1), torch.stack(wanted, 1))
    back = ops.discounted_sum(x.flip(1), rate, 1, reverse=True)
    torch.testing.assert_close(back, torch.stack(wanted, 1).flip(1))
    if n == 1:
        return
    start, rest = x[:, :1], x[:, 1:]
    after = ops.discounted_sum(rest, rate, 1, start=start)
    torch.testing.assert_close(after, torch.stack(wanted, 1))
    turned = ops.discounted_sum(rest.flip(1), rate, 1, reverse=True, start=start)
    torch.testing.assert_close(turned, torch.stack(wanted, 1).flip(1))
