"""One equation: its right side under its left side, and what others then know of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from . import syntax as s
from . import typed as t
from .check_calls import is_module_call, outputs, whole_bounds
from .check_functions import BUILTINS, MAX_NODES, expanded
from .check_scope import Context, Scope, Tensor
from .check_wholes import right_side
from .infer_bounds import bounds_of
from .ranges import Given


@dataclass(frozen=True, slots=True)
class Plan:
    """What the left sides of one name say. `axes` are those of `equation` (of the step, for a
    sequence) by the name in the text; `base` is None for a plain equation. `sound` is False
    where a left side is wrong."""

    name: str
    equation: s.Equation
    axes: dict[str, t.Bound]
    sound: bool = True
    base: s.Equation | None = None
    base_axes: dict[str, t.Bound] = field(default_factory=dict)
    position: int = 0
    index: str = ""
    descending: bool = False

    @property
    def equations(self) -> tuple[s.Equation, ...]:
        return (self.equation,) if self.base is None else (self.base, self.equation)


@dataclass(slots=True)
class Defined:
    """The typed definitions of a module, in an order of evaluation."""

    definitions: dict[str, t.Definition] = field(default_factory=dict)
    groups: list[t.Group] = field(default_factory=list)


def context(scope: Scope, axes: dict[str, t.Bound]) -> Context:
    """Where the right side of an equation with these axes stands."""
    return Context(given=Given({})).binding(axes)


def check_right(
    scope: Scope, name: str, e: s.Equation, axes: dict[str, t.Bound], ctx: Context
) -> list[t.Equation | t.WholeEquation]:
    """The typed equation; for a record, one for each of its outputs."""
    size = expanded(e.right, scope.world)
    if size is None:
        scope.fail(
            "E010",
            e.right.span,
            f"the equation is too large once the defs in it are written out, over {MAX_NODES} "
            "operations",
            help="name a part of it in an equation of its own",
        )
    right = right_side(scope, e.right, ctx)
    bounds = tuple(axes.values())
    match right:
        case t.ModuleCall():
            if e.output:
                scope.fail(
                    "E716",
                    e.right.span,
                    f"`{right.module.name}` has several outputs, and one tensor is expected",
                    help=f"take one: `….{right.module.outputs[0]}`",
                )
            scope.records[name] = right
            return [
                t.WholeEquation(e.span, f"{name}.{field}", bounds, output, False)
                for field, output in outputs(scope, right, e.right.span).items()
            ]
        case t.View() | t.Output():
            return [t.WholeEquation(e.span, name, bounds, right, e.output)]
        case _:
            return [t.Equation(e.span, name, bounds, right, e.output)]


def enter(scope: Scope, definition: t.Definition, dims: tuple[t.Expr, ...]) -> None:
    name = definition.name
    scope.tensors[name] = Tensor(name, "equation", dims, definition.type)


def _may_be_whole(scope: Scope, e: s.Expr) -> bool:
    """Whether a right side may be the result of a module, known or not."""
    call = e.base if isinstance(e, s.Field) else e
    if not isinstance(call, s.Call):
        return False
    name = call.callee.name if isinstance(call.callee, s.Name) else ""
    return is_module_call(scope, e) or name not in {*BUILTINS, *scope.world.functions}


def enter_broken(scope: Scope, plan: Plan, sequence: tuple[t.Expr, ...] | None = None) -> None:
    """Make a wrong equation known, with its shape where its left side tells it."""
    call_like = any(_may_be_whole(scope, e.right) for e in plan.equations)
    dims = sequence or tuple(axis.range for axis in plan.axes.values())
    known = plan.sound and not call_like
    scope.tensors[plan.name] = Tensor(plan.name, "equation", dims if known else None, None)
    if call_like:
        scope.records.setdefault(plan.name, None)


def learn_bounds(scope: Scope, definition: t.Equation | t.WholeEquation) -> None:
    """Tell the prover what the equation says of its integers."""
    if definition.type != "int":
        return
    if isinstance(definition, t.Equation):
        bounds = bounds_of(scope.prover, [definition])
    else:
        inner = whole_bounds(scope, definition.body)
        axes = tuple(a.name for a in definition.axes) + inner.axes
        bounds = replace(inner, axes=axes)
    scope.prover.bounds[definition.name] = bounds
