"""Declarations: sizes, indices, inputs, params, consts, random sources, requirements."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import Literal, cast

from . import check_expressions as expressions
from . import syntax as s
from . import typed as t
from .check_scope import Context, Kind, Scope, Symbol, Tensor, a_kind, attempt, each
from .diagnostics import Poisoned, suggest
from .names import is_plain, python_name
from .ranges import Bounds, Given
from .walk import syntax_nodes

SIZES = frozenset({"size"})
SIZES_AND_CONSTS = frozenset({"size", "const"})


@dataclass(slots=True)
class Declared:
    """The typed declarations of a module."""

    inputs: dict[str, t.Variable] = field(default_factory=dict)
    params: dict[str, t.Variable] = field(default_factory=dict)
    randoms: dict[str, t.Variable] = field(default_factory=dict)
    requires: list[t.Expr] = field(default_factory=list)


_KINDS: dict[type, Kind] = {
    s.SizeDecl: "size",
    s.IndexDecl: "index",
    s.InputDecl: "input",
    s.ParamDecl: "param",
    s.ConstDecl: "const",
    s.RandomDecl: "random source",
    s.Use: "submodule",
    s.Equation: "equation",
}


def collect_names(scope: Scope, statements: Sequence[s.Statement]) -> list[s.Statement]:
    """Enter every name that statements define; drop statements that define one again."""
    kept: list[s.Statement] = []
    python: dict[str, str] = {}
    for statement in statements:
        kind = _KINDS.get(type(statement))
        if kind is None:
            kept.append(statement)
            continue
        name = cast(s.SizeDecl, statement).name
        first = scope.symbols.get(name.name)
        if first is not None and not (kind == "equation" == first.kind):
            scope.log.add(
                "E202",
                name.span,
                f"`{name.name}` is defined twice",
                help=f"it is first defined in line {first.span.line}: {a_kind(first.kind)}",
            )
            continue
        kept.append(statement)
        if first is None:
            scope.symbols[name.name] = Symbol(kind, name.span)
            _check_spelling(scope, name, python)
    return kept


def _check_spelling(scope: Scope, name: s.Ident, python: dict[str, str]) -> None:
    """A name must have one of its own in generated code."""
    if not is_plain(name.name):
        scope.log.add(
            "E209",
            name.span,
            f"the name `{name.name}` cannot be written in generated code",
            help="names are made of ASCII and Greek letters, digits and `_`",
        )
        return
    other = python.setdefault(python_name(name.name), name.name)
    if other != name.name:
        scope.log.add(
            "E210",
            name.span,
            f"`{name.name}` and `{other}` are both `{python_name(name.name)}` in generated code",
            help="rename one of them",
        )


def declare(scope: Scope, statements: Sequence[s.Statement]) -> Declared:
    """Check the declarations among `statements`, whose names have been collected."""
    declared = Declared()
    sizes = [x for x in statements if isinstance(x, s.SizeDecl)]
    _declare_sizes(scope, sizes)
    for statement in statements:
        match statement:
            case s.IndexDecl():
                attempt(partial(_declare_index, scope), statement)
            case s.ConstDecl():
                attempt(partial(_declare_const, scope), statement)
            case _:
                pass
    for statement in statements:
        match statement:
            case s.InputDecl():
                attempt(partial(_declare_input, scope, declared), statement)
            case s.ParamDecl():
                attempt(partial(_declare_param, scope, declared), statement)
            case s.RandomDecl():
                attempt(partial(_declare_random, scope, declared), statement)
            case s.Require():
                attempt(partial(_declare_require, scope, declared), statement)
            case _:
                pass
    _settle_origins(scope, declared)
    return declared


def size_expression(scope: Scope, e: s.Expr, what: str) -> t.Expr:
    """An integer expression of sizes and numbers."""
    return expressions.integer(scope, e, Context(only=SIZES, place=what), what)


def dimensions(scope: Scope, dims: Sequence[s.Expr]) -> tuple[t.Expr, ...]:
    return tuple(each(lambda e: size_expression(scope, e, "a dimension"), dims))


MAX_WRITTEN_OUT = 400
"""Operations of a size with the definitions of the sizes in it written out."""


def _declare_sizes(scope: Scope, declarations: Sequence[s.SizeDecl]) -> None:
    by_name = {d.name.name: d for d in declarations}
    uses = {
        name: [x.name for x in syntax_nodes(d.value) if isinstance(x, s.Name)] if d.value else []
        for name, d in by_name.items()
    }
    order, circular = _order(uses)
    values: dict[str, t.Expr | None] = {}
    written_out: dict[str, int] = {}
    for name in order:
        value = by_name[name].value
        values[name] = None
        if value is None or name in circular:
            continue
        length = sum(1 for _ in syntax_nodes(value))
        written_out[name] = length + sum(written_out.get(n, 0) for n in uses[name])
        if written_out[name] > MAX_WRITTEN_OUT:
            written_out[name] = 0
            scope.log.add(
                "E010",
                by_name[name].name.span,
                f"the size `{name}` is too large once the sizes in it are written out",
                help=f"at most {MAX_WRITTEN_OUT} operations",
            )
            continue
        with suppress(Poisoned):
            values[name] = size_expression(scope, value, "a size")
    for name, d in by_name.items():
        origin: Literal["derived", "passed"] = "passed" if d.value is None else "derived"
        scope.sizes[name] = t.Size(d.name.span, name, values[name], origin)
        scope.prover.sizes[name] = values[name]
    reported: set[str] = set()
    for name, cycle in circular.items():
        if name not in reported:
            reported.update(cycle)
            scope.log.add(
                "E303",
                by_name[name].name.span,
                f"the size `{name}` is defined by itself: {' -> '.join([*cycle, cycle[0]])}",
            )


def _order(uses: dict[str, list[str]]) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Names, those first that others use; and those that lead back to themselves, with the
    way round."""
    order: dict[str, None] = {}
    circular: dict[str, tuple[str, ...]] = {}
    for start in uses:
        path: dict[str, None] = {}
        stack = [(start, 0)]
        while stack:
            name, at = stack.pop()
            if at == 0:
                if name in order or name not in uses:
                    continue
                if name in path:
                    names = list(path)
                    cycle = tuple(names[names.index(name) :])
                    circular.update((n, cycle) for n in cycle if n not in circular)
                    continue
                path[name] = None
            if at < len(uses[name]):
                stack += [(name, at + 1), (uses[name][at], 0)]
            else:
                del path[name]
                order[name] = None
    return list(order), circular


