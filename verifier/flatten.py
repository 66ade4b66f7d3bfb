"""A module without calls: what it calls, written out in its own terms.

    Module = definitions with calls and whole tensors -> Module = scalar definitions alone

A call of `f` in the equation of `y` becomes the definitions of `f` under the names `y.1.…`,
with the axes of that equation (the step index of a recurrence among them) in front of their
own. The params of a submodule `attn` become params `attn.W`; those of a stack `block[L]`,
`block.W` with a leading axis of length L.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from typing import Any, TypeVar, assert_never

from ..compiler import typed as t

Part = t.Equation | t.WholeEquation
Node = TypeVar("Node")

ATOMS = (t.Number, t.Truth, t.Constant, t.IndexRef, t.SizeRef, t.ConstRef, t.Element)
"""Arguments that may be read many times at no cost."""


def flatten(module: t.Module) -> t.Module:
    """The same function, all of its definitions Equations and Recurrences of Equations.

    Whole equations have all their axes written out. `groups` nest: one whose members are among
    those of another belongs into its steps. Members of a group that are not indexed by its step
    index belong to the bases of its sequences. `requires` holds those of all that is called,
    and that the sizes there are at least 1. `submodules` stay, for the names of their params.
    """
    return _flat(module, {})


def _flat(module: t.Module, known: dict[t.Module, t.Module]) -> t.Module:
    if module not in known:
        known[module] = _Flattening(module, known).result()
    return known[module]


class _Flattening:
    """The flat definitions of one module, as they come."""

    def __init__(self, module: t.Module, known: dict[t.Module, t.Module]) -> None:
        self.module, self.known = module, known
        self.definitions: dict[str, t.Definition] = {}
        self.groups: list[t.Group] = []
        self.requires = list(module.requires)
        self.calls: list[tuple[t.ModuleCall, str]] = []

    def result(self) -> t.Module:
        made: dict[str, list[str]] = {}
        for name, definition in self.module.definitions.items():
            before = len(self.definitions)
            self.definitions[name] = self.flat(definition)
            made[name] = list(self.definitions)[before:]
        for group in self.module.groups:
            names = [name for member in group.members for name in made[member.name]]
            members = tuple(self.definitions[name] for name in names)
            self.groups.append(replace(group, members=members))
        return replace(
            self.module,
            params={**self.module.params, **self.params()},
            requires=tuple(self.requires),
            definitions=self.definitions,
            groups=tuple(self.groups),
        )

    def flat(self, definition: t.Definition) -> t.Definition:
        match definition:
            case t.Equation() | t.WholeEquation():
                return self.equation(definition)
            case t.Recurrence():
                index = definition.step.axes[definition.position].name
                base = self.equation(_without_axis(definition.base, index))
                return replace(definition, base=base, step=self.equation(definition.step))
            case _:
                assert_never(definition)

    def equation(self, e: Part) -> t.Equation:
        """The equation with all axes written out, after those of what it calls."""
        if isinstance(e, t.Equation):
            return e
        source = self.view(e.body, e)
        inner = tuple(t.Bound(e.span, f"#{i}", dim) for i, dim in enumerate(e.body.dims))
        subscripts = source.subscripts + _references(inner)
        body = t.Element(e.span, source.tensor, subscripts, source.type)
        return t.Equation(e.span, e.name, e.axes + inner, body, e.output)

    def view(self, whole: t.Whole, e: t.WholeEquation) -> t.View:
        """A whole tensor in the equation `e` as part of a named one."""
        match whole:
            case t.View():
                return whole
            case t.Output():
                name = self.call(whole.call, e) + whole.name
                return t.View(whole.span, name, _references(e.axes), whole.dims, whole.type)
            case _:
                assert_never(whole)

    def call(self, call: t.ModuleCall, e: t.WholeEquation) -> str:
        """Write out a call in the equation `e`, once for all its outputs; what its names begin
        with."""
        for known, prefix in self.calls:
            if known is call:
                return prefix
        callee = _flat(call.module, self.known)
        wholes = {
            name: self.view(argument, e)
            for name, argument in call.arguments.items()
            if isinstance(argument, t.View | t.Output)
        }
        prefix = f"{e.name}.{len(self.calls) + 1}."
        self.calls.append((call, prefix))
        terms = _Terms(callee, call.sizes, call.consts, prefix, e.axes)
        for name, argument in call.arguments.items():
            if not isinstance(argument, t.View | t.Output):
                terms.tensors[name] = self.scalar(argument, prefix + name, e.axes)
        instance = () if call.instance is None else (call.instance,)
        for name, param in callee.params.items():
            wholes[name] = t.View(param.span, f"{call.use}.{name}", instance, (), "real")
        terms.tensors.update(wholes)
        for name, variable in callee.inputs.items():
            if name not in call.arguments and variable.default is not None:
                terms.tensors[name] = terms.expr(variable.default)
        for definition in callee.definitions.values():
            self.definitions[prefix + definition.name] = terms.definition(definition)
        for group in callee.groups:
            members = tuple(self.definitions[prefix + member.name] for member in group.members)
            self.groups.append(t.Group(prefix + group.index, group.descending, members))
        sizes = [*call.sizes.values(), *map(terms.size, callee.sizes)]
        self.requires += map(terms.expr, callee.requires)
        self.requires += [_at_least_one(x) for x in sizes if not isinstance(x, t.SizeRef)]
        return prefix

    def scalar(self, e: t.Expr, name: str, axes: tuple[t.Bound, ...]) -> t.View | t.Expr:
        """A scalar argument: a definition of its own, unless it is cheap to read."""
        if isinstance(e, ATOMS):
            return e
        self.definitions[name] = t.Equation(e.span, name, axes, e, False)
        return t.View(e.span, name, _references(axes), (), e.type)

    def params(self) -> dict[str, t.Variable]:
        """The params of the submodules."""
        params: dict[str, t.Variable] = {}
        for use, submodule in self.module.submodules.items():
            callee = _flat(submodule.module, self.known)
            terms = _Terms(callee, submodule.sizes, submodule.consts)
            count = () if submodule.count is None else (submodule.count,)
            for name, param in callee.params.items():
                params[f"{use}.{name}"] = replace(
                    param,
                    name=f"{use}.{name}",
                    dims=count + tuple(map(terms.expr, param.dims)),
                    initial=param.initial and terms.rebuilt(param.initial),
                )
        return params


@dataclass(frozen=True, slots=True)
class _Terms:
    """What the names of a flat callee are where it is called: sizes and consts are expressions,
    inputs and params parts of tensors or expressions. Its definitions and indices get `prefix`,
    and its definitions the axes of the calling equation."""

    callee: t.Module
    sizes: Mapping[str, t.Expr]
    consts: Mapping[str, t.Expr]
    prefix: str = ""
    axes: tuple[t.Bound, ...] = ()
    tensors: dict[str, t.View | t.Expr] = field(default_factory=dict)

    def definition(self, definition: t.Definition) -> t.Definition:
        match definition:
            case t.Equation():
                return self.equation(definition)
            case t.Recurrence(base=t.Equation() as base, step=t.Equation() as step):
                return replace(
                    definition,
                    name=self.prefix + definition.name,
                    position=len(self.axes) + definition.position,
                    base=self.equation(base),
                    step=self.equation(step),
                    dims=tuple(a.range for a in self.axes) + self.exprs(definition.dims),
                    output=False,
                )
            case _:
                raise AssertionError(f"{definition.name} is not flat")

    def equation(self, e: t.Equation) -> t.Equation:
        axes = self.axes + tuple(map(self.bound, e.axes))
        return t.Equation(e.span, self.prefix + e.name, axes, self.expr(e.body), False)

    def bound(self, bound: t.Bound) -> t.Bound:
        return t.Bound(bound.span, self.prefix + bound.name, self.expr(bound.range))

    def exprs(self, es: tuple[t.Expr, ...]) -> tuple[t.Expr, ...]:
        return tuple(map(self.expr, es))

    def expr(self, e: t.Expr) -> t.Expr:
        match e:
            case t.SizeRef():
                return self.size(e.name)
            case t.ConstRef():
                return _of_type(self.const(e.name), "real")
            case t.IndexRef():
                return replace(e, name=self.prefix + e.name)
            case t.Element():
                return self.element(e)
            case _:
                return self.rebuilt(e)

    def rebuilt(self, node: Node) -> Node:
        return _rebuilt(node, self.expr, self.bound)

    def size(self, name: str) -> t.Expr:
        value = self.callee.sizes[name].value
        return self.sizes[name] if value is None else self.expr(value)

    def const(self, name: str) -> t.Expr:
        given = self.consts.get(name, self.callee.consts[name].default)
        assert given is not None
        return given

    def element(self, e: t.Element) -> t.Expr:
        subscripts = self.exprs(e.subscripts)
        source = self.tensors.get(e.tensor)
        if source is None:
            name, leading = self.prefix + e.tensor, _references(self.axes)
            return replace(e, tensor=name, subscripts=leading + subscripts)
        if isinstance(source, t.View):
            subscripts = source.subscripts + subscripts
            source = t.Element(e.span, source.tensor, subscripts, source.type)
        return _of_type(source, e.type)


def _references(bounds: tuple[t.Bound, ...]) -> tuple[t.Expr, ...]:
    return tuple(t.IndexRef(bound.span, bound.name) for bound in bounds)


def _of_type(e: t.Expr, type: t.Type) -> t.Expr:
    """An integer where a real is declared counts as a real from there on."""
    return e if e.type == type else t.Add(e.span, ((1, e),), type)


def _at_least_one(size: t.Expr) -> t.Expr:
    return t.Compare(size.span, ">=", size, t.Number(size.span, Fraction(1), "int"))


def _without_axis(base: Part, index: str) -> Part:
    """The base of a sequence, whose axes must not be taken for the step index: they stand in
    front of what it calls."""
    if isinstance(base, t.Equation) or all(axis.name != index for axis in base.axes):
        return base

    def name(of: str) -> str:
        return f"{index}'" if of == index else of

    def expr(e: t.Expr) -> t.Expr:
        if isinstance(e, t.IndexRef):
            return replace(e, name=name(e.name))
        return _rebuilt(e, expr, bound)

    def bound(axis: t.Bound) -> t.Bound:
        return replace(axis, name=name(axis.name))

    return _rebuilt(base, expr, bound)


def _rebuilt(
    node: Node, expr: Callable[[t.Expr], t.Expr], bound: Callable[[t.Bound], t.Bound]
) -> Node:
    """A node with the nearest expressions and bound indices inside it changed."""

    def inside(x: Any) -> Any:
        match x:
            case tuple():
                return tuple(map(inside, x))
            case Mapping():
                return {key: inside(value) for key, value in x.items()}
            case t.Bound():
                return bound(x)
            case t.View() | t.Output() | t.ModuleCall():
                return _rebuilt(x, expr, bound)
            case _:
                return expr(x) if isinstance(x, t.Expr) else x

    dataclass: Any = node
    changed: Node = replace(
        dataclass, **{f.name: inside(getattr(node, f.name)) for f in fields(dataclass)}
    )
    return changed
