"""Names that are declared and not needed."""

from __future__ import annotations

from collections.abc import Sequence

from . import syntax as s
from . import typed as t
from .check_scope import Scope
from .walk import syntax_nodes

_CODES = {
    "input": "E604",
    "const": "E606",
    "param": "E607",
    "random source": "E608",
    "submodule": "E618",
    "size": "W202",
    "index": "W201",
}


def check_unused(scope: Scope, module: t.Module, statements: Sequence[s.Statement]) -> None:
    """Report equations that neither an output nor a law needs, and names nothing mentions."""
    if scope.lost:
        return
    used = {name for statement in statements for name in _mentions(statement)}
    reads: dict[str, set[str]] = {}
    for statement in statements:
        if isinstance(statement, s.Equation):
            reads.setdefault(statement.name.name, set()).update(_mentions(statement))
    needed: set[str] = set()
    pending = list(module.outputs)
    for statement in statements:
        if isinstance(statement, s.Law):
            pending += _mentions(statement)
    while pending:
        name = pending.pop()
        if name not in needed:
            needed.add(name)
            pending += sorted(reads.get(name, ()))
    for name in reads:
        if name not in needed:
            scope.log.add(
                "E602",
                scope.symbols[name].span,
                f"no output and no law needs `{name}`",
                help="remove it, or write `output` before it",
            )
    for name, symbol in scope.symbols.items():
        if symbol.kind in _CODES and name not in used:
            scope.log.add(
                _CODES[symbol.kind],
                symbol.span,
                f"the {symbol.kind} `{name}` is never used",
                help="remove it" if symbol.kind != "size" else "",
            )


def _mentions(statement: s.Statement) -> list[str]:
    """The names that a statement mentions, apart from the one it defines."""
    exprs: list[s.Expr] = []
    names: list[str] = []
    match statement:
        case s.SizeDecl():
            exprs += [statement.value] if statement.value else []
        case s.IndexDecl():
            exprs.append(statement.range)
        case s.InputDecl():
            exprs += statement.dims
            exprs += [e for e in (statement.domain, statement.default) if e is not None]
        case s.ParamDecl():
            exprs += statement.dims
            if isinstance(statement.initial, s.Distribution):
                exprs += [a.value for a in statement.initial.arguments]
            elif statement.initial is not None:
                exprs.append(statement.initial)
        case s.RandomDecl():
            exprs += [*statement.dims, *(a.value for a in statement.distribution.arguments)]
        case s.Require():
            exprs.append(statement.condition)
        case s.Use():
            exprs += [a.value for a in statement.arguments]
            exprs += [statement.count] if statement.count is not None else []
        case s.Incremental():
            names.append(statement.index.name)
        case s.Equation():
            exprs += [*(statement.subscripts or ()), statement.right]
        case s.Law():
            exprs += [statement.claim, *statement.given]
            for binding in statement.bindings:
                exprs += [binding.left, binding.right]
        case _:
            pass
    for e in exprs:
        for node in syntax_nodes(e):
            if isinstance(node, s.Name):
                names.append(node.name)
            elif isinstance(node, s.Reduce):
                names += [b.name for b in node.binders]
    return names
