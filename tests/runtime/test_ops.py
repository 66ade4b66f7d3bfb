"""What generated code calls: values and gradients, the edges of the language, what traces."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lawful.runtime import ops
from torch import Tensor

CPU = torch.device("cpu")
F64 = torch.float64
INF, NAN = math.inf, math.nan
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
NARROW = [torch.bfloat16, torch.float16]


def tensor(*values: Any, dtype: torch.dtype = F64) -> Tensor:
    return torch.tensor(values, dtype=dtype)


def same(got: Tensor, *expected: Any) -> None:
    """Equal to the last bit; NaN to NaN."""
    np.testing.assert_array_equal(got.detach().double().numpy(), np.array(expected, dtype=float))


def close(got: Tensor, expected: Any, rtol: float = 1e-14) -> None:
    np.testing.assert_allclose(got.detach().double().numpy(), expected, rtol=rtol, atol=1e-300)


def gradient(f: Callable[[Tensor], Tensor], x: Tensor, cotangent: Tensor | None = None) -> Tensor:
    """The gradient of sum(cotangent * f(x)): 1, 2, 3, … where none is given."""
    x = x.detach().clone().requires_grad_()
    y = f(x)
    if cotangent is None:
        cotangent = torch.arange(1, y.numel() + 1, dtype=y.dtype).reshape(y.shape)
    (slope,) = torch.autograd.grad(y, x, cotangent)
    return slope


def mask_of(*rows: str) -> Tensor:
    return torch.tensor([[letter == "x" for letter in row] for row in rows])


MASK = mask_of("xx.x", "....", "x...", "xxxx", "..xx")
"""Rows of all lengths, one of them empty."""
JUNK = torch.tensor([NAN, INF, -INF, 1e300], dtype=F64)


def logits(dtype: torch.dtype = F64) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(5, 4, generator=generator, dtype=F64).to(dtype)


def with_junk(x: Tensor, where: Tensor, junk: float) -> Tensor:
    return torch.where(where, x, junk)


def admitted(x: Tensor, where: Tensor) -> list[Any]:
    return [row[keep] for row, keep in zip(x.double().numpy(), where.numpy(), strict=True)]


def softmax_by_hand(x: Tensor, where: Tensor) -> Any:
    out = np.zeros(x.shape)
    for n, row in enumerate(admitted(x, where)):
        weights = np.exp(row - row.max(initial=-INF)) if row.size else row
        out[n, where[n].numpy()] = weights / weights.sum()
    return out


def logsumexp_by_hand(x: Tensor, where: Tensor) -> Any:
    rows = admitted(x, where)
    return np.array([np.logaddexp.reduce(row) if row.size else -INF for row in rows])


# --- entry checks ------------------------------------------------------------------------------


def test_reals_gives_the_dtype_and_device_that_all_share() -> None:
    for dtype in DTYPES:
        x = torch.ones(2, dtype=dtype)
        assert ops.reals("m.M", {"x": x}, {"y": x, "z": None}) == (dtype, CPU)


@pytest.mark.parametrize(
    ("tensors", "error", "parts"),
    [
        ({"x": torch.ones(2, dtype=torch.int64)}, TypeError, ["x", "floating-point", "int64"]),
        ({"x": torch.ones(2, dtype=torch.complex64)}, TypeError, ["x", "complex64"]),
        ({"x": 3.0}, TypeError, ["x", "floating-point", "float"]),
        (
            {"x": torch.ones(2), "y": torch.ones(2, dtype=F64)},
            TypeError,
            ["y", "dtype of x", "float32", "float64"],
        ),
        (
            {"x": torch.ones(2), "y": torch.ones(2, device="meta")},
            ValueError,
            ["y", "on cpu", "meta"],
        ),
    ],
)
def test_reals_names_the_spec_the_tensor_what_was_expected_and_what_came(
    tensors: dict[str, Any], error: type[Exception], parts: list[str]
) -> None:
    with pytest.raises(error) as caught:
        ops.reals("m.M", tensors)
    for part in ["m.M", *parts]:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("check", "good", "bad", "wanted"),
    [
        (ops.integers, torch.ones(2, dtype=torch.int64), torch.ones(2), "integer"),
        (ops.integers, torch.ones(2, dtype=torch.uint8), torch.ones(2) > 0, "integer"),
        (ops.integers, torch.ones(2, dtype=torch.int32), torch.ones(2) * 1j, "integer"),
        (ops.integers, torch.ones(2, dtype=torch.int32), 3, "integer"),
        (ops.booleans, torch.ones(2) > 0, torch.ones(2, dtype=torch.int64), "boolean"),
        (ops.booleans, torch.ones(2) > 0, True, "boolean"),
    ],
)
def test_integers_and_booleans_take_only_their_own(
    check: Callable[..., torch.device], good: Tensor, bad: Any, wanted: str
) -> None:
    assert check("m.M", {"n": good}) == CPU
    with pytest.raises(TypeError) as caught:
        check("m.M", {"a": good, "n": bad})
    got = bad.dtype if isinstance(bad, Tensor) else type(bad).__name__
    for part in ["m.M", "n should", wanted, f"got {got}"]:
        assert part in str(caught.value)


def test_optional_tensors_are_held_to_the_same_where_they_are_given() -> None:
    x, n, m = torch.ones(2, dtype=F64), torch.ones(2, dtype=torch.int64), torch.ones(2) > 0
    assert ops.reals("m.M", {}, {"y": None, "z": x}) == (F64, CPU)
    assert ops.reals("m.M", {}, {"y": None}) == (torch.get_default_dtype(), CPU)
    assert ops.integers("m.M", {}, {"n": None}) == ops.booleans("m.M", {}, {"m": m}) == CPU
    with pytest.raises(TypeError, match="z should have the dtype of x"):
        ops.reals("m.M", {"x": x}, {"z": x.float()})
    with pytest.raises(TypeError, match="z should be an integer tensor"):
        ops.integers("m.M", {"n": n}, {"z": m})
    with pytest.raises(TypeError, match="z should be a boolean tensor"):
        ops.booleans("m.M", {"m": m}, {"z": n})


def test_tensors_of_every_kind_share_a_device() -> None:
    elsewhere = torch.device("meta")
    x, n, m = torch.ones(2), torch.ones(2, dtype=torch.int64), torch.ones(2) > 0
    for check, tensor in ((ops.reals, x), (ops.integers, n), (ops.booleans, m)):
        assert check("m.M", {"a": tensor}, device=CPU) in (CPU, (torch.float32, CPU))
        with pytest.raises(ValueError, match=r"m\.M: b should be on cpu .* got meta"):
            check("m.M", {"a": tensor, "b": tensor.to(elsewhere)})
        with pytest.raises(ValueError, match=r"m\.M: a should be on meta .* got cpu"):
            check("m.M", {"a": tensor}, device=elsewhere)


def test_shape_gives_the_shape_where_it_agrees() -> None:
    x = torch.ones(2, 3)
    for expected in ([2, 3], [None, 3], [2, None], (None, None)):
        assert ops.shape("m.M", "input x[B, T]", x, expected) == (2, 3)
    assert ops.shape("m.M", "input r", torch.tensor(1.0), ()) == ()


@pytest.mark.parametrize("expected", [[2, 4], [3, None], [2], [2, 3, 1], []])
def test_shape_names_declaration_and_both_shapes_where_it_does_not(
    expected: list[int | None],
) -> None:
    with pytest.raises(ValueError) as caught:
        ops.shape("m.M", "input x[B, T]", torch.ones(2, 3), expected)
    wanted = ", ".join("any" if size is None else str(size) for size in expected)
    for part in ["m.M", "input x[B, T]", f"({wanted})", "got (2, 3)"]:
        assert part in str(caught.value)


def test_require_names_the_condition_and_the_values() -> None:
    ops.require(True, "m.M", "D == H * K", "D = 6")
    with pytest.raises(ValueError, match=r"m\.M: D == H \* K does not hold for D = 7, H = 2"):
        ops.require(False, "m.M", "D == H * K", "D = 7, H = 2")


def test_sixteen_bit_formats_are_computed_in_float32() -> None:
    assert [ops.wide_dtype(dtype) for dtype in DTYPES] == [F64] + 3 * [torch.float32]
    for dtype in DTYPES:
        x = torch.tensor([0.1, -3.0], dtype=dtype)
        assert ops.widen(x).dtype == ops.wide_dtype(dtype)
        same(ops.widen(x), *x.double().tolist())


def test_autocast_rounds_a_factor_once_and_leaves_float64_alone() -> None:
    for dtype in DTYPES:
        x = torch.tensor([0.1, -3.0], dtype=ops.wide_dtype(dtype))
        assert ops.factor(x, dtype).dtype == dtype
        with torch.autocast("cpu", torch.bfloat16):
            lower = ops.factor(x, dtype)
        assert lower.dtype == (torch.bfloat16 if dtype == torch.float32 else dtype)
    with torch.autocast("cpu", torch.bfloat16):
        assert ops.factor(torch.empty(2, device="meta"), torch.float32).dtype == torch.float32


def test_number_is_a_tensor_without_axes() -> None:
    for dtype in DTYPES:
        x = ops.number(0.1, dtype, CPU)
        assert x.shape == () and x.dtype == dtype
        assert x == torch.tensor(0.1, dtype=dtype)


# --- softmax, log_softmax, logsumexp -----------------------------------------------------------


def test_softmax_is_the_law_of_admitted_entries() -> None:
    close(ops.softmax(logits(), -1, MASK), softmax_by_hand(logits(), MASK))
    close(ops.softmax(logits().T, 0, MASK.T).T, softmax_by_hand(logits(), MASK))


def test_log_softmax_is_the_logarithm_of_softmax() -> None:
    with np.errstate(divide="ignore"):
        wanted = np.log(softmax_by_hand(logits(), MASK))
    close(ops.log_softmax(logits(), -1, MASK), wanted)
    close(ops.log_softmax(logits().T, 0, MASK.T).T, wanted)


def test_logsumexp_is_that_of_admitted_entries() -> None:
    close(ops.logsumexp(logits(), -1, MASK), logsumexp_by_hand(logits(), MASK))
    close(ops.logsumexp(logits().T, 0, MASK.T), logsumexp_by_hand(logits(), MASK))
    every = torch.ones_like(MASK)
    close(ops.logsumexp(logits(), 1), logsumexp_by_hand(logits(), every))


def test_logsumexp_takes_several_axes() -> None:
    x = torch.randn(2, 3, 4, 5, dtype=F64)
    close(ops.logsumexp(x, (1, -1)), torch.logsumexp(x, (1, 3)).numpy())
    assert ops.logsumexp(x, (-4, -1, 2)).shape == (3,)
    assert ops.logsumexp(x, (0, 1, 2, 3)).shape == ()


@pytest.mark.parametrize("row", [ops.softmax, ops.log_softmax, ops.logsumexp])
def test_row_operators_have_the_derivative_of_their_equation(
    row: Callable[[Tensor, int, Tensor], Tensor],
) -> None:
    where = MASK[[0, 2, 3, 4]]
    x = logits()[[0, 2, 3, 4]].requires_grad_()

    def finite(x: Tensor) -> Tensor:
        y = row(x, -1, where)
        return torch.where(y.isfinite(), y, 0.0)

    assert torch.autograd.gradcheck(finite, (x,))
    if row is ops.logsumexp:
        assert torch.autograd.gradcheck(lambda x: ops.logsumexp(x, (0, 1)), (x,))


def test_over_nothing_softmax_is_0_log_softmax_and_logsumexp_are_minus_infinity() -> None:
    nothing = torch.zeros(1, 3, dtype=torch.bool)
    for dtype in DTYPES:
        x = torch.tensor([[1.0, NAN, INF]], dtype=dtype)
        same(ops.softmax(x, -1, nothing), [0, 0, 0])
        same(ops.log_softmax(x, -1, nothing), [-INF, -INF, -INF])
        same(ops.logsumexp(x, -1, nothing), -INF)
        for row in (ops.softmax, ops.log_softmax, ops.logsumexp):
            same(gradient(lambda x, row=row: row(x, -1, nothing), x), [0, 0, 0])


def test_logsumexp_of_minus_infinities_is_minus_infinity_with_gradient_zero() -> None:
    x = tensor([-INF, -INF], [-INF, 2.0], [1.0, 1.0])
    close(ops.logsumexp(x, -1), [-INF, 2.0, 1.0 + math.log(2)])
    close(gradient(lambda x: ops.logsumexp(x, -1), x), [[0, 0], [0, 2], [1.5, 1.5]])
    same(ops.logsumexp(tensor(-INF, INF), 0), INF)


def test_an_admitted_minus_infinity_has_probability_zero() -> None:
    x, where = tensor([1.0, -INF, 5.0, 1.0]), mask_of("xx.x")
    close(ops.softmax(x, -1, where), [[0.5, 0, 0, 0.5]])
    close(ops.log_softmax(x, -1, where), [[-math.log(2), -INF, -INF, -math.log(2)]])
    slope = gradient(lambda x: ops.softmax(x, -1, where), x, tensor([1.0, 1.0, 1.0, 3.0]))
    close(slope, [[-0.5, 0, 0, 0.5]])


@pytest.mark.parametrize("junk", JUNK.tolist())
@pytest.mark.parametrize("row", [ops.softmax, ops.log_softmax, ops.logsumexp])
def test_entries_outside_do_not_matter_in_value_or_gradient(
    row: Callable[[Tensor, int, Tensor], Tensor], junk: float
) -> None:
    def apply(x: Tensor) -> Tensor:
        return row(x, -1, MASK)

    spoilt = with_junk(logits(), MASK, junk)
    assert torch.equal(apply(spoilt), apply(logits()))
    slope = gradient(apply, spoilt)
    assert torch.equal(slope, gradient(apply, logits()))
    assert not slope[~MASK].any()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_logits_of_1e4_stay_finite_in_value_and_gradient(dtype: torch.dtype) -> None:
    x = torch.tensor([[1e4, -1e4, 1e4, 1e4], [-1e4, -1e4, 0.0, 0.0]], dtype=dtype)
    where = mask_of("xxx.", "xx..")
    big = float(x[0, 0])
    same(ops.softmax(x, -1, where), [0.5, 0, 0.5, 0], [0.5, 0.5, 0, 0])
    same(gradient(lambda x: ops.softmax(x, -1, where), x), [-0.5, 0, 0.5, 0], [-0.25, 0.25, 0, 0])
    close(ops.logsumexp(x, -1, where), [big + math.log(2), -big + math.log(2)], 2e-3)
    same(gradient(lambda x: ops.logsumexp(x, -1, where), x), [0.5, 0, 0.5, 0], [1, 1, 0, 0])
    logs = ops.log_softmax(x, -1, where)[where]
    close(logs, [-math.log(2), -2 * big, *3 * [-math.log(2)]], 4e-3)
    assert gradient(lambda x: ops.log_softmax(x, -1, where), x).isfinite().all()


rows = st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=8)


@given(rows, st.data())
@settings(max_examples=60, deadline=None)
def test_softmax_is_a_law_that_no_shift_and_no_order_changes(
    row: list[float], data: st.DataObject
) -> None:
    keep = data.draw(st.lists(st.booleans(), min_size=len(row), max_size=len(row)))
    order = data.draw(st.permutations(range(len(row))))
    x, where = tensor(*row), torch.tensor(keep)
    p = ops.softmax(x, 0, where)
    assert (p >= 0).all() and not p[~where].any()
    assert abs(float(p.sum()) - any(keep)) < 1e-14
    close(ops.softmax(x[list(order)], 0, where[list(order)]), p[list(order)].numpy(), 1e-13)
    torch.testing.assert_close(ops.softmax(x + 512, 0, where), p, rtol=1e-11, atol=0)
    torch.testing.assert_close(ops.log_softmax(x, 0, where).exp(), p, rtol=1e-11, atol=0)


# --- argmax, argmin, first, rank ---------------------------------------------------------------


def test_the_smallest_index_wins_a_tie() -> None:
    x = torch.tensor([[1.0, 3.0, 3.0, 3.0], [2.0, 2.0, 1.0, 1.0]])
    same(ops.argmax(x, -1), 1, 0)
    same(ops.argmin(x, -1), 0, 2)
    where = mask_of("x.xx", ".x.x")
    same(ops.argmax(x, -1, where), 2, 1)
    same(ops.argmin(x, -1, where), 0, 3)
    same(ops.argmax(x, 0), 1, 0, 0, 0)
    same(ops.argmax(x, 0, where), 0, 1, 0, 0)
    long = torch.zeros(10_000)
    long[[3000, 7000]] = 1.0
    assert ops.argmax(long, 0) == 3000 and ops.argmin(-long, 0) == 3000


@pytest.mark.parametrize("junk", JUNK.tolist())
def test_winners_are_among_the_admitted(junk: float) -> None:
    some = MASK.any(-1)
    x = with_junk(logits(), MASK, junk)
    largest, smallest = ops.argmax(x, -1, MASK), ops.argmin(x, -1, MASK)
    for n in torch.nonzero(some).ravel().tolist():
        row = {v: float(x[n, v]) for v in range(4) if MASK[n, v]}
        assert largest[n] == max(row, key=row.__getitem__)
        assert smallest[n] == min(row, key=row.__getitem__)
    assert largest.dtype == smallest.dtype == torch.int64


def test_winners_among_infinities_are_admitted_still() -> None:
    where = mask_of(".xx", ".xx")
    same(ops.argmax(tensor([-INF, -INF, -INF], [INF, -INF, -INF]), -1, where), 1, 1)
    same(ops.argmin(tensor([INF, INF, INF], [-INF, INF, INF]), -1, where), 1, 1)


def test_winners_among_integers_are_exact() -> None:
    big = 2**53
    x = torch.tensor([big, big + 1, 2**62, -big, -big - 1, -(2**62)])
    where = torch.tensor([True, True, False, True, True, False])
    assert ops.argmax(x, 0, where) == 1 and ops.argmin(x, 0, where) == 4
    assert ops.argmax(x, 0) == 2 and ops.argmin(x, 0) == 5
    lowest = torch.iinfo(torch.int64).min
    assert ops.argmax(torch.tensor([lowest, lowest]), 0, torch.tensor([False, True])) == 1


def test_first_is_the_first_admitted_else_the_first_of_the_largest() -> None:
    x = tensor([1.0, 5.0, 5.0, 2.0], [1.0, 5.0, 5.0, 2.0], [0.0, 0.0, 0.0, 0.0])
    same(ops.first(x, -1, mask_of("..xx", "....", "....")), 2, 1, 0)
    same(ops.first(x.T, 0, mask_of("..xx", "....", "....").T), 2, 1, 0)


def rank_by_hand(row: list[float], keep: list[bool]) -> list[int]:
    def before(w: int, v: int) -> bool:
        return keep[w] and (row[w] > row[v] or (row[w] == row[v] and w < v))

    length = range(len(row))
    return [sum(before(w, v) for w in length) if keep[v] else sum(keep) for v in length]


few = st.sampled_from([-INF, -1.0, -0.0, 0.0, 1.0, 2.0, INF])


@given(st.lists(st.one_of(few, st.floats(-3, 3)), min_size=1, max_size=9), st.data())
@settings(max_examples=100, deadline=None)
def test_rank_counts_the_entries_before(row: list[float], data: st.DataObject) -> None:
    x = tensor(*row)
    found = ops.rank(x, 0)
    assert found.dtype == torch.int64
    assert sorted(found.tolist()) == list(range(len(row))), "a permutation"
    assert found.tolist() == rank_by_hand(row, [True] * len(row))
    keep = data.draw(st.lists(st.booleans(), min_size=len(row), max_size=len(row)))
    wanted = rank_by_hand(row, keep)
    where = torch.tensor(keep)
    for junk in (NAN, INF, -INF):
        spoilt = with_junk(x, where, junk)
        assert ops.rank(spoilt, 0, where).tolist() == wanted
        assert ops.rank(spoilt[None, :, None], -2, where[:, None]).ravel().tolist() == wanted


def test_rank_keeps_the_order_of_ties_in_long_rows() -> None:
    x = torch.randint(0, 3, (5000,), generator=torch.Generator().manual_seed(0)).double()
    wanted = np.empty(5000, dtype=np.int64)
    wanted[np.argsort(-x.numpy(), kind="stable")] = np.arange(5000)
    assert np.array_equal(ops.rank(x, 0).numpy(), wanted)
    assert np.array_equal(ops.rank(x, 0, torch.ones(5000) > 0).numpy(), wanted)


def test_rank_goes_along_its_axis_and_takes_integers() -> None:
    x = torch.randint(0, 4, (3, 5, 2), generator=torch.Generator().manual_seed(0))
    found = ops.rank(x, 1)
    for b in range(3):
        for c in range(2):
            row = x[b, :, c].tolist()
            assert found[b, :, c].tolist() == rank_by_hand(row, [True] * 5)


# --- pointwise ---------------------------------------------------------------------------------


def test_softplus_is_accurate_everywhere() -> None:
    x = tensor(-745.0, -100.0, -30.0, -1.0, 0.0, 1.0, 30.0, 1e4)
    close(ops.softplus(x), np.logaddexp(0, x.numpy()), 1e-15)
    sigmoid = np.exp(-np.logaddexp(0, -x.numpy()))
    close(gradient(ops.softplus, x, torch.ones_like(x)), sigmoid, 1e-13)
    same(ops.softplus(tensor(-INF, INF)), 0, INF)
    assert torch.autograd.gradcheck(ops.softplus, (tensor(-3.0, 0.5, 4.0).requires_grad_(),))
    for dtype in DTYPES:
        y = ops.softplus(torch.tensor([1e4, -1e4], dtype=dtype))
        same(y, float(torch.tensor(1e4, dtype=dtype)), 0)


def test_safe_log_of_0_is_minus_infinity_without_gradient() -> None:
    x = tensor(0.0, -0.0, 0.5, 1.0, 3.0, INF)
    close(ops.safe_log(x), [-INF, -INF, math.log(0.5), 0, math.log(3), INF])
    same(gradient(ops.safe_log, x, torch.ones_like(x)), 0, 0, 2, 1, 1 / 3, 0)
    assert ops.safe_log(tensor(-1.0)).isnan().all()
    same(gradient(lambda x: ops.safe_log(x) * 0, x), 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_safe_exp_passes_no_gradient_where_it_overflows(dtype: torch.dtype) -> None:
    limit = torch.tensor(math.log(torch.finfo(dtype).max), dtype=dtype)
    around = [limit, *(torch.nextafter(limit, torch.tensor(end, dtype=dtype)) for end in (0, INF))]
    x = torch.stack([*around, *torch.tensor([-INF, -1e4, 0.0, 1.0, 1e4, INF], dtype=dtype)])
    plain = torch.exp(x)
    assert torch.equal(ops.safe_exp(x), plain)
    assert plain[:3].isinf().any() and plain[:3].isfinite().any(), "the end is tried"
    slope = gradient(ops.safe_exp, x, torch.ones_like(x))
    assert torch.equal(slope, torch.where(plain.isinf(), 0.0, plain))
    assert not gradient(ops.safe_exp, x, torch.zeros_like(x)).any()


def test_zero_times_infinity_is_zero_in_value_and_gradient() -> None:
    values = tensor(0.0, -0.0, 1.0, -2.0, INF, -INF)
    a, b = (x.clone().requires_grad_() for x in torch.meshgrid(values, values, indexing="ij"))
    y = ops.multiply(a, b)
    zero = ((a == 0) & b.isinf()) | ((b == 0) & a.isinf())
    assert zero.sum() == 8
    assert torch.equal(y, torch.where(zero, 0.0, a * b))
    by_a, by_b = torch.autograd.grad(y, (a, b), torch.ones_like(y))
    assert torch.equal(by_a[zero], torch.zeros(8)) and torch.equal(by_b[zero], torch.zeros(8))
    finite = a.isfinite() & b.isfinite()
    assert torch.equal(by_a[finite], b[finite]) and torch.equal(by_b[finite], a[finite])
    assert ops.multiply(tensor(0.0), tensor(NAN)).isnan().all(), "undefined goes through 0 *"


@pytest.mark.parametrize("factor", [0.0, 2.5, INF, -INF])
def test_multiply_takes_a_number_on_either_side(factor: float) -> None:
    x = tensor(0.0, 1.0, -2.0, INF, -INF)
    with np.errstate(invalid="ignore"):
        wanted = x.numpy() * factor
    wanted[np.isnan(wanted)] = 0.0
    same(ops.multiply(x, factor), *wanted)
    same(ops.multiply(factor, x), *wanted)
    slope = gradient(lambda x: ops.multiply(x, factor), x, torch.ones_like(x))
    lost = (x == 0) if math.isinf(factor) else x.isinf() & (factor == 0)
    same(slope, *torch.where(lost, 0.0, factor).tolist())


def test_numbers_multiply_with_zero_times_infinity_zero() -> None:
    assert ops.times(0.0, -INF) == 0.0 == ops.times(INF, -0.0)
    assert ops.times(-2.0, INF) == -INF and ops.times(1.5, 2.0) == 3.0
    assert math.isnan(ops.times(NAN, 1.0)) and math.isnan(ops.times(0.0, NAN))


@pytest.mark.parametrize(("wide", "bits"), [(torch.float32, 24), (F64, 53)])
@pytest.mark.parametrize("dtype", NARROW, ids=str)
def test_rounded_is_the_nearest_number_ties_to_even(
    dtype: torch.dtype, wide: torch.dtype, bits: int
) -> None:
    unit, least = Fraction(torch.finfo(dtype).eps), Fraction(2) ** (1 - bits)
    ties = [1 + unit / 2, 1 + 3 * unit / 2, 1 + 5 * unit / 2]
    exact = [sign * (tie + off) for sign in (1, -1) for tie in ties for off in (-least, 0, least)]
    exact += [1 + unit / 4 + least, 1 + 3 * unit / 4 - least, Fraction(0)]
    wanted = [float(round(x / unit) * unit) for x in exact]
    got = ops.rounded(torch.tensor([float(x) for x in exact], dtype=wide), dtype)
    assert got.dtype == wide
    same(got, *wanted)
    same(ops.rounded(tensor(INF, -INF, dtype=wide), dtype), INF, -INF)
    largest = torch.finfo(dtype).max
    ends = torch.tensor([largest, torch.finfo(torch.float32).max, NAN], dtype=wide)
    same(ops.rounded(ends, dtype), largest, INF, NAN)


def test_rounded_has_the_derivative_of_its_argument() -> None:
    x = tensor(0.3, 1e6, -1e-9, INF, 1 + 2.0**-8 + 2.0**-40)
    for dtype in NARROW:
        slopes = [1 / 3, 1e6, -1e-20, 2.0, 1 + 2.0**-40]
        same(gradient(lambda x, dtype=dtype: ops.rounded(x, dtype), x, tensor(*slopes)), *slopes)


# --- draws -------------------------------------------------------------------------------------

DRAWS: dict[str, Callable[..., Tensor]] = {
    "uniform": lambda shape, *rest: ops.uniform(shape, 0.0, 1.0, *rest),
    "normal": lambda shape, *rest: ops.normal(shape, 0.0, 1.0, *rest),
    "exponential": ops.exponential,
    "gumbel": ops.gumbel,
}
LAWS: dict[str, Callable[[Any], Any]] = {
    "uniform": lambda x: np.clip(x, 0, 1),
    "normal": np.vectorize(lambda x: (1 + math.erf(x / math.sqrt(2))) / 2),
    "exponential": lambda x: -np.expm1(-x),
    "gumbel": lambda x: np.exp(-np.exp(-x)),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", DRAWS)
def test_draws_are_finite_of_their_dtype_and_come_from_the_generator(
    name: str, dtype: torch.dtype
) -> None:
    def draw(seed: int) -> Tensor:
        return DRAWS[name]((300, 2), dtype, CPU, torch.Generator().manual_seed(seed))

    before = torch.random.get_rng_state()
    x = draw(0)
    assert torch.equal(torch.random.get_rng_state(), before), "the global generator is left alone"
    assert x.shape == (300, 2) and x.dtype == dtype and x.isfinite().all()
    assert torch.equal(x, draw(0)) and not torch.equal(x, draw(1))
    assert DRAWS[name]((3,), dtype, CPU, None).shape == (3,)


@pytest.mark.parametrize("name", DRAWS)
def test_draws_follow_their_law(name: str) -> None:
    """Kolmogorov and Smirnov: the largest distance of the laws, times sqrt(n), is below 1.95
    with probability 0.999."""
    n = 20_000
    x = DRAWS[name]((n,), F64, CPU, torch.Generator().manual_seed(7)).sort().values.numpy()
    distance = np.abs(LAWS[name](x) - (np.arange(n) + 0.5) / n).max()
    assert distance * math.sqrt(n) < 1.95


def test_normal_has_its_mean_and_deviation() -> None:
    x = ops.normal((20_000,), 3.0, 0.5, F64, CPU, torch.Generator().manual_seed(0))
    assert abs(float(x.mean()) - 3) < 0.02 and abs(float(x.std()) - 0.5) < 0.02


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (1.0, 2.0), (-3.0, 0.0), (0.7, 1.0), (-0.3, 0.3)]
)
def test_uniform_is_half_open(
    low: float, high: float, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the ends of what torch.rand gives, and in between."""

    def rand(shape: Any, **options: Any) -> Tensor:
        dtype = options["dtype"]
        ends = torch.tensor([0.0, 1.0], dtype=dtype)
        return torch.stack([ends[0], torch.nextafter(ends[1], ends[0])])

    x = ops.uniform((20_000,), low, high, dtype, CPU, torch.Generator().manual_seed(3)).double()
    assert low <= x.min() and x.max() < high
    assert x.max() - x.min() > 0.97 * (high - low)
    monkeypatch.setattr(torch, "rand", rand)
    x = ops.uniform((2,), low, high, dtype, CPU, None).double()
    assert low <= x[0] < x[1] < high


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["exponential", "gumbel"])
def test_draws_are_finite_at_the_ends_of_the_unit_interval(
    name: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rand(shape: Any, **options: Any) -> Tensor:
        one = torch.ones((), dtype=options["dtype"])
        return torch.stack([0 * one, torch.nextafter(one, 0 * one)])

    monkeypatch.setattr(torch, "rand", rand)
    x = DRAWS[name]((2,), dtype, CPU, None)
    assert x.isfinite().all() and x[0] != x[1]
    assert name == "gumbel" or (x >= 0).all()


# --- tracing -----------------------------------------------------------------------------------

TRACED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "softmax": lambda x, m: ops.softmax(x, -1, m),
    "log_softmax": lambda x, m: ops.log_softmax(x, -1, m).exp(),
    "logsumexp": lambda x, m: ops.logsumexp(x, -1, m),
    "logsumexp of all": lambda x, m: ops.logsumexp(x, (0, 1)),
    "argmax": lambda x, m: ops.argmax(x, -1, m),
    "argmin": lambda x, m: ops.argmin(x, -1, m),
    "first": lambda x, m: ops.first(x, -1, m),
    "rank": lambda x, m: ops.rank(x, -1, m),
    "rank of all": lambda x, m: ops.rank(x, -1),
    "prefix_sum": lambda x, m: ops.prefix_sum(x, -1, exclusive=True),
    "prefix_sum from the end": lambda x, m: ops.prefix_sum(x, 0, reverse=True),
    "sum_before": lambda x, m: ops.sum_before(x, ops.rank(x, -1), -1),
    "sum_below": lambda x, m: ops.sum_below(x, x.round(), -1),
    "sum_below or at": lambda x, m: ops.sum_below(x, m, 0, inclusive=True, reverse=True),
    "rank by count_below": lambda x, m: ops.count_below(x, -1, reverse=True),
    "first of top": lambda x, m: ops.top(x, 2, -1),
    "spread": lambda x, m: ops.spread(x, ops.top(x, x.shape[-1], -1), 9, -1),
    "first_above": lambda x, m: ops.first_above(x.exp(), ops.top(x, x.shape[-1], -1), x[:, :1], -1),
    "discounted_sum": lambda x, m: ops.discounted_sum(x, 0.7, -1, start=x[:, :1]),
    "softplus": lambda x, m: ops.softplus(x),
    "safe_log": lambda x, m: ops.safe_log(x.relu()),
    "safe_exp": lambda x, m: ops.safe_exp(x * 1e3),
    "multiply": lambda x, m: ops.multiply(x, ops.safe_log(m.to(x.dtype))),
    "multiply by a number": lambda x, m: ops.multiply(INF, x.relu()),
    "rounded": lambda x, m: ops.rounded(x, torch.bfloat16),
    "widen": lambda x, m: ops.widen(x),
    "number": lambda x, m: x + ops.number(2.0, x.dtype, x.device),
}
DIFFERENTIABLE = [name for name in TRACED if not name.startswith(("arg", "first", "rank"))]


