"""Laws: their free indices, second evaluations, and derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import check_expressions as expressions
from . import syntax as s
from . import typed as t
from .check_references import reference
from .check_scope import Context, Scope, a_kind, each
from .diagnostics import Poisoned
from .ranges import Given
from .walk import nodes, syntax_nodes

MAY_BE_FIXED = ("input", "param", "const", "random source")


def check_law(scope: Scope, law: s.Law, definitions: dict[str, t.Definition]) -> t.Law:
    """The typed law. Its indices that no operator and no `with` binds are free."""
    used: dict[str, None] = {}
    for e in (law.claim, *law.given):
        used |= dict.fromkeys(_free(scope, e, frozenset()))
    for binding in law.bindings:
        bound = _left_names(binding)
        used |= dict.fromkeys(_free(scope, binding.right, frozenset(bound)))
    free = {name: scope.indices[name] for name in used}
    primes = any(n.primed for b in law.bindings for n in _names(b.left))
    ctx = Context(law=True, primes=primes, given=Given({})).binding(free)
    poisoned = False
    given: list[t.Expr] = []
    for e in law.given:
        try:
            given.append(expressions.condition(scope, e, ctx))
            ctx = ctx.under(given[-1])
        except Poisoned:
            poisoned, ctx = True, replace(ctx, unsure=True)
    fixed: list[t.Fixed] = []
    claim: t.Expr | None = None
    try:
        fixed = each(lambda b: _binding(scope, b, ctx), law.bindings)
    except Poisoned:
        poisoned = True
    try:
        claim = expressions.condition(scope, law.claim, ctx)
    except Poisoned:
        poisoned = True
    if poisoned or claim is None:
        raise Poisoned
    _check_bindings(scope, law, fixed, definitions)
    name = law.name.name
    return t.Law(law.span, name, tuple(free.values()), claim, tuple(given), tuple(fixed))


def _names(e: s.Expr) -> list[s.Name]:
    return [n for n in syntax_nodes(e) if isinstance(n, s.Name)]


def _left_names(binding: s.Binding) -> list[str]:
    if not isinstance(binding.left, s.Subscript):
        return []
    return [n.name for e in binding.left.subscripts for n in _names(e)]


def _free(scope: Scope, e: s.Expr, bound: frozenset[str]) -> list[str]:
    """Indices of the module that `e` uses without binding them, in the order of the text."""
    found: list[str] = []
    pending: list[tuple[s.Expr, frozenset[str]]] = [(e, bound)]
    from .walk import syntax_children

    while pending:
        node, inside = pending.pop()
        match node:
            case s.Name():
                if node.name in scope.indices and node.name not in inside:
                    found.append(node.name)
            case s.Reduce() if node.operator.name in ("softmax", "log_softmax", "rank"):
                names = [b.name for b in node.binders]
                found += [n for n in names if n in scope.indices and n not in inside]
            case s.Reduce():
                inside = inside | {b.name for b in node.binders}
            case _:
                pass
        pending += [(child, inside) for child in reversed(syntax_children(node))]
    return found


# second evaluations


def _binding(scope: Scope, binding: s.Binding, ctx: Context) -> t.Fixed:
    left = binding.left
    base, written = (left.base, left.subscripts) if isinstance(left, s.Subscript) else (left, ())
    if not isinstance(base, s.Name):
        scope.fail("E806", left.span, "`with` fixes an input, a param, a const or a random source")
    symbol = scope.symbols.get(base.name)
    if symbol is None:
        scope.unknown("E201", base, f"nothing is called `{base.name}`", scope.symbols)
    if symbol.kind not in MAY_BE_FIXED:
        scope.fail(
            "E806",
            base.span,
            "`with` fixes an input, a param, a const or a random source",
            label=a_kind(symbol.kind),
        )
    bound: dict[str, t.Bound] = {}

    def enter(e: s.Expr) -> None:
        if not isinstance(e, s.Name):
            scope.fail(
                "E807",
                e.span,
                "a subscript on the left of `with` must be an index variable",
                help="it is fixed at every element; write conditions on the right",
            )
        declared = expressions.declared_index(scope, s.Ident(e.span, e.name))
        if e.name in bound:
            scope.fail("E208", e.span, f"`{e.name}` stands twice on the left")
        name = scope.fresh(e.name) if e.name in ctx.indices else e.name
        bound[e.name] = t.Bound(e.span, name, declared.range)

    each(enter, written)
    inner = ctx.binding(bound)
    target: t.Expr
    if symbol.kind == "const":
        if written:
            scope.fail("E305", left.span, f"`{base.name}` has no subscripts", label="a const")
        target = t.ConstRef(base.span, base.name, base.primed)
    else:
        assert isinstance(left, s.Name | s.Subscript)
        target = reference(scope, left, replace(inner, primes=True))
    value = expressions.expression(scope, binding.right, inner)
    fits = (value.type == target.type) or (target.type == "real" and value.type == "int")
    if not fits:
        words = {"real": "a real number", "int": "an integer", "bool": "a boolean"}
        scope.fail(
            "E808",
            binding.right.span,
            f"`{base.name}` is {words[target.type]}, and is fixed to {words[value.type]}",
        )
    assert isinstance(target, t.Element | t.ConstRef)
    _check_domain(scope, binding, target, value, inner)
    return t.Fixed(binding.span, target, tuple(bound.values()), value)


def _check_domain(
    scope: Scope, binding: s.Binding, target: t.Expr, value: t.Expr, ctx: Context
) -> None:
    """An integer input stays within its domain."""
    if not isinstance(target, t.Element) or target.type != "int":
        return
    bounds = scope.prover.bounds.get(target.tensor)
    if bounds is None:
        raise Poisoned  # its declaration is wrong
    prover = scope.prover
    if all(prover.at_most(low, value, ctx.given) for low in bounds.low) and all(
        prover.at_most(value, high, ctx.given) for high in bounds.high
    ):
        return
    scope.fail(
        "E505",
        binding.right.span,
        f"this may lie outside the domain of `{target.tensor}`",
    )


def _check_bindings(
    scope: Scope, law: s.Law, fixed: Sequence[t.Fixed], definitions: dict[str, t.Definition]
) -> None:
    """No target is fixed twice, and no unprimed one in terms of itself."""
    seen: dict[tuple[str, bool], t.Fixed] = {}
    for entry in fixed:
        key = _target(entry)
        if key in seen:
            scope.fail("E810", entry.span, f"`{key[0]}` is fixed twice in one law")
        seen[key] = entry
    for (name, primed), entry in seen.items():
        if primed:
            continue
        reached: set[str] = set()
        pending = [n for n, p in _mentioned(entry.value) if not p]
        while pending:
            other = pending.pop()
            if other in reached:
                continue
            reached.add(other)
            if (other, False) in seen:
                pending += [n for n, p in _mentioned(seen[other, False].value) if not p]
            elif other in definitions:
                pending += sorted(_inputs_of(definitions[other]))
        if name in reached:
            scope.fail(
                "E809",
                entry.span,
                f"`{name}` is fixed in terms of itself",
                help=f"a change of it is a second evaluation: `with {name}'[…] = …`",
            )


def _target(entry: t.Fixed) -> tuple[str, bool]:
    target = entry.target
    name = target.tensor if isinstance(target, t.Element) else target.name
    return name, target.primed


def _mentioned(e: t.Expr) -> list[tuple[str, bool]]:
    return [
        (n.tensor if isinstance(n, t.Element) else n.name, n.primed)
        for n in nodes(e)
        if isinstance(n, t.Element | t.ConstRef)
    ]


def _inputs_of(definition: t.Definition) -> set[str]:
    """The tensors and consts that a definition mentions."""
    from .reads import reads_of

    parts = (
        (definition.base, definition.step)
        if isinstance(definition, t.Recurrence)
        else (definition,)
    )
    found: set[str] = set()
    for part in parts:
        found |= {read.tensor for read in reads_of(part)}
        if isinstance(part, t.Equation):
            found |= {name for name, _ in _mentioned(part.body)}
    return found


# derivatives


def derivative(scope: Scope, e: s.Call, ctx: Context) -> t.Derivative:
    """`grad(y[…], x[…])`."""
    if not ctx.law:
        scope.fail("E801", e.span, "`grad` stands only in laws")
    form = "write `grad(y[…], x[…])`, one element by one element of an input or param"
    if len(e.arguments) != 2 or any(a.keyword is not None for a in e.arguments):
        scope.fail("E802", e.span, "`grad` takes two elements", help=form)
    typed = each(lambda a: expressions.expression(scope, a.value, ctx), e.arguments)
    for argument, part in zip(e.arguments, typed, strict=True):
        if not isinstance(part, t.Element):
            scope.fail("E802", argument.span, "`grad` takes two elements", help=form)
        if part.type != "real":
            kind = "an integer" if part.type == "int" else "a boolean"
            scope.fail(
                "E803",
                argument.span,
                f"`{part.tensor}` is {kind}, and has no derivative",
            )
    of, by = typed
    assert isinstance(of, t.Element) and isinstance(by, t.Element)
    if scope.tensors[by.tensor].kind not in ("input", "param"):
        scope.fail(
            "E802",
            by.span,
            f"`grad` is taken by an input or param, and `{by.tensor}` is neither",
            label=a_kind(scope.tensors[by.tensor].kind),
            help=form,
        )
    return t.Derivative(e.span, of, by)
