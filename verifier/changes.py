"""What an equation might be instead: a flat module with one term changed.

    flat Module -> Change*, the simplest first

The rules stand in `change_rules.py`. Each looks at one expression and gives what may stand in
its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..compiler import typed as t
from ..compiler.show import show
from ..compiler.walk import children, nodes, rebuild

SHORT = 60
"""The longest text around a change that is shown with it."""


@dataclass(frozen=True, slots=True)
class Spot:
    """An expression in an equation, with what stands around it: the expression directly
    outside, if any, and the indices in scope."""

    module: t.Module
    tensor: str
    part: t.Equation
    node: t.Expr
    around: t.Expr | None
    bound: tuple[t.Bound, ...]

    @property
    def earlier(self) -> list[str]:
        """The tensors that may be read here: given ones, and those defined before."""
        together = {self.tensor} | _together(self.module, self.tensor)
        names = list(self.module.definitions)
        first = min(names.index(name) for name in together)
        return [*self.module.inputs, *self.module.params, *self.module.randoms, *names[:first]]


Rule = Callable[[Spot], Iterator[t.Expr]]


@dataclass(frozen=True, slots=True)
class Change:
    """One expression of a module replaced by another."""

    spot: Spot
    after: t.Expr

    def __str__(self) -> str:
        before, after, around = self.spot.node, self.after, self.spot.around
        if around is not None and not children(before):
            outside = put(around, before, after)
            if max(len(show(around)), len(show(outside))) <= SHORT:
                before, after = around, outside
        span = self.spot.node.span
        return f"`{show(after)}` for `{show(before)}` at {span.source.path}:{span.line}"

    def applied(self) -> t.Module:
        """The module with the change."""
        module, part = self.spot.module, self.spot.part
        definition = module.definitions[self.spot.tensor]
        new = replace(part, body=put(part.body, self.spot.node, self.after))
        changed: t.Definition = new
        if isinstance(definition, t.Recurrence):
            step = part is definition.step
            changed = replace(definition, step=new) if step else replace(definition, base=new)
        groups = tuple(
            replace(
                group,
                members=tuple(changed if m is definition else m for m in group.members),
            )
            for group in module.groups
        )
        definitions = {**module.definitions, self.spot.tensor: changed}
        return replace(module, definitions=definitions, groups=groups)


def changes(module: t.Module, rules: Sequence[Rule]) -> Iterator[Change]:
    """What every rule makes of every expression that the outputs rest on, rule by rule."""
    needed = rests_on(module)
    found = [spot for name in module.definitions if name in needed for spot in spots(module, name)]
    for rule in rules:
        for spot in found:
            for after in rule(spot):
                yield Change(spot, after)


def spots(module: t.Module, name: str) -> Iterator[Spot]:
    """Every expression of a definition, parents first."""
    for part in equations(module.definitions[name]):
        pending: list[tuple[t.Expr, t.Expr | None, tuple[t.Bound, ...]]]
        pending = [(part.body, None, part.axes)]
        while pending:
            node, around, bound = pending.pop()
            yield Spot(module, name, part, node, around, bound)
            inside, more = _inside(node), bound
            if isinstance(node, t.Row):
                inside, more = inside[1:], (*bound, node.bound)
            elif isinstance(node, t.Reduce):
                more = (*bound, *node.bound)
            pending += [(child, node, more) for child in reversed(inside)]


def equations(definition: t.Definition) -> list[t.Equation]:
    """The equations of a flat definition."""
    parts = (definition.base, definition.step) if isinstance(definition, t.Recurrence) else ()
    return [part for part in parts or (definition,) if isinstance(part, t.Equation)]


def _inside(e: t.Expr) -> tuple[t.Expr, ...]:
    """The expressions directly inside one; of a def that is applied, its body too."""
    return (*e.arguments, e.body) if isinstance(e, t.Apply) else children(e)


def put(e: t.Expr, old: t.Expr, new: t.Expr) -> t.Expr:
    """The expression with one inside it replaced, be it in the body of a def."""
    if e is old:
        return new
    if isinstance(e, t.Apply) and (body := put(e.body, old, new)) != e.body:
        return replace(e, body=body, prelude=False)
    return rebuild(e, lambda child: put(child, old, new))


def rests_on(module: t.Module) -> set[str]:
    """The definitions of a flat module that its outputs rest on; of a group, all or none."""
    needed: set[str] = set()
    pending = list(module.outputs)
    while pending:
        name = pending.pop()
        if name in module.definitions and name not in needed:
            needed.add(name)
            pending += [*reads(module.definitions[name]), *_together(module, name)]
    return needed


def resting_on(module: t.Module, name: str) -> set[str]:
    """The definitions of a flat module that rest on one, and it; of a group, all or none."""
    affected = {name, *_together(module, name)}
    for other, definition in module.definitions.items():
        if other not in affected and not affected.isdisjoint(reads(definition)):
            affected |= {other, *_together(module, other)}
    return affected


def reads(definition: t.Definition) -> set[str]:
    """The tensors that a flat definition reads."""
    return {
        node.tensor
        for part in equations(definition)
        for node in nodes(part.body)
        if isinstance(node, t.Element)
    }


def _together(module: t.Module, name: str) -> set[str]:
    """What must be evaluated step by step with a definition."""
    groups = ({member.name for member in group.members} for group in module.groups)
    return {other for names in groups if name in names for other in names}
