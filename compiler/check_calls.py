"""Calls of modules and submodules: arguments, and the callee's sizes read off their shapes."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from . import check_expressions as expressions
from . import check_wholes as wholes
from . import syntax as s
from . import typed as t
from .check_declarations import SIZES, SIZES_AND_CONSTS
from .check_references import flatten, subscripted, view
from .check_scope import Checked, Context, Scope, Stack, Tensor, a_kind, each, in_words
from .diagnostics import Poisoned, suggest
from .ranges import Bounds
from .show import show, show_dims
from .source import Span
from .substitute import in_callers_sizes, is_plain, substitute
from .walk import nodes


def is_module_call(scope: Scope, e: s.Expr) -> bool:
    """Whether `e` is a call of a module or submodule, or a field of one."""
    call = e.base if isinstance(e, s.Field) else e
    if not isinstance(call, s.Call):
        return False
    name, _ = flatten(call.callee)
    if not isinstance(name, s.Name):
        return False
    symbol = scope.symbols.get(name.name)
    if symbol is not None:
        return symbol.kind == "submodule"
    return name.name in scope.world.modules and name.name not in scope.world.functions


def module_call(scope: Scope, e: s.Call, ctx: Context) -> t.ModuleCall:
    """A typed call. Where the callee is wrong, its arguments are still looked over."""
    name, written = flatten(e.callee)
    assert isinstance(name, s.Name)
    if name.name in scope.symbols:
        stack = scope.submodules.get(name.name)
        if stack is None:
            _look_over(scope, e, ctx)
            raise Poisoned
        instance = _instance(scope, e.callee.span, name.name, stack, written, ctx)
        return _apply(scope, e, stack.checked, stack, instance, ctx)
    checked = scope.world.modules[name.name]
    if checked is None:
        _look_over(scope, e, ctx)
        raise Poisoned
    if written:
        scope.fail("E714", e.callee.span, f"`{name.name}` is a module, not a stack of submodules")
    if checked.module.params or checked.module.submodules:
        scope.fail(
            "E706",
            name.span,
            f"`{name.name}` has params, and only a submodule can hold them",
            help=f"declare one: `use part: {name.name}(…)`, and call `part(…)`",
        )
    return _apply(scope, e, checked, None, None, ctx)


def _look_over(scope: Scope, e: s.Call, ctx: Context) -> None:
    """Report what is wrong in the arguments of a callee that is not known."""
    each(lambda a: wholes.right_side(scope, a.value, ctx), e.arguments)


def _instance(
    scope: Scope,
    span: Span,
    name: str,
    stack: Stack,
    written: tuple[s.Expr, ...],
    ctx: Context,
) -> t.Expr | None:
    wanted = 0 if stack.count is None else 1
    if len(written) != wanted:
        scope.fail(
            "E714",
            span,
            f"`{name}` is a stack of submodules" if wanted else f"`{name}` is a single submodule",
            help=f"say which: `{name}[l](…)`" if wanted else f"call `{name}(…)`",
        )
    if stack.count is None:
        return None
    layers = Tensor(name, "submodule", (stack.count,), None)
    return subscripted(scope, layers, written, ctx)[0]


def _apply(
    scope: Scope,
    e: s.Call,
    checked: Checked,
    stack: Stack | None,
    instance: t.Expr | None,
    ctx: Context,
) -> t.ModuleCall:
    module = checked.module
    takes: dict[str, t.Variable] = {**module.inputs, **module.randoms}
    given = _by_name(scope, e, module, stack, takes)
    sizes = {} if stack is None else {n: x for n, x in stack.sizes.items() if n in stack.given}
    consts = {} if stack is None else dict(stack.consts)
    settings = [a for a in given if a not in takes]
    explicit = each(lambda n: (n, setting(scope, module, n, given[n].value)), settings)
    for name, value in explicit:
        (sizes if name in module.sizes else consts)[name] = value
    names = [n for n in takes if n in given]
    typed = dict(each(lambda n: (n, _argument(scope, takes[n], given[n], ctx)), names))
    for name in names:
        _match(scope, module, takes[name], typed[name], given[name], sizes)
    _require_all(scope, e, module, stack, takes, given, sizes, consts)
    call = t.ModuleCall(
        e.span,
        module,
        stack.declaration.name.name if stack else None,
        instance,
        typed,
        sizes,
        consts,
    )

    def check(name: str) -> None:
        _check_shape(scope, takes[name], typed[name], given[name], call)
        _check_domain(scope, takes[name], typed[name], given[name], call, ctx)

    each(check, names)
    if stack is not None:
        _settle(scope, e, stack, sizes)
    return call


def _by_name(
    scope: Scope,
    e: s.Call,
    module: t.Module,
    stack: Stack | None,
    takes: Mapping[str, t.Variable],
) -> dict[str, s.Argument]:
    """The arguments of a call under their names."""
    given: dict[str, s.Argument] = {}

    def enter(argument: s.Argument) -> None:
        if argument.keyword is None:
            if len(module.inputs) != 1 or argument is not e.arguments[0]:
                scope.fail(
                    "E710",
                    argument.span,
                    f"`{module.name}` takes its arguments by name",
                    help=f"write `{next(iter(takes), 'x')} = …`",
                )
            name, span = next(iter(module.inputs)), argument.span
        else:
            name, span = argument.keyword.name, argument.keyword.span
        if name in given:
            scope.fail("E709", span, f"the argument `{name}` is given twice")
        is_setting = name in module.consts or name in module.sizes
        if is_setting and stack is not None:
            scope.fail(
                "E719",
                span,
                f"`{name}` is fixed where the submodule is declared, not where it is called",
                help=f"write it there: `use {stack.declaration.name.name}: "
                f"{module.name}({name} = …)`",
            )
        if name not in takes and not is_setting:
            _unknown_argument(scope, s.Ident(span, name), module, [*takes, *module.consts])
        given[name] = argument

    each(enter, e.arguments)
    return given


def _unknown_argument(scope: Scope, name: s.Ident, module: t.Module, candidates: list[str]) -> None:
    scope.fail(
        "E707",
        name.span,
        f"`{module.name}` has no argument `{name.name}`",
        help=suggest(name.name, candidates)
        or (f"it takes {in_words(candidates)}" if candidates else ""),
    )


def setting(scope: Scope, module: t.Module, name: str, value: s.Expr) -> t.Expr:
    """The value given to a size or const of a module, in the caller's terms."""
    if name in module.sizes:
        if module.sizes[name].origin == "derived":
            scope.fail(
                "E720",
                value.span,
                f"the size `{name}` of `{module.name}` follows from others and cannot be given",
            )
        ctx = Context(only=SIZES, place="a size")
        return expressions.integer(scope, value, ctx, "a size")
    ctx = Context(only=SIZES_AND_CONSTS, place="the value of a const")
    return expressions.number(scope, value, ctx)


