"""Resolves names and subscripts, and proves that subscripts stay in range."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NoReturn

from . import check_expressions as expressions
from . import syntax as s
from . import typed as t
from .check_scope import Context, Scope, Tensor, a_kind, each
from .diagnostics import Poisoned
from .show import show, show_dims
from .source import Span

ZERO = Fraction(0)


def reference(scope: Scope, e: s.Name | s.Subscript | s.Field, ctx: Context) -> t.Expr:
    """A name, subscripted or not, where a scalar is expected."""
    base, written = flatten(e)
    if isinstance(base, s.Name) and not written:
        plain = _plain(scope, base, ctx)
        if plain is not None:
            return plain
    tensor = _tensor(scope, base, ctx, written)
    assert tensor.dims is not None
    if not written and tensor.dims:
        scope.fail(
            "E304",
            e.span,
            f"the tensor `{tensor.name}` stands where a scalar is expected",
            label=f"it has the shape {show_dims(tensor.dims)}",
            help="give it subscripts: equations are written element by element",
        )
    if len(written) != len(tensor.dims):
        _wrong_number(scope, e.span, tensor, written)
    subscripts = subscripted(scope, tensor, written, ctx)
    return t.Element(e.span, tensor.name, subscripts, known_type(tensor), _is_primed(base))


def flatten(e: s.Expr) -> tuple[s.Expr, tuple[s.Expr, ...]]:
    """`h[L][b,t]` -> `h` and its subscripts `L, b, t`."""
    written: tuple[s.Expr, ...] = ()
    while isinstance(e, s.Subscript):
        written = e.subscripts + written
        e = e.base
    return e, written


def known_type(tensor: Tensor) -> t.Type:
    """The type of a tensor; Poisoned where its definition is wrong."""
    if tensor.type is None:
        raise Poisoned
    return tensor.type


def _is_primed(base: s.Expr) -> bool:
    return isinstance(base, s.Name) and base.primed


def view(scope: Scope, e: s.Expr, ctx: Context) -> t.View | None:
    """A bare or partly subscripted tensor, as a whole tensor; None where `e` is none."""
    base, written = flatten(e)
    match base:
        case s.Name() if base.name in scope.tensors and base.name not in ctx.indices:
            pass
        case s.Field(base=s.Name()):
            pass
        case _:
            return None
    tensor = _tensor(scope, base, ctx, written)
    assert tensor.dims is not None
    if len(written) > len(tensor.dims):
        _wrong_number(scope, e.span, tensor, written)
    subscripts = subscripted(scope, tensor, written, ctx)
    rest = tensor.dims[len(written) :]
    return t.View(e.span, tensor.name, subscripts, rest, known_type(tensor))


def _plain(scope: Scope, name: s.Name, ctx: Context) -> t.Expr | None:
    """What a name without subscripts stands for, unless that is a tensor."""
    if ctx.parameters is not None and name.name in ctx.parameters:
        return t.ArgumentRef(name.span, name.name, ctx.parameters[name.name].type)
    _check_prime(scope, name, ctx)
    if name.name in ctx.indices:
        return t.IndexRef(name.span, ctx.indices[name.name].name)
    symbol = scope.symbols.get(name.name)
    if symbol is None:
        return _undeclared(scope, name, ctx)
    _check_allowed(scope, name, symbol.kind, ctx)
    match symbol.kind:
        case "size":
            return t.SizeRef(name.span, name.name)
        case "const":
            return t.ConstRef(name.span, name.name, name.primed)
        case "index":
            _free_index(scope, name, ctx)
        case "submodule":
            scope.fail(
                "E211",
                name.span,
                f"the submodule `{name.name}` is not a value",
                help=f"apply it: `{name.name}(x = …)`, in an equation of its own",
            )
        case _:
            return None


def _undeclared(scope: Scope, name: s.Name, ctx: Context) -> t.Expr:
    if name.name == "pi":
        return t.Constant(name.span, "pi")
    if name.name == "inf":
        return t.Constant(name.span, "inf")
    if name.name in ctx.reported:
        raise Poisoned
    ctx.reported.add(name.name)
    from .check_functions import BUILTINS

    if name.name in BUILTINS or name.name in scope.world.functions:
        scope.fail(
            "E211",
            name.span,
            f"the function `{name.name}` is not a value",
            help=f"give it an argument: `{name.name}(x)`",
        )
    if ctx.parameters is not None:
        scope.unknown(
            "E201",
            name,
            f"nothing is called `{name.name}` here; a def sees its own parameters only",
            ctx.parameters,
        )
    scope.unknown("E201", name, f"nothing is called `{name.name}`", scope.symbols)


def _free_index(scope: Scope, name: s.Name, ctx: Context) -> NoReturn:
    if name.name in ctx.reported or name.name not in scope.indices:
        raise Poisoned
    ctx.reported.add(name.name)
    binders = [name.name]
    if ctx.summed is not None:
        binders = [binder.name for binder in ctx.summed.binders] + binders
    scope.fail(
        "E203",
        name.span,
        f"index `{name.name}` is free on the right but not on the left",
        label=f"`{name.name}` ranges over {show(scope.indices[name.name].range)}",
        help=f"put `{name.name}` on the left, or sum over it: `sum[{', '.join(binders)}] …`",
    )


def _check_allowed(scope: Scope, name: s.Name, kind: str, ctx: Context) -> None:
    if ctx.only is None or kind in ctx.only:
        return
    kinds = {
        frozenset[str](): "numbers",
        frozenset({"size"}): "numbers and sizes",
        frozenset({"size", "const"}): "numbers, sizes and consts",
    }[ctx.only]
    scope.fail(
        "E302",
        name.span,
        f"`{name.name}` cannot stand in {ctx.place}",
        label=a_kind(kind),
        help=f"{ctx.place} is made of {kinds}",
    )


def _check_prime(scope: Scope, name: s.Name, ctx: Context) -> None:
    if not name.primed:
        return
    if not ctx.law:
        scope.fail(
            "E215",
            name.span,
            "a prime stands only in a law",
            help="it names the second evaluation of a law; choose another name here",
        )
    symbol = scope.symbols.get(name.name)
    if name.name in ctx.indices or (symbol and symbol.kind in ("size", "index", "submodule")):
        scope.fail(
            "E805",
            name.span,
            f"`{name.name}` cannot be primed",
            help="inputs, params, consts, random sources and equations can",
        )
    if not ctx.primes and symbol is not None:
        scope.fail(
            "E804",
            name.span,
            f"`{name.name}'` speaks of a second evaluation, and this law has none",
            help="begin one: `with x'[…] = …`",
        )


def _tensor(scope: Scope, base: s.Expr, ctx: Context, written: Sequence[s.Expr]) -> Tensor:
    """The tensor that a name or the field of a record stands for, its shape known."""
    match base:
        case s.Name():
            _check_prime(scope, base, ctx)
            tensor = _named(scope, base, ctx)
        case s.Field(base=s.Name()):
            tensor = _field(scope, base)
        case s.Call() | s.Field():
            scope.fail(
                "E415",
                base.span,
                "the result of a module is used inside an expression",
                help="name it in an equation of its own: `r = …`",
            )
        case _:
            scope.fail("E305", base.span, "only tensors have subscripts")
    if tensor.dims is None:
        _look_over(scope, written, ctx)
        raise Poisoned
    return tensor


def _look_over(scope: Scope, written: Sequence[s.Expr], ctx: Context) -> None:
    """Report what is wrong in subscripts of a tensor that is not known."""
    each(lambda e: expressions.integer(scope, e, ctx, "a subscript"), written)


def _named(scope: Scope, name: s.Name, ctx: Context) -> Tensor:
    symbol = scope.symbols.get(name.name)
    if symbol is None and name.name in ctx.reported:
        raise Poisoned
    if symbol is None:
        ctx.reported.add(name.name)
        scope.unknown("E201", name, f"nothing is called `{name.name}`", scope.symbols)
    if name.name in scope.records:
        call = scope.records[name.name]
        if call is None:
            raise Poisoned
        scope.fail(
            "E716",
            name.span,
            f"`{name.name}` is a record of several outputs",
            help=f"take one: `{name.name}.{call.module.outputs[0]}`",
        )
    if symbol.kind in ("size", "index", "const", "submodule"):
        scope.fail(
            "E305",
            name.span,
            f"`{name.name}` has no subscripts",
            label=a_kind(symbol.kind),
        )
    _check_allowed(scope, name, symbol.kind, ctx)
    if name.name not in scope.tensors:
        raise Poisoned
    return scope.tensors[name.name]


def _field(scope: Scope, e: s.Field) -> Tensor:
    assert isinstance(e.base, s.Name)
    name, wanted = e.base, e.field
    if name.name not in scope.symbols:
        scope.unknown("E201", name, f"nothing is called `{name.name}`", scope.symbols)
    if name.name not in scope.records:
        if name.name in scope.tensors or scope.symbols[name.name].kind != "equation":
            scope.fail(
                "E717",
                e.span,
                f"`{name.name}` is no record",
                help="fields belong to the result of a module with several outputs",
            )
        raise Poisoned
    call = scope.records[name.name]
    if call is None:
        raise Poisoned
    if wanted.name not in call.module.outputs:
        scope.unknown(
            "E715",
            wanted,
            f"`{call.module.name}` has no output `{wanted.name}`",
            call.module.outputs,
        )
    scope.read_fields[f"{name.name}.{wanted.name}"] = None
    return scope.tensors[f"{name.name}.{wanted.name}"]


def _wrong_number(scope: Scope, span: Span, tensor: Tensor, written: Sequence[s.Expr]) -> None:
    assert tensor.dims is not None
    axes = f"{len(tensor.dims)} ax{'i' if len(tensor.dims) == 1 else 'e'}s"
    scope.fail(
        "E301",
        span,
        f"`{tensor.name}` has {axes} and is given {len(written)} "
        f"subscript{'s' * (len(written) != 1)}",
        label=f"its shape is {show_dims(tensor.dims)}" if tensor.dims else "it is a scalar",
    )


def subscripted(
    scope: Scope, tensor: Tensor, written: Sequence[s.Expr], ctx: Context
) -> tuple[t.Expr, ...]:
    """Typed subscripts of the leading axes of a tensor, each in range."""
    assert tensor.dims is not None

    def check(pair: tuple[s.Expr, t.Expr]) -> t.Expr:
        syntax, size = pair
        typed = expressions.integer(scope, syntax, ctx, "a subscript")
        _in_range(scope, tensor, typed, size, ctx)
        return typed

    return tuple(each(check, zip(written, tensor.dims, strict=False)))


def _in_range(scope: Scope, tensor: Tensor, typed: t.Expr, size: t.Expr, ctx: Context) -> None:
    """Report a subscript that does not provably stay within 0 … size - 1."""
    if isinstance(typed, t.IndexRef) and _same(ctx.given.ranges.get(typed.name), size):
        return
    if scope.trusting:
        return
    zero = t.Number(typed.span, ZERO, "int")
    low = scope.prover.at_most(zero, typed, ctx.given)
    high = scope.prover.at_most(typed, size, ctx.given, gap=1)
    if low and high:
        return
    if ctx.unsure:
        raise Poisoned
    if scope.prover.exhausted:
        _give_up(scope, typed)
    ends = scope.prover.interval(typed, ctx.given)
    text = typed.span.text
    over = f"`{text}` runs over {ends[0]} … {ends[1]}" if ends else f"`{text}`"
    label = f"{over}; this axis of `{tensor.name}` over 0 … {_last(size)}"
    guard = f"if {text} >= 0" if not low else f"if {text} < {show(size)}"
    if not low and not high:
        guard = f"if 0 <= {text} and {text} < {show(size)}"
    scope.fail(
        "E502" if low else "E501",
        typed.span,
        "this subscript may run past the end" if low else "this subscript may be negative",
        label=label,
        help=f"guard it with `{guard} then … else …`, or state what makes it true by `require`",
    )


def _give_up(scope: Scope, typed: t.Expr) -> NoReturn:
    """Say once that the budget of proofs is used up."""
    if "E506" in {entry.code for entry in scope.log.diagnostics}:
        raise Poisoned
    scope.fail(
        "E506",
        typed.span,
        "the subscripts of this file take too long to prove in range, from here on",
        help="split the file, or simplify conditions and requirements",
    )


def _same(left: t.Expr | None, right: t.Expr) -> bool:
    """Whether both are the same size, at a glance."""
    return left is right or (
        isinstance(left, t.SizeRef) and isinstance(right, t.SizeRef) and left.name == right.name
    )


def _last(size: t.Expr) -> str:
    if isinstance(size, t.Number):
        return str(size.value - 1)
    if isinstance(size, t.Add) and isinstance(size.terms[-1][1], t.Number):
        *rest, (sign, last) = size.terms
        assert isinstance(last, t.Number)
        by = sign * last.value - 1
        head = show(t.Add(size.span, tuple(rest), "int"))
        return head if by == 0 else f"{head} {'-' if by < 0 else '+'} {abs(by)}"
    return f"{show(size)} - 1"