def _declare_index(scope: Scope, d: s.IndexDecl) -> None:
    size = size_expression(scope, d.range, "the range of an index")
    scope.indices[d.name.name] = t.Bound(d.name.span, d.name.name, size)


def _declare_const(scope: Scope, d: s.ConstDecl) -> None:
    default = None
    scope.consts[d.name.name] = t.Const(d.name.span, d.name.name, None)
    if d.default is not None:
        place = "the default of a const"
        default = expressions.number(scope, d.default, Context(only=frozenset(), place=place))
    scope.consts[d.name.name] = t.Const(d.name.span, d.name.name, default)


def _enter(scope: Scope, declared: dict[str, t.Variable], variable: t.Variable) -> None:
    declared[variable.name] = variable
    kind: Kind = "random source" if variable.kind == "random" else variable.kind
    scope.tensors[variable.name] = Tensor(variable.name, kind, variable.dims, variable.type)


def _declare_input(scope: Scope, declared: Declared, d: s.InputDecl) -> None:
    name = d.name.name
    scope.tensors[name] = Tensor(name, "input", None, None)
    dims = dimensions(scope, d.dims)
    scope.tensors[name] = Tensor(name, "input", dims, None)
    kind: t.Type = "real"
    domain = None
    if isinstance(d.domain, s.Name) and d.domain.name == "bool":
        kind = "bool"
    elif d.domain is not None:
        kind = "int"
        scope.tensors[name] = Tensor(name, "input", dims, kind)
        domain = size_expression(scope, d.domain, "the domain of an input")
        know_domain(scope, name, len(dims), domain)
    default = None
    scope.tensors[name] = Tensor(name, "input", dims, kind)
    if d.default is not None:
        default = _default(scope, d.default, kind, domain)
    variable = t.Variable(d.name.span, name, "input", dims, kind, domain, default)
    _enter(scope, declared.inputs, variable)


def know_domain(scope: Scope, name: str, rank: int, domain: t.Expr) -> None:
    """Tell the prover that a tensor lies in 0 … domain - 1."""
    zero, one = (t.Number(domain.span, Fraction(n), "int") for n in (0, 1))
    last = t.Add(domain.span, ((1, domain), (-1, one)), "int")
    axes = tuple(f"#{i}" for i in range(rank))
    scope.prover.bounds[name] = Bounds(axes, (zero,), (last,))


def _default(scope: Scope, e: s.Expr, kind: t.Type, domain: t.Expr | None) -> t.Expr:
    ctx = Context(only=SIZES_AND_CONSTS, place="a default")
    if kind == "bool":
        return expressions.condition(scope, e, ctx)
    if domain is None:
        return expressions.number(scope, e, ctx)
    value = expressions.integer(scope, e, ctx, "the default of an integer input")
    zero = t.Number(e.span, Fraction(0), "int")
    prover = scope.prover
    if not (prover.at_most(zero, value, Given({})) and prover.at_most(value, domain, Given({}), 1)):
        scope.fail(
            "E503",
            e.span,
            "the default may lie outside the domain of the input",
            label=f"the domain is 0 … {domain.span.text} - 1",
        )
    return value