def _argument(
    scope: Scope, takes: t.Variable, argument: s.Argument, ctx: Context
) -> t.View | t.Output | t.Expr:
    """The typed value of an argument: whole for a tensor, an expression for a scalar."""
    value = argument.value
    typed: wholes.RightSide
    if is_module_call(scope, value):
        typed = wholes.result(scope, value, ctx)
        if isinstance(typed, t.ModuleCall):
            scope.fail(
                "E716",
                value.span,
                f"`{typed.module.name}` has several outputs, and one tensor is expected",
                help=f"take one: `.{typed.module.outputs[0]}`",
            )
    elif takes.dims:
        whole = view(scope, value, ctx)
        if whole is None:
            expressions.expression(scope, value, ctx)
            scope.fail(
                "E718",
                value.span,
                f"the argument `{takes.name}` is a whole tensor, and this is an expression",
                label=f"a tensor of shape {show_dims(takes.dims)} is expected",
                help="name it in an equation of its own",
            )
        typed = whole
    else:
        typed = expressions.expression(scope, value, ctx)
    wants = {"real": ("real", "int"), "int": ("int",), "bool": ("bool",)}[takes.type]
    if typed.type not in wants:
        words = {"real": "a real tensor", "int": "an integer tensor", "bool": "a boolean tensor"}
        scope.fail(
            "E712",
            argument.span,
            f"the argument `{takes.name}` is {words[takes.type]}, and this is not",
            label=f"this is {words[typed.type].replace(' tensor', '')}",
        )
    return typed


def _dims(argument: t.View | t.Output | t.Expr) -> tuple[t.Expr, ...]:
    return argument.dims if isinstance(argument, t.View | t.Output) else ()


def _match(
    scope: Scope,
    module: t.Module,
    takes: t.Variable,
    argument: t.View | t.Output | t.Expr,
    written: s.Argument,
    sizes: dict[str, t.Expr],
) -> None:
    """Read the callee's plain sizes off the shape of an argument."""
    dims = _dims(argument)
    if len(dims) != len(takes.dims):
        scope.fail(
            "E711",
            written.span,
            f"the argument `{takes.name}` of `{module.name}` has the shape {show_dims(takes.dims)}",
            label=f"this has the shape {show_dims(dims)}" if dims else "this is a scalar",
        )
    for wanted, dim in zip(takes.dims, dims, strict=True):
        if isinstance(wanted, t.SizeRef) and module.sizes[wanted.name].origin != "derived":
            sizes.setdefault(wanted.name, dim)