def checked(x: Tensor, mask: Tensor) -> Tensor:
    dtype, device = ops.reals("m.M", {"x": x})
    ops.booleans("m.M", {"mask": mask})
    ops.integers("m.M", {"n": torch.arange(3, device=device)}, device=device)
    B, T = ops.shape("m.M", "input x[B, T]", x, [None, None])
    ops.shape("m.M", "input mask[B, T]", mask, [B, T])
    ops.require(T > 1, "m.M", "T > 1", f"T = {T}")
    return ops.softmax(x, -1, mask).to(ops.wide_dtype(dtype))


@pytest.mark.parametrize("name", [*TRACED, "entry checks"])
def test_everything_compiles_into_one_graph(name: str) -> None:
    f = {**TRACED, "entry checks": checked}[name]
    x = logits()
    torch.compiler.reset()
    compiled = torch.compile(f, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(x, MASK), f(x, MASK))
    if name in DIFFERENTIABLE:
        slope = gradient(lambda x: compiled(x, MASK), x)
        assert torch.equal(slope, gradient(lambda x: f(x, MASK), x))


@pytest.mark.parametrize("name", DRAWS)
def test_draws_compile_into_one_graph(name: str) -> None:
    def f() -> Tensor:
        return DRAWS[name]((4, 3), torch.float32, CPU, None)

    torch.compiler.reset()
    compiled = torch.compile(f, fullgraph=True, backend="aot_eager")
    torch.manual_seed(5)
    wanted = f()
    torch.manual_seed(5)
    assert torch.equal(compiled(), wanted)


