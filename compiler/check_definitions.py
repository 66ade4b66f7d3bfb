"""Definitions: left sides, the order of evaluation, equations and recurrences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from . import syntax as s
from . import typed as t
from .check_cycles import check_cycle
from .check_declarations import size_expression
from .check_equations import (
    Defined,
    Plan,
    check_right,
    context,
    enter,
    enter_broken,
    learn_bounds,
)
from .check_expressions import declared_index
from .check_scope import Scope, each
from .diagnostics import Poisoned
from .show import show
from .walk import syntax_nodes


def define(scope: Scope, equations: Sequence[s.Equation]) -> Defined:
    """Check every equation of a module, those first that others read."""
    by_name: dict[str, list[s.Equation]] = {}
    for equation in equations:
        by_name.setdefault(equation.name.name, []).append(equation)
    plans: dict[str, Plan] = {}
    for name, written in by_name.items():
        plans[name] = _plan(scope, name, written)
    reads = {name: names_read(plan, plans) for name, plan in plans.items()}
    defined = Defined()
    for component in _components(reads):
        members = [plans[name] for name in plans if name in component]
        first = members[0]
        if len(members) == 1 and first.base is None and first.name not in reads[first.name]:
            _check_plain(scope, first, defined)
        else:
            check_cycle(scope, members, reads, defined)
    return defined


def names_read(plan: Plan, plans: Iterable[str]) -> list[str]:
    """The equations that the right sides of a plan mention, in the order of the text."""
    found: dict[str, None] = {}
    for equation in plan.equations:
        for node in syntax_nodes(equation.right):
            if isinstance(node, s.Name) and node.name in plans:
                found[node.name] = None
    return list(found)


# left sides


def _plan(scope: Scope, name: str, written: Sequence[s.Equation]) -> Plan:
    forms = [[_form(scope, e) for e in x.subscripts or ()] for x in written]
    fixed = [[i for i, f in enumerate(fs) if f == "value"] for fs in forms]
    following = [[i for i, f in enumerate(fs) if f == "next"] for fs in forms]
    try:
        if len(written) == 1:
            _no_sequence(scope, name, written[0], fixed[0], following[0])
            return Plan(name, written[0], _axes(scope, written[0]))
        if len(written) == 2 and (any(fixed) or any(following)):
            return _sequence(scope, name, written, fixed, following)
        extra = written[-1] if any(fixed) or any(following) else written[1]
        scope.fail(
            "E202",
            extra.name.span,
            f"`{name}` is defined {'twice' if len(written) == 2 else f'{len(written)} times'}",
            help=f"it is first defined in line {written[0].span.line}; only a recurrence has two "
            "equations, `0` and `i+1` standing at one place on the left",
        )
    except Poisoned:
        return Plan(name, written[-1], _axes_quietly(scope, written[-1]), sound=False)


def _form(scope: Scope, e: s.Expr) -> str:
    """How a left subscript is written: `index`, `next` (an index + 1), `value` or `other`."""
    match e:
        case s.Name() if e.name in scope.symbols and scope.symbols[e.name].kind == "index":
            return "index"
        case s.Sum(terms=((1, s.Name()), (1, s.Number(value=one)))) if one == 1:
            return "next"
    names = [n.name for n in syntax_nodes(e) if isinstance(n, s.Name)]
    kinds = {scope.symbols[n].kind if n in scope.symbols else "" for n in names}
    return "value" if kinds <= {"size"} else "other"


def _no_sequence(
    scope: Scope, name: str, e: s.Equation, fixed: Sequence[int], following: Sequence[int]
) -> None:
    if following:
        scope.fail(
            "E609",
            e.subscripts[following[0]].span if e.subscripts else e.span,
            f"the sequence `{name}` has a step and no base",
            help=f"define its first element: `{_left(e, following[0], '0')} = …`",
        )
    if fixed:
        scope.fail(
            "E609",
            e.subscripts[fixed[0]].span if e.subscripts else e.span,
            f"the sequence `{name}` has a base and no step",
            help=f"define the next element: `{_left(e, fixed[0], 'i+1')} = …`",
        )


def _left(e: s.Equation, position: int, text: str) -> str:
    """The left side of an equation with another subscript at a position."""
    subscripts = [x.span.text for x in e.subscripts or ()]
    subscripts[position] = text
    return f"{e.name.name}[{', '.join(subscripts)}]"


def _sequence(
    scope: Scope,
    name: str,
    written: Sequence[s.Equation],
    fixed: list[list[int]],
    following: list[list[int]],
) -> Plan:
    """The plan of a recurrence: one of two equations is its base, the other its step."""
    order = (0, 1) if fixed[0] and not fixed[1] else (1, 0)
    base, step = (written[i] for i in order)
    fixes, follows = fixed[order[0]], following[order[1]]
    if not fixes or fixed[order[1]] or following[order[0]]:
        scope.fail(
            "E610",
            written[1].name.span,
            f"the two equations of `{name}` are not a base and a step",
            help="one subscript is `0` in the base and `i+1` in the step, at the same place",
        )
    position = fixes[0]
    descending = not follows
    if (follows and follows != fixes) or len(fixes) > 1 or position >= len(step.subscripts or ()):
        scope.fail(
            "E610",
            step.name.span,
            f"the base and the step of `{name}` do not match",
            help="one subscript is `0` in the base and `i+1` in the step, at the same place",
        )
    if base.output != step.output:
        missing = step if base.output else base
        scope.fail(
            "E611",
            missing.name.span,
            f"`output` stands on one of the two equations of `{name}`",
            help="write it on both: the whole sequence is the output",
        )
    if descending and _form(scope, (step.subscripts or ())[position]) != "index":
        scope.fail(
            "E610",
            (step.subscripts or ())[position].span,
            f"the base and the step of `{name}` do not match",
            help="one subscript is `0` in the base and `i+1` in the step, at the same place",
        )
    axes, base_axes = each(lambda x: _axes(scope, x[0], x[1]), [(step, position), (base, position)])
    assert step.subscripts is not None and base.subscripts is not None
    if descending:
        moving = step.subscripts[position]
        assert isinstance(moving, s.Name)
        index = moving.name
    else:
        moving = step.subscripts[position]
        assert isinstance(moving, s.Sum) and isinstance(moving.terms[0][1], s.Name)
        index = moving.terms[0][1].name
    del base_axes["@"]
    axes = {index if key == "@" else key: bound for key, bound in axes.items()}
    start = base.subscripts[position]
    is_zero = isinstance(start, s.Number) and start.value == 0
    if not descending and not is_zero:
        scope.fail(
            "E610",
            start.span,
            f"the base of `{name}` must be its element 0",
            help=f"write `{_left(base, position, '0')}`",
        )
    if descending:
        _check_top(scope, name, start, axes[index])
    return Plan(name, step, axes, True, base, base_axes, position, index, descending)


def _check_top(scope: Scope, name: str, start: s.Expr, index: t.Bound) -> None:
    value = size_expression(scope, start, "the start of a sequence")
    if not scope.prover.equal(value, index.range):
        scope.fail(
            "E610",
            start.span,
            f"the base of `{name}` does not follow its last step",
            label=f"the step defines the elements 0 … {show(index.range)} - 1",
            help=f"a sequence that runs down begins at `{show(index.range)}`; one that runs up "
            f"has `{index.name}+1` in its step",
        )


def _axes(scope: Scope, e: s.Equation, position: int | None = None) -> dict[str, t.Bound]:
    """The axes of a left side by name; the one at `position`, of a sequence, is `@`."""
    axes: dict[str, t.Bound] = {}

    def enter(pair: tuple[int, s.Expr]) -> None:
        place, subscript = pair
        if place == position:
            axes["@"] = _moving(scope, subscript)
            return
        if not isinstance(subscript, s.Name) or subscript.primed:
            scope.fail(
                "E207",
                subscript.span,
                "a subscript on the left must be an index variable",
                help="an equation defines every element at once; write conditions on the right",
            )
        bound = declared_index(scope, s.Ident(subscript.span, subscript.name))
        if subscript.name in axes or _moving_name(e, position) == subscript.name:
            scope.fail(
                "E208",
                subscript.span,
                f"`{subscript.name}` stands twice on the left",
                help="each subscript on the left is an index of its own; a diagonal is "
                "`if i == j then … else 0`",
            )
        axes[subscript.name] = t.Bound(subscript.span, bound.name, bound.range)

    each(enter, list(enumerate(e.subscripts or ())))
    return axes


def _moving_name(e: s.Equation, position: int | None) -> str:
    if position is None or e.subscripts is None:
        return ""
    names = [n.name for n in syntax_nodes(e.subscripts[position]) if isinstance(n, s.Name)]
    return names[0] if names else ""


def _moving(scope: Scope, subscript: s.Expr) -> t.Bound:
    """The step index of a sequence, from `i+1` or `i`; for a base, a place holder."""
    match subscript:
        case s.Sum(terms=((1, s.Name() as name), *_)):
            bound = declared_index(scope, s.Ident(name.span, name.name))
            return t.Bound(subscript.span, bound.name, bound.range)
        case s.Name() if subscript.name in scope.indices:
            bound = scope.indices[subscript.name]
            return t.Bound(subscript.span, bound.name, bound.range)
        case _:
            zero = t.Number(subscript.span, Fraction(0), "int")
            return t.Bound(subscript.span, "@", zero)


def _axes_quietly(scope: Scope, e: s.Equation) -> dict[str, t.Bound]:
    """As far as a wrong left side tells: what its right side may be checked with."""
    names = [n for x in e.subscripts or () for n in syntax_nodes(x) if isinstance(n, s.Name)]
    return {n.name: scope.indices[n.name] for n in names if n.name in scope.indices}


# order


def _check_plain(scope: Scope, plan: Plan, defined: Defined) -> None:
    enter_broken(scope, plan)
    try:
        ctx = context(scope, plan.axes)
        typed = check_right(scope, plan.name, plan.equation, plan.axes, ctx)
    except Poisoned:
        return
    if not plan.sound:
        return
    for definition in typed:
        enter(scope, definition, definition.dims)
        defined.definitions[definition.name] = definition
        learn_bounds(scope, definition)
    if plan.name not in defined.definitions:
        del scope.tensors[plan.name]
    elif plan.name in scope.records:
        del scope.records[plan.name]


def _components(reads: dict[str, list[str]]) -> list[set[str]]:
    """Strongly connected components, those first that others read (Tarjan, iterative)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    open_names: list[str] = []
    result: list[set[str]] = []
    for root in reads:
        stack = [(root, 0)]
        while stack:
            name, at = stack.pop()
            if at == 0:
                if name in number:
                    continue
                number[name] = low[name] = len(number)
                open_names.append(name)
            else:
                low[name] = min(low[name], low[reads[name][at - 1]])
            while at < len(reads[name]):
                other = reads[name][at]
                at += 1
                if other not in number:
                    stack += [(name, at), (other, 0)]
                    break
                if other in open_names:
                    low[name] = min(low[name], number[other])
            else:
                if low[name] == number[name]:
                    cut = open_names.index(name)
                    result.append(set(open_names[cut:]))
                    del open_names[cut:]
    return result
