"""The checker: syntax tree -> typed modules.

    collect names -> declarations -> submodules -> equations -> laws -> unused -> incremental

Every part of a module is looked at; what is wrong goes to the log, once, and a module that
has an error is None for those that use it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from . import syntax as s
from . import typed as t
from .check_calls import constructor_sizes, declare_use
from .check_declarations import Declared, collect_names, declare
from .check_definitions import define
from .check_equations import Defined
from .check_functions import declare_functions
from .check_incremental import check_incremental
from .check_laws import check_law
from .check_scope import Checked, Scope, World, attempt
from .check_unused import check_unused
from .diagnostics import Log, Poisoned
from .names import class_name, is_plain, snake_case
from .ranges import Prover
from .walk import syntax_nodes


def check(file: s.File, prefix: str, imported: World, log: Log) -> World:
    """The functions and modules of a file, with those it imports already in `imported`.
    `prefix` goes before the names of its modules."""
    world = World(dict(imported.functions), dict(imported.modules))
    declare_functions(file.defs, world, log)
    by_name = _distinct_modules(file, world, log)
    own: dict[str, Checked | None] = {}
    for name in by_name:
        _check_with_needs(name, by_name, (), own, world, file, prefix, log)
    return World({d.name.name: world.functions.get(d.name.name) for d in file.defs}, own)


def _distinct_modules(file: s.File, world: World, log: Log) -> dict[str, s.Module]:
    by_name: dict[str, s.Module] = {}
    lowered: dict[str, str] = {}
    own_defs = {d.name.name for d in file.defs}
    for module in file.modules:
        name = module.name
        if name.name in by_name or name.name in own_defs:
            log.add("E202", name.span, f"`{name.name}` is defined twice in this file")
            continue
        if name.name in world.modules:
            log.add(
                "E202",
                name.span,
                f"`{name.name}` is imported, and defined here too",
                help="rename the module, or leave out the import",
            )
            continue
        by_name[name.name] = module
        if not is_plain(name.name):
            log.add(
                "E209",
                name.span,
                f"the name `{name.name}` cannot be written in generated code",
                help="names are made of ASCII and Greek letters, digits and `_`",
            )
        clashes = {lowered.get(n) for n in (snake_case(name.name), class_name(name.name))}
        other = next((c for c in sorted(c for c in clashes if c)), None)
        if other is not None:
            log.add(
                "E210",
                name.span,
                f"the modules `{other}` and `{name.name}` have the same name in generated code",
                help=f"both give the function `{snake_case(name.name)}`; rename one",
            )
        lowered[snake_case(name.name)] = lowered[class_name(name.name)] = name.name
    return by_name


def _check_with_needs(
    name: str,
    by_name: Mapping[str, s.Module],
    path: tuple[str, ...],
    own: dict[str, Checked | None],
    world: World,
    file: s.File,
    prefix: str,
    log: Log,
) -> None:
    """Check a module after those of the same file that it applies."""
    if name in own:
        return
    module = by_name[name]
    if name in path:
        cycle = [*path[path.index(name) :], name]
        log.add(
            "E705",
            module.name.span,
            f"the module `{name}` contains itself: {' -> '.join(cycle)}",
        )
        for other in cycle:
            own[other] = world.modules[other] = None
        return
    if len(path) > 40:
        log.add("E705", module.name.span, "modules are nested too deeply, over 40 levels")
        own[name] = world.modules[name] = None
        return
    for other in applied(module):
        if other in by_name:
            _check_with_needs(other, by_name, (*path, name), own, world, file, prefix, log)
    if name in own:
        return
    for other in by_name:
        world.modules.setdefault(other, None)
    own[name] = world.modules[name] = check_module(module, prefix, world, file.lost, log)


def applied(module: s.Module) -> list[str]:
    """Names that a module may apply as modules: in `use`, and before `(`."""
    found: dict[str, None] = {}
    for statement in module.statements:
        if isinstance(statement, s.Use):
            found[statement.module.name] = None
        elif isinstance(statement, s.Equation):
            for node in syntax_nodes(statement.right):
                if isinstance(node, s.Call) and isinstance(node.callee, s.Name):
                    found[node.callee.name] = None
    return list(found)


def check_module(
    module: s.Module, prefix: str, world: World, lost: frozenset[str], log: Log
) -> Checked | None:
    """One typed module; None where it has an error."""
    own = Log()
    scope = Scope(own, world, lost, prover=Prover(meter=world.meter))
    statements = collect_names(scope, module.statements)
    declared = declare(scope, statements)
    for statement in statements:
        if isinstance(statement, s.Use):
            attempt(partial(declare_use, scope), statement)
    defined = define(scope, [x for x in statements if isinstance(x, s.Equation)])
    laws = _laws(scope, statements, defined)
    typed = _assemble(scope, module, prefix, statements, declared, defined, laws)
    if not own.failed:
        check_unused(scope, typed, statements)
    whole = bool(typed.outputs) and _is_whole(scope, statements, defined, laws)
    if not own.failed and whole and typed.incremental is not None:
        marks = [x for x in statements if isinstance(x, s.Incremental)]
        check_incremental(own, typed, scope.prover, marks[0].index.span)
    log.record(*own.diagnostics)
    if own.failed or not whole:
        return None
    bounds = {n: scope.prover.bounds[n] for n in typed.outputs if n in scope.prover.bounds}
    return Checked(typed, bounds, constructor_sizes(typed))


def _is_whole(
    scope: Scope, statements: Sequence[s.Statement], defined: Defined, laws: Sequence[t.Law]
) -> bool:
    """Whether nothing was dropped because a module that it applies is wrong elsewhere."""
    wanted_laws = 0
    for x in statements:
        if isinstance(x, s.Law):
            wanted_laws += 1
        elif isinstance(x, s.Use) and x.name.name not in scope.submodules:
            return False
        elif isinstance(x, s.Equation):
            name = x.name.name
            if name not in defined.definitions and scope.records.get(name) is None:
                return False
    return wanted_laws == len(laws)


def _laws(scope: Scope, statements: Sequence[s.Statement], defined: Defined) -> list[t.Law]:
    laws: list[t.Law] = []
    seen: dict[str, s.Law] = {}
    for law in statements:
        if not isinstance(law, s.Law):
            continue
        if law.name.name in seen:
            scope.log.add(
                "E202",
                law.name.span,
                f"the law `{law.name.name}` is stated twice",
                help=f"it is first stated in line {seen[law.name.name].name.span.line}",
            )
            continue
        seen[law.name.name] = law
        with suppress(Poisoned):
            laws.append(check_law(scope, law, defined.definitions))
    return laws


def _assemble(
    scope: Scope,
    module: s.Module,
    prefix: str,
    statements: Sequence[s.Statement],
    declared: Declared,
    defined: Defined,
    laws: Sequence[t.Law],
) -> t.Module:
    marks = [x for x in statements if isinstance(x, s.Incremental)]
    for extra in marks[1:]:
        scope.log.add("E821", extra.span, "a module has one `incremental` statement")
    outputs: dict[str, None] = {}
    for x in statements:
        if isinstance(x, s.Equation) and x.output:
            outputs[x.name.name] = None
    if not outputs and not scope.lost:
        scope.log.add(
            "E605",
            module.name.span,
            f"the module `{module.name.name}` has no output",
            help="write `output` before the equations that are its results",
        )
    submodules = {
        name: t.Submodule(
            stack.declaration.span,
            name,
            stack.count,
            stack.checked.module,
            stack.sizes,
            stack.consts,
        )
        for name, stack in scope.submodules.items()
    }
    definitions = {
        name: definition
        for name, definition in defined.definitions.items()
        if "." not in name or name in scope.read_fields
    }
    groups = tuple(
        t.Group(g.index, g.descending, tuple(m for m in g.members if m.name in definitions))
        for g in defined.groups
    )
    return t.Module(
        span=module.name.span,
        name=module.name.name,
        qualified=f"{prefix}.{module.name.name}" if prefix else module.name.name,
        doc=module.doc,
        sources=tuple(x.text for x in statements if isinstance(x, s.SourceNote)),
        sizes=scope.sizes,
        indices=scope.indices,
        inputs=declared.inputs,
        params=declared.params,
        randoms=declared.randoms,
        consts=scope.consts,
        requires=tuple(declared.requires),
        submodules=submodules,
        definitions=definitions,
        groups=groups,
        outputs=tuple(outputs),
        laws=tuple(laws),
        incremental=marks[0].index.name if marks else None,
    )


def prelude(file: s.File, log: Log) -> World:
    """The world that every file starts from."""
    world = World()
    declare_functions(file.defs, world, log, prelude=True)
    return world