def test_draws_of_varying_size_compile_once() -> None:
    torch.compiler.reset()
    compiled = torch.compile(
        lambda x: x + ops.uniform(x.shape, 0, 1, torch.float32, CPU, None),
        fullgraph=True,
        dynamic=True,
        backend="aot_eager",
    )
    for n in (3, 4, 5):
        drawn = compiled(torch.zeros(n))
        assert drawn.shape == (n,) and (drawn >= 0).all() and (drawn < 1).all()


@pytest.mark.parametrize("name", TRACED)
def test_vmap_gives_what_a_loop_gives(name: str) -> None:
    f = TRACED[name]
    x = torch.stack([logits(), 2 * logits(), -logits()])
    masks = torch.stack([MASK, ~MASK, MASK.flip(0)])
    for mask, axis in ((masks, 0), (MASK, None)):
        got = torch.func.vmap(f, in_dims=(0, axis))(x, mask)
        each = [f(x[n], mask if axis is None else mask[n]) for n in range(3)]
        torch.testing.assert_close(got, torch.stack(each), rtol=1e-14, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_func_grad_gives_what_autograd_gives(name: str) -> None:
    f = TRACED[name]

    def loss(x: Tensor, mask: Tensor) -> Tensor:
        y = f(x, mask)
        weights = torch.arange(1, y.numel() + 1, dtype=y.dtype).reshape(y.shape)
        return (torch.where(y.isfinite(), y, 0.0) * weights).sum()

    x = torch.stack([logits(), 2 * logits()])
    got = torch.func.vmap(torch.func.grad(loss), in_dims=(0, None))(x, MASK)
    one = torch.ones((), dtype=F64)
    for n in range(2):
        wanted = gradient(lambda x: loss(x, MASK), x[n], one)
        torch.testing.assert_close(got[n], wanted, rtol=1e-14, atol=1e-300, equal_nan=True)


# --- modules within modules, sequences, steps --------------------------------------------------


def test_submodule_gives_own_params_by_name_and_deeper_ones_as_a_mapping() -> None:
    names = ("a.W", "a.b.W", "ab.W", "W")
    params = {name: torch.full((), float(i)) for i, name in enumerate(names)}
    found = ops.submodule(params, "a")
    assert found == {"W": params["a.W"], "params": {"b.W": params["a.b.W"]}}
    assert ops.submodule(params, "ab") == {"W": params["ab.W"]}
    assert ops.submodule(params, "c") == {}


def test_so_far_is_zero_where_nothing_is_made_yet() -> None:
    slices = {0: tensor(1, 2), 2: tensor(3, 4)}
    found = ops.so_far(slices, (2, 3), 1, torch.float64, torch.device("cpu"))
    assert found.tolist() == [[1, 0, 3], [2, 0, 4]]
    empty = ops.so_far({}, (2, 3), 0, torch.int64, torch.device("cpu"))
    assert empty.tolist() == [[0, 0, 0], [0, 0, 0]] and empty.dtype == torch.int64


def test_a_cache_extends_what_it_keeps() -> None:
    cache = ops.Cache(3)
    device = torch.device("cpu")
    past, total = cache.begin(2, device)
    assert (past.item(), total) == (0, 2)
    assert cache.extend("k", tensor(1, 2), 0).tolist() == [1, 2]
    assert cache.extend("h", tensor(7, 8, 9), 0, more=1).tolist() == [7, 8, 9]
    cache.advance(2)
    past, total = cache.begin(1, device)
    assert (past.item(), total) == (2, 3)
    assert cache.extend("k", tensor(5), 0).tolist() == [1, 2, 5]
    assert cache.extend("h", tensor(9, 6), 0, more=1).tolist() == [7, 8, 9, 6]
    cache.advance(1)
    with pytest.raises(ValueError, match="a cache for 3 positions cannot hold 4"):
        cache.begin(1, device)


def test_a_cache_tells_states_tensors_and_children_apart() -> None:
    cache = ops.Cache(2)
    cache.extend("h", tensor(1), 0)
    assert cache.state("h", tensor(3)).tolist() == [3]
    cache.keep("h", tensor(7))
    assert cache.state("h", tensor(3)).tolist() == [7]
    assert cache.child("h") is cache.child("h") is not cache.child("g")
    assert cache.child("h").capacity == 2 and cache.child("h").length == 0


@pytest.mark.parametrize(("x", "wanted"), [(1.0, 0.0), (0.0, -INF), (-1.0, math.nan)])
def test_the_logarithm_of_a_number_has_the_edges_of_the_language(x: float, wanted: float) -> None:
    found = ops.log(x)
    assert found == wanted or (math.isnan(found) and math.isnan(wanted))