def _require_all(
    scope: Scope,
    e: s.Call,
    module: t.Module,
    stack: Stack | None,
    takes: Mapping[str, t.Variable],
    given: Mapping[str, s.Argument],
    sizes: Mapping[str, t.Expr],
    consts: Mapping[str, t.Expr],
) -> None:
    missing = [n for n, v in takes.items() if n not in given and v.default is None]
    if missing:
        is_random = missing[0] in module.randoms
        scope.fail(
            "E708",
            e.span,
            f"`{module.name}` needs the argument{'s' * (len(missing) > 1)} {in_words(missing)}",
            help=f"declare a random source and pass it: `{missing[0]} = …`" if is_random else "",
        )
    unfixed = [n for n, x in module.sizes.items() if x.origin != "derived" and n not in sizes]
    if stack is None:
        unfixed += [n for n, c in module.consts.items() if c.default is None and n not in consts]
    if unfixed:
        where = "in `use`" if stack else "as an argument"
        scope.fail(
            "E713",
            e.span,
            f"nothing fixes {in_words(unfixed)} of `{module.name}`",
            help=f"give it {where}: `{unfixed[0]} = …`",
        )


def _check_shape(
    scope: Scope,
    takes: t.Variable,
    argument: t.View | t.Output | t.Expr,
    written: s.Argument,
    call: t.ModuleCall,
) -> None:
    wanted = tuple(in_callers_sizes(dim, call.module, call.sizes) for dim in takes.dims)
    dims = _dims(argument)
    if all(scope.prover.equal(a, b) for a, b in zip(wanted, dims, strict=True)):
        return
    there = show_dims(takes.dims)
    if show_dims(wanted) != there:
        there += f", here {show_dims(wanted)}"
    scope.fail(
        "E711",
        written.span,
        f"the argument `{takes.name}` of `{call.module.name}` has the shape {there}",
        label=f"this has the shape {show_dims(dims)}",
    )


def _check_domain(
    scope: Scope,
    takes: t.Variable,
    argument: t.View | t.Output | t.Expr,
    written: s.Argument,
    call: t.ModuleCall,
    ctx: Context,
) -> None:
    """An integer argument must provably lie in the domain of the input."""
    if takes.domain is None or ctx.unsure:
        return
    domain = in_callers_sizes(takes.domain, call.module, call.sizes)
    zero = t.Number(written.span, Fraction(0), "int")
    given = ctx.given
    lows: tuple[t.Expr, ...]
    if isinstance(argument, t.View | t.Output):
        bounds = whole_bounds(scope, argument)
        for axis, dim in zip(bounds.axes, argument.dims, strict=True):
            given = given.binding(t.Bound(written.span, axis, dim))
        lows, highs = bounds.low, bounds.high
    else:
        lows = highs = (argument,)
    prover = scope.prover
    if any(prover.at_most(zero, low, given) for low in lows) and any(
        prover.at_most(high, domain, given, gap=1) for high in highs
    ):
        return
    scope.fail(
        "E504",
        written.span,
        f"the argument `{takes.name}` of `{call.module.name}` may lie outside its domain",
        label=f"it must lie in 0 … {show(domain)} - 1",
    )


def whole_bounds(scope: Scope, whole: t.View | t.Output) -> Bounds:
    """What is known of the elements of a whole integer tensor."""
    axes = tuple(f"#{i}" for i in range(len(whole.dims)))
    here: dict[str, t.Expr] = {}
    if isinstance(whole, t.View):
        known = scope.prover.bounds.get(whole.tensor)
        leading = whole.subscripts
    else:
        checked = _find(scope, whole.call)
        known, leading = checked.bounds.get(whole.name), ()
        here.update(whole.call.sizes)
    if known is None:
        return Bounds(axes, (), ())
    inner: list[t.Expr] = [*leading, *(t.IndexRef(whole.span, axis) for axis in axes)]
    here.update(zip(known.axes, inner, strict=True))

    def move(bounds: tuple[t.Expr, ...]) -> tuple[t.Expr, ...]:
        return tuple(substitute(b, here) for b in bounds if is_plain(b))

    return Bounds(axes, move(known.low), move(known.high))


