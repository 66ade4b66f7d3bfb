"""Types scalar expressions: syntax tree -> typed expression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, assert_never, cast

from . import syntax as s
from . import typed as t
from .check_functions import function_call
from .check_references import reference
from .check_scope import Context, Scope, a_kind, each
from .diagnostics import Poisoned


def expression(scope: Scope, e: s.Expr, ctx: Context) -> t.Expr:
    """The typed form of a scalar expression; its errors go to the log, and Poisoned is raised
    once all of its parts have been looked at."""
    match e:
        case s.Number():
            return t.Number(e.span, e.value, "int" if e.is_integer else "real")
        case s.Truth():
            return t.Truth(e.span, e.value)
        case s.Name() | s.Subscript() | s.Field():
            return reference(scope, e, ctx)
        case s.Call():
            return function_call(scope, e, ctx)
        case s.Sum():
            return _sum(scope, e, ctx)
        case s.Product():
            return _product(scope, e, ctx)
        case s.Power():
            base, exponent = numbers(scope, (e.base, e.exponent), ctx)
            return t.Power(e.span, base, exponent)
        case s.Compare():
            return _compare(scope, e, ctx)
        case s.And():
            return _connected(scope, e, ctx)
        case s.Or():
            return _connected(scope, e, ctx)
        case s.Not():
            return t.Not(e.span, condition(scope, e.operand, ctx))
        case s.If():
            return _if(scope, e, ctx)
        case s.Iverson():
            return t.Iverson(e.span, condition(scope, e.condition, ctx))
        case s.Reduce():
            return _reduce(scope, e, ctx)
        case _:
            assert_never(e)


def number(scope: Scope, e: s.Expr, ctx: Context) -> t.Expr:
    """A typed expression that is real or an integer."""
    typed = expression(scope, e, ctx)
    if typed.type == "bool":
        scope.fail(
            "E401",
            e.span,
            "a boolean stands where a number is expected",
            label="this is true or false",
            help="`[c]` is 1 where c holds and 0 elsewhere",
        )
    return typed


def numbers(scope: Scope, parts: Sequence[s.Expr], ctx: Context) -> list[t.Expr]:
    return each(lambda part: number(scope, part, ctx), parts)


def condition(scope: Scope, e: s.Expr, ctx: Context) -> t.Expr:
    """A typed expression that is a boolean."""
    typed = expression(scope, e, ctx)
    if typed.type != "bool":
        scope.fail(
            "E402",
            e.span,
            "a number stands where a condition is expected",
            label="this is an integer" if typed.type == "int" else "this is a real number",
            help="compare it: `… != 0`",
        )
    return typed


def integer(scope: Scope, e: s.Expr, ctx: Context, what: str) -> t.Expr:
    """A typed expression that is an integer; `what` it is for stands in the message."""
    typed = expression(scope, e, ctx)
    if typed.type == "int":
        return typed
    if isinstance(typed, t.ConstRef):
        scope.fail(
            "E407",
            e.span,
            f"{what} must be an integer, and the const `{typed.name}` is real",
            help=f"consts are real numbers; declare it as a size: `size {typed.name}`",
        )
    is_quotient = isinstance(typed, t.Mul) and any(op == "/" for op, _ in typed.factors)
    scope.fail(
        "E406",
        e.span,
        f"{what} must be an integer",
        label="this is true or false" if typed.type == "bool" else "this is a real number",
        help="`/` is exact division; floor division is `//`" if is_quotient else "",
    )


def join(types: Sequence[t.Type]) -> t.Type:
    """Integer where all are, else real."""
    return "int" if all(kind == "int" for kind in types) else "real"


def _sum(scope: Scope, e: s.Sum, ctx: Context) -> t.Expr:
    parts = numbers(scope, [term for _, term in e.terms], ctx)
    signs = [sign for sign, _ in e.terms]
    kind = join([part.type for part in parts])
    return t.Add(e.span, tuple(zip(signs, parts, strict=True)), kind)


def _product(scope: Scope, e: s.Product, ctx: Context) -> t.Expr:
    parts = numbers(scope, [e.first, *(right for _, right in e.rest)], ctx)
    factors: list[tuple[Literal["*", "/"], t.Expr]] = [("*", parts[0])]

    def together(end: t.Expr) -> t.Expr:
        if len(factors) == 1:
            return factors[0][1]
        kinds: list[t.Type] = [f.type if op == "*" else "real" for op, f in factors]
        return t.Mul(e.first.span.to(end.span), tuple(factors), join(kinds))

    for (operator, syntax), right in zip(e.rest, parts[1:], strict=True):
        if operator == "*" or operator == "/":
            factors.append((cast(Literal["*", "/"], operator), right))
            continue
        left = together(factors[-1][1])
        for side in (left, right):
            if side.type != "int":
                scope.fail(
                    "E403",
                    side.span,
                    f"`{operator}` takes integers, and this is a real number",
                    help="exact division is `/`; `floor(x / y)` rounds it down",
                )
        span = e.first.span.to(syntax.span)
        divided = t.IntDiv(span, cast(Literal["//", "%"], operator), left, right)
        factors[:] = [("*", divided)]
    return together(parts[-1])


def _compare(scope: Scope, e: s.Compare, ctx: Context) -> t.Expr:
    operands = [e.first, *(right for _, right in e.rest)]
    typed = each(lambda part: expression(scope, part, ctx), operands)
    links: list[t.Expr] = []
    for i, (operator, _) in enumerate(e.rest):
        left, right = typed[i], typed[i + 1]
        span = operands[i].span.to(operands[i + 1].span)
        booleans = [side.type == "bool" for side in (left, right)]
        if any(booleans) and not (all(booleans) and operator in ("==", "!=")):
            scope.fail(
                "E404",
                span,
                "booleans have no order; they compare with `==` and `!=`"
                if all(booleans)
                else "a boolean is compared with a number",
                help="`[c]` is 1 where c holds and 0 elsewhere",
            )
        links.append(t.Compare(span, operator, left, right))  # type: ignore[arg-type]
    return links[0] if len(links) == 1 else t.And(e.span, tuple(links))


def _connected(scope: Scope, e: s.And | s.Or, ctx: Context) -> t.And | t.Or:
    """`and`, `or`: the right side may rely on the left."""
    operands: list[t.Expr] = []
    poisoned = False
    for part in e.operands:
        try:
            typed = condition(scope, part, ctx)
        except Poisoned:
            poisoned, ctx = True, replace(ctx, unsure=True)
            continue
        operands.append(typed)
        ctx = ctx.under(typed if isinstance(e, s.And) else t.Not(typed.span, typed))
    if poisoned:
        raise Poisoned
    if isinstance(e, s.And):
        return t.And(e.span, tuple(operands))
    return t.Or(e.span, tuple(operands))


def _if(scope: Scope, e: s.If, ctx: Context) -> t.Expr:
    test: t.Expr | None = None
    yes = no = replace(ctx, unsure=True)
    try:
        test = condition(scope, e.condition, ctx)
        yes, no = ctx.under(test), ctx.under(t.Not(test.span, test))
    except Poisoned:
        pass
    then, otherwise = each(
        lambda branch: expression(scope, branch[0], branch[1]), [(e.then, yes), (e.otherwise, no)]
    )
    if test is None:
        raise Poisoned
    if (then.type == "bool") != (otherwise.type == "bool"):
        scope.fail(
            "E405",
            e.otherwise.span,
            "one branch is a boolean and the other a number",
            label=f"this is {_kind(otherwise)}, the `then` branch is {_kind(then)}",
        )
    kind = "bool" if then.type == "bool" else join([then.type, otherwise.type])
    return t.If(e.span, test, then, otherwise, kind)


def _kind(e: t.Expr) -> str:
    return {"bool": "a boolean", "int": "an integer", "real": "a real number"}[e.type]


# reducers and row operators


def _reduce(scope: Scope, e: s.Reduce, ctx: Context) -> t.Expr:
    operator = e.operator.name
    if operator in ("softmax", "log_softmax", "rank"):
        return _row(scope, e, ctx)
    bound = _binders(scope, e, ctx)
    if operator in ("argmax", "argmin") and len(bound) > 1:
        scope.fail(
            "E212",
            e.binders[1].span,
            f"`{operator}` binds exactly one index",
            help="its value is the value of that index",
        )
    inner = ctx.binding(bound)
    if operator == "sum":
        inner = replace(inner, summed=e)
    where, inner = _filter(scope, e, inner)
    over = tuple(bound.values())
    truth = operator in ("count", "any", "all")
    body = _truth(scope, e, inner) if truth else number(scope, e.operand, inner)
    if where is None and e.where is not None:
        raise Poisoned
    kind: t.Type
    match operator:
        case "any" | "all":
            kind = "bool"
        case "count" | "argmax" | "argmin":
            kind = "int"
        case "mean" | "logsumexp":
            kind = "real"
        case _:
            kind = body.type
    return t.Reduce(e.span, cast(t.Reducer, operator), over, where, body, kind)


def _truth(scope: Scope, e: s.Reduce, ctx: Context) -> t.Expr:
    body = expression(scope, e.operand, ctx)
    if body.type != "bool":
        scope.fail(
            "E410",
            e.operand.span,
            f"`{e.operator.name}` takes a boolean operand",
            label="this is a number",
            help=f"compare it: `{e.operator.name}[…] (… > 0)`",
        )
    return body


def _filter(scope: Scope, e: s.Reduce, ctx: Context) -> tuple[t.Expr | None, Context]:
    """The condition of an operator, and the context of its operand."""
    if e.where is None:
        return None, ctx
    try:
        where = condition(scope, e.where, ctx)
    except Poisoned:
        return None, replace(ctx, unsure=True)
    return where, ctx.under(where)


def _binders(scope: Scope, e: s.Reduce, ctx: Context) -> dict[str, t.Bound]:
    """The indices that an operator binds, by the name in the text."""
    bound: dict[str, t.Bound] = {}

    def bind(name: s.Ident) -> None:
        if name.name in bound:
            scope.fail("E205", name.span, f"`{name.name}` is bound twice by one operator")
        declared = declared_index(scope, name)
        hides = name.name in ctx.indices
        typed_name = scope.fresh(name.name) if hides else name.name
        bound[name.name] = t.Bound(name.span, typed_name, declared.range)

    each(bind, e.binders)
    return bound


def declared_index(scope: Scope, name: s.Ident) -> t.Bound:
    """The declaration of an index that an operator or a left side names."""
    if name.name in scope.indices:
        return scope.indices[name.name]
    symbol = scope.symbols.get(name.name)
    if symbol is None:
        scope.unknown("E201", name, f"nothing is called `{name.name}`", scope.indices)
    if symbol.kind == "index":
        raise Poisoned  # its own declaration is wrong
    scope.fail(
        "E204",
        name.span,
        f"`{name.name}` is not an index variable",
        label=a_kind(symbol.kind),
        help=f"declare one: `index i: {name.name}`" if symbol.kind == "size" else "",
    )


def _row(scope: Scope, e: s.Reduce, ctx: Context) -> t.Expr:
    name = e.binders[0]
    if len(e.binders) > 1:
        scope.fail(
            "E212",
            e.binders[1].span,
            f"`{e.operator.name}` acts along exactly one index",
        )
    declared_index(scope, name)
    if name.name not in ctx.indices:
        scope.fail(
            "E206",
            name.span,
            f"`{e.operator.name}` acts on the row along `{name.name}`, which is not in scope here",
            help=f"`{name.name}` stays: put it on the left, or bind it around the operator",
        )
    outer = ctx.indices[name.name]
    bound = t.Bound(name.span, outer.name, outer.range)
    inner = replace(ctx, given=ctx.given.hiding(outer.name))
    where, inner = _filter(scope, e, inner)
    body = number(scope, e.operand, inner)
    if where is None and e.where is not None:
        raise Poisoned
    operator = cast(Literal["softmax", "log_softmax", "rank"], e.operator.name)
    kind: t.Type = "int" if operator == "rank" else "real"
    return t.Row(e.span, operator, t.IndexRef(name.span, outer.name), bound, where, body, kind)