# params and random sources

PARAM_DISTRIBUTIONS = {"normal": ("std",), "uniform": ("low", "high"), "xavier": ()}
RANDOM_DISTRIBUTIONS = {
    "uniform": ("low", "high"),
    "normal": ("mean", "std"),
    "gumbel": (),
    "exponential": (),
}


def _declare_param(scope: Scope, declared: Declared, d: s.ParamDecl) -> None:
    name = d.name.name
    scope.tensors[name] = Tensor(name, "param", None, "real")
    dims = dimensions(scope, d.dims)
    scope.tensors[name] = Tensor(name, "param", dims, "real")
    if d.initial is None:
        scope.fail(
            "E614",
            d.name.span,
            f"the param `{name}` has no initial value",
            help="`~ normal(std = 0.02)` draws it, `= 1` is a constant",
        )
    if isinstance(d.initial, s.Distribution):
        initial = _distribution(scope, d.initial, PARAM_DISTRIBUTIONS, False)
        if initial.name == "xavier" and len(dims) != 2:
            scope.fail(
                "E617",
                d.initial.span,
                f"`xavier` needs two dimensions, and `{name}` has {len(dims)}",
                help="use `normal(std = …)` or `uniform(low = …, high = …)`",
            )
    else:
        ctx = Context(only=SIZES_AND_CONSTS, place="an initial value")
        value = expressions.number(scope, d.initial, ctx)
        initial = t.Initial(d.initial.span, "constant", {"value": value})
    param = t.Variable(d.name.span, name, "param", dims, "real", initial=initial)
    _enter(scope, declared.params, param)


def _declare_random(scope: Scope, declared: Declared, d: s.RandomDecl) -> None:
    name = d.name.name
    scope.tensors[name] = Tensor(name, "random source", None, "real")
    dims = dimensions(scope, d.dims)
    scope.tensors[name] = Tensor(name, "random source", dims, "real")
    initial = _distribution(scope, d.distribution, RANDOM_DISTRIBUTIONS, True)
    random = t.Variable(d.name.span, name, "random", dims, "real", initial=initial)
    _enter(scope, declared.randoms, random)


def _distribution(
    scope: Scope, d: s.Distribution, known: dict[str, tuple[str, ...]], positional: bool
) -> t.Initial:
    name = d.name.name
    if name not in known:
        what = "random sources" if positional else "params"
        scope.fail(
            "E615",
            d.name.span,
            f"{what} have no distribution `{name}`",
            help=suggest(name, known) or f"one of {', '.join(known)}",
        )
    parameters = known[name]
    form = f"`{name}({', '.join(f'{p} = …' for p in parameters)})`"
    arguments: dict[str, t.Expr] = {}
    ctx = Context(only=SIZES_AND_CONSTS, place="an argument of a distribution")

    def check(pair: tuple[int, s.Argument]) -> None:
        place, argument = pair
        if argument.keyword is not None:
            key = argument.keyword.name
        else:
            key = parameters[place] if positional and place < len(parameters) else ""
        if key not in parameters or key in arguments:
            scope.fail(
                "E616", argument.span, f"`{name}` does not take this argument", help=f"write {form}"
            )
        arguments[key] = expressions.number(scope, argument.value, ctx)

    each(check, list(enumerate(d.arguments)))
    missing = [p for p in parameters if p not in arguments]
    if missing:
        scope.fail(
            "E616", d.span, f"`{name}` needs the argument `{missing[0]}`", help=f"write {form}"
        )
    return t.Initial(d.span, name, {p: arguments[p] for p in parameters})  # type: ignore[arg-type]


def _declare_require(scope: Scope, declared: Declared, d: s.Require) -> None:
    ctx = Context(only=SIZES_AND_CONSTS, place="a requirement")
    typed = expressions.condition(scope, d.condition, ctx)
    declared.requires.append(typed)
    scope.prover.requires.append(typed)


def _settle_origins(scope: Scope, declared: Declared) -> None:
    """A plain size is read off a shape where it is a bare dimension of a param, or of an input
    that must be given."""
    required = [v for v in declared.inputs.values() if v.default is None]
    variables = [*required, *declared.params.values()]
    bare = {dim.name for v in variables for dim in v.dims if isinstance(dim, t.SizeRef)}
    for name, size in scope.sizes.items():
        if size.origin == "passed" and name in bare:
            scope.sizes[name] = t.Size(size.span, name, None, "shape")