def _find(scope: Scope, call: t.ModuleCall) -> Checked:
    candidates = [s.checked for s in scope.submodules.values()]
    candidates += [c for c in scope.world.modules.values() if c is not None]
    return next(c for c in candidates if c.module is call.module)


def outputs(scope: Scope, call: t.ModuleCall, span: Span) -> dict[str, t.Output]:
    """Every output of a call, with its shape in the caller's sizes."""
    module = call.module
    result: dict[str, t.Output] = {}
    for name in module.outputs:
        definition = module.definitions[name]
        dims = tuple(in_callers_sizes(dim, module, call.sizes) for dim in definition.dims)
        result[name] = t.Output(span, call, name, dims, definition.type)
    return result


def _settle(scope: Scope, e: s.Call, stack: Stack, sizes: Mapping[str, t.Expr]) -> None:
    """Note the sizes that the submodule's params need; all calls must agree on them."""
    for name in stack.checked.needs:
        if name not in sizes:
            continue
        before = stack.sizes.setdefault(name, sizes[name])
        if not scope.prover.equal(before, sizes[name]):
            scope.fail(
                "E721",
                e.span,
                f"this call makes the size `{name}` of `{stack.declaration.name.name}` "
                f"{show(sizes[name])}, another makes it "
                f"{show(before)}",
                help="params have one shape: declare two submodules",
            )


# use


def declare_use(scope: Scope, e: s.Use) -> None:
    """A submodule, or a stack of them."""
    name = e.module.name
    if name not in scope.world.modules:
        scope.unknown("E704", e.module, f"there is no module `{name}`", list(scope.world.modules))
    checked = scope.world.modules[name]
    count = None
    if e.count is not None:
        ctx = Context(only=SIZES, place="the number of submodules")
        count = expressions.integer(scope, e.count, ctx, "the number of submodules")
    if checked is None:
        raise Poisoned
    module = checked.module
    sizes: dict[str, t.Expr] = {}
    consts: dict[str, t.Expr] = {}

    def enter(argument: s.Argument) -> None:
        key = argument.keyword
        if key is None:
            scope.fail("E710", argument.span, f"the sizes and consts of `{name}` are given by name")
        if key.name in sizes or key.name in consts:
            scope.fail("E709", key.span, f"the argument `{key.name}` is given twice")
        if key.name not in module.sizes and key.name not in module.consts:
            what = "input" if key.name in module.inputs else ""
            if what:
                scope.fail(
                    "E707",
                    key.span,
                    f"`{key.name}` is {a_kind(what)} of `{name}`, given where it is called",
                )
            _unknown_argument(scope, key, module, [*module.sizes, *module.consts])
        value = setting(scope, module, key.name, argument.value)
        (sizes if key.name in module.sizes else consts)[key.name] = value

    each(enter, e.arguments)
    missing = [n for n, c in module.consts.items() if c.default is None and n not in consts]
    shaped = _shaped(module)
    missing += [
        n
        for n, size in module.sizes.items()
        if size.origin != "derived" and n not in shaped and n not in sizes
    ]
    if missing:
        scope.fail(
            "E713",
            e.span,
            f"nothing fixes {in_words(missing)} of `{name}`",
            help=f"give it in brackets: `{name}({missing[0]} = …)`",
        )
    stack = Stack(e, count, checked, sizes, consts, frozenset(sizes))
    scope.submodules[e.name.name] = stack


def _shaped(module: t.Module) -> set[str]:
    """The sizes that the inputs which must be given have among their dimensions."""
    required = [v for v in module.inputs.values() if v.default is None]
    return {d.name for v in required for d in v.dims if isinstance(d, t.SizeRef)}


def constructor_sizes(module: t.Module) -> tuple[str, ...]:
    """The plain sizes of a module that its params or its submodules' need, or that no input
    gives."""
    exprs: list[t.Expr] = []
    for param in module.params.values():
        exprs += param.dims
        if param.initial is not None:
            exprs += param.initial.arguments.values()
    for submodule in module.submodules.values():
        exprs += [*submodule.sizes.values(), *submodule.consts.values()]
        exprs += [] if submodule.count is None else [submodule.count]
    needed: set[str] = set()
    while exprs:
        for node in nodes(exprs.pop()):
            if isinstance(node, t.SizeRef) and node.name not in needed:
                needed.add(node.name)
                value = module.sizes[node.name].value
                exprs += [] if value is None else [value]
    shaped = _shaped(module)
    return tuple(
        name
        for name, size in module.sizes.items()
        if size.origin != "derived" and (name in needed or name not in shaped)
    )
