"""Functions: the built-in ones, and those that a `def` names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, cast

from . import check_expressions as expressions
from . import syntax as s
from . import typed as t
from .check_scope import Context, Function, Scope, World, each
from .diagnostics import Log, Poisoned
from .walk import syntax_children, syntax_nodes

BUILTINS: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys("exp log log1p expm1 sqrt sin cos tanh erf".split(), (1, 1)),
    **dict.fromkeys("abs sign floor ceil stop".split(), (1, 1)),
    "rounded": (2, 2),
    "min": (2, None),
    "max": (2, None),
}
"""The least and greatest number of arguments; None: any number."""

KEEPS_INTEGERS = frozenset("abs sign floor ceil min max stop".split())
FORMATS = ("bfloat16", "float16", "float32", "float64")
MAX_NODES = 10_000
"""Nodes of an expression with every def in it written out."""
MAX_DEPTH = 64
"""Defs within defs, counted in levels of expressions."""


def function_call(scope: Scope, e: s.Call, ctx: Context) -> t.Expr:
    """A function applied to scalars."""
    name = e.callee
    if isinstance(name, s.Subscript):
        name = name.base
    if not isinstance(name, s.Name):
        scope.fail("E305", e.callee.span, "only functions and modules can be called")
    if name.name in scope.submodules or name.name in scope.symbols:
        symbol = scope.symbols[name.name]
        if symbol.kind == "submodule":
            _module_inside(scope, e)
        if not _is_function(scope, name.name):
            scope.fail(
                "E408",
                name.span,
                f"`{name.name}` is no function",
                help=f"subscripts stand in square brackets: `{name.name}[…]`",
            )
    if name.name == "grad":
        from .check_laws import derivative

        return derivative(scope, e, ctx)
    if name.name in BUILTINS:
        return _builtin(scope, e, name.name, ctx)
    if name.name in scope.world.functions:
        return _apply(scope, e, name.name, ctx)
    if name.name in scope.world.modules:
        _module_inside(scope, e)
    known = [*BUILTINS, *scope.world.functions, *scope.world.modules]
    scope.unknown("E408", name, f"there is no function `{name.name}`", known)


def _is_function(scope: Scope, name: str) -> bool:
    return name in BUILTINS or name in scope.world.functions or name == "grad"


def _module_inside(scope: Scope, e: s.Call) -> None:
    scope.fail(
        "E415",
        e.span,
        "the result of a module is used inside an expression",
        help="name it in an equation of its own: `r = …`",
    )


def _values(scope: Scope, e: s.Call, name: str, least: int, most: int | None) -> list[s.Expr]:
    """The arguments of a function: positional, and as many as it takes."""
    for argument in e.arguments:
        if argument.keyword is not None:
            scope.fail(
                "E409",
                argument.span,
                f"the function `{name}` takes its arguments by position",
                help=f"leave out `{argument.keyword.name} =`",
            )
    got = len(e.arguments)
    if got < least or (most is not None and got > most):
        wanted = f"at least {least}" if most is None else str(least)
        scope.fail(
            "E411",
            e.span,
            f"`{name}` takes {wanted} argument{'s' * (least != 1)}, not {got}",
            help=f"the {name} over an index is `{name}[i] …`" if most is None else "",
        )
    return [argument.value for argument in e.arguments]


def _builtin(scope: Scope, e: s.Call, name: str, ctx: Context) -> t.Expr:
    values = _values(scope, e, name, *BUILTINS[name])
    if name == "rounded":
        argument = expressions.number(scope, values[0], ctx)
        form = values[1]
        if not (isinstance(form, s.Name) and form.name in FORMATS):
            scope.fail(
                "E412",
                form.span,
                "the second argument of `rounded` is a number format",
                help=f"one of {', '.join(FORMATS)}",
            )
        chosen = cast(Literal["bfloat16", "float16", "float32", "float64"], form.name)
        return t.Rounded(e.span, argument, chosen)
    arguments = expressions.numbers(scope, values, ctx)
    kind: t.Type = "real"
    if name in KEEPS_INTEGERS:
        kind = expressions.join([a.type for a in arguments])
    return t.Function(e.span, name, tuple(arguments), kind)


def _apply(scope: Scope, e: s.Call, name: str, ctx: Context) -> t.Expr:
    function = scope.world.functions[name]
    if function is None:
        each(lambda a: expressions.expression(scope, a.value, ctx), e.arguments)
        raise Poisoned
    parameters = [p.name for p in function.definition.parameters]
    values = _values(scope, e, name, len(parameters), len(parameters))

    def check(pair: tuple[s.Expr, t.Type]) -> t.Expr:
        value, wanted = pair
        if wanted == "bool":
            return expressions.condition(scope, value, ctx)
        if wanted == "int":
            return expressions.integer(scope, value, ctx, f"an argument of `{name}`")
        return expressions.number(scope, value, ctx)

    arguments = each(check, zip(values, function.wanted, strict=True))
    body = function_body(function, tuple(a.type for a in arguments))
    if body is None:
        raise Poisoned
    return t.Apply(
        e.span, name, tuple(parameters), tuple(arguments), body, function.prelude, body.type
    )


def function_body(function: Function, types: tuple[t.Type, ...]) -> t.Expr | None:
    """The body of a def with its parameters of these types; None where it is wrong."""
    definition = function.definition
    key = (definition.name.name, types)
    bodies = function.world.bodies
    if key not in bodies:
        bodies[key] = _typed_body(definition, types, function.world, Log())
    return bodies[key]


def _typed_body(
    definition: s.Def, types: Sequence[t.Type], world: World, log: Log
) -> t.Expr | None:
    parameters = {
        p.name: t.ArgumentRef(p.span, p.name, kind)
        for p, kind in zip(definition.parameters, types, strict=True)
    }
    scope = Scope(log, world, frozenset())
    try:
        return expressions.expression(scope, definition.body, Context(parameters=parameters))
    except Poisoned:
        return None


# defs of a file


def declare_functions(
    definitions: Sequence[s.Def], world: World, log: Log, prelude: bool = False
) -> None:
    """Check the defs of a file, those that others use first, and add them to `world`."""
    by_name: dict[str, s.Def] = {}
    for definition in definitions:
        name = definition.name
        if name.name in BUILTINS or name.name == "grad":
            log.add("E214", name.span, f"`{name.name}` is a built-in function")
        elif name.name in by_name:
            log.add(
                "E202",
                name.span,
                f"the function `{name.name}` is defined twice",
                help=f"it is first defined in line {by_name[name.name].span.line}",
            )
        else:
            by_name[name.name] = definition
    done: set[str] = set()
    for defined in by_name:
        _declare(defined, by_name, (), done, world, log, prelude)


def _declare(
    name: str,
    by_name: dict[str, s.Def],
    path: tuple[str, ...],
    done: set[str],
    world: World,
    log: Log,
    prelude: bool,
) -> None:
    if name in done or name not in by_name:
        return
    definition = by_name[name]
    if name in path:
        cycle = [*path[path.index(name) :], name]
        log.add(
            "E603",
            definition.name.span,
            f"the def `{name}` calls itself"
            + (f": {' -> '.join(cycle)}" if len(cycle) > 2 else ""),
            help="a def may not recurse; write a recurrence in a module",
        )
        world.functions.update(dict.fromkeys(cycle))
        done.update(cycle)
        return
    if len(path) >= MAX_DEPTH:
        _too_large(definition, log)
        world.functions[name] = None
        done.add(name)
        return
    for called in _called(definition.body):
        _declare(called, by_name, (*path, name), done, world, log, prelude)
    if name in done:
        return
    done.add(name)
    world.functions[name] = _checked(definition, world, log, prelude)


def _checked(definition: s.Def, world: World, log: Log, prelude: bool) -> Function | None:
    names = [p.name for p in definition.parameters]
    for i, parameter in enumerate(definition.parameters):
        if parameter.name in names[:i]:
            log.add("E202", parameter.span, f"the parameter `{parameter.name}` stands here twice")
            return None
    size = expanded(definition.body, world)
    if size is None:
        _too_large(definition, log)
        return None
    wanted: tuple[t.Type, ...] = tuple(_wanted(definition.body, name, world) for name in names)
    function = Function(definition, prelude, wanted, size[0], size[1], world)
    body = _typed_body(definition, wanted, world, log)
    world.bodies[definition.name.name, wanted] = body
    return function if body is not None else None


def _too_large(definition: s.Def, log: Log) -> None:
    log.add(
        "E010",
        definition.name.span,
        f"`{definition.name.name}` is too large once the defs in it are written out",
        help=f"at most {MAX_NODES} operations, nested at most {MAX_DEPTH} deep",
    )


def expanded(body: s.Expr, world: World) -> tuple[int, int] | None:
    """Nodes and depth of an expression with its defs written out; None beyond the budget."""
    nodes = deepest = 0
    pending = [(body, 1)]
    while pending:
        node, depth = pending.pop()
        nodes += 1
        if isinstance(node, s.Call) and isinstance(node.callee, s.Name):
            function = world.functions.get(node.callee.name)
            if function is not None:
                nodes += function.nodes
                deepest = max(deepest, depth + function.depth)
        deepest = max(deepest, depth)
        if nodes > MAX_NODES or deepest > MAX_DEPTH:
            return None
        pending += [(child, depth + 1) for child in syntax_children(node)]
    return nodes, deepest


def _called(body: s.Expr) -> Iterator[str]:
    for node in syntax_nodes(body):
        if isinstance(node, s.Call) and isinstance(node.callee, s.Name):
            yield node.callee.name


def _wanted(body: s.Expr, name: str, world: World) -> t.Type:
    """The type a parameter must have: boolean where it stands as a condition, integer where
    `//` or `%` act on it, else any number."""

    def is_it(e: s.Expr) -> bool:
        return isinstance(e, s.Name) and e.name == name

    for node in syntax_nodes(body):
        conditions: Iterable[s.Expr] = ()
        match node:
            case s.If() | s.Iverson():
                conditions = (node.condition,)
            case s.And() | s.Or():
                conditions = node.operands
            case s.Not():
                conditions = (node.operand,)
            case s.Product():
                parts = [node.first, *(right for _, right in node.rest)]
                for i, (operator, _) in enumerate(node.rest):
                    if operator in ("//", "%") and any(map(is_it, parts[: i + 2])):
                        return "int"
            case s.Call(callee=s.Name()):
                assert isinstance(node.callee, s.Name)
                function = world.functions.get(node.callee.name)
                if function is not None:
                    for argument, wanted in zip(node.arguments, function.wanted, strict=False):
                        if is_it(argument.value) and wanted != "real":
                            return wanted
            case _:
                pass
        if any(map(is_it, conditions)):
            return "bool"
    return "real"
