"""Equations that feed one another: recurrences, and what stands between their steps.

The members of a cycle are evaluated step by step. Within a step they may read one another
acyclically; every other read among them must provably go to an earlier step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from . import check_equations as equations
from . import syntax as s
from . import typed as t
from .check_equations import Defined, Plan
from .check_scope import Scope, Tensor, in_words
from .diagnostics import Log, Poisoned
from .infer_bounds import bounds_of
from .ranges import mentions
from .reads import Read, reads_of
from .show import show_dims
from .walk import syntax_nodes

Part = t.Equation | t.WholeEquation


def check_cycle(
    scope: Scope, members: Sequence[Plan], reads: dict[str, list[str]], defined: Defined
) -> None:
    """Check equations each of which reads, through others, itself; or a single sequence."""
    names = {m.name for m in members}
    sequences = [m for m in members if m.base is not None]
    plain = [m for m in members if m.base is None]
    for member in members:
        equations.enter_broken(scope, member, _left_dims(member))
    circular = _circle([m.name for m in plain], reads)
    if not all(m.sound for m in members):
        _check_bodies(scope, members)
        return
    if circular:
        _report_circle(scope, members, circular)
        _check_bodies(scope, members)
        return
    is_alone = len(members) == 1 and members[0].name not in reads[members[0].name]
    if not is_alone and not _one_direction(scope, sequences, plain):
        _check_bodies(scope, members)
        return
    try:
        bases = _bases(scope, sequences, names, reads)
    except Poisoned:
        _check_bodies(scope, members, steps_only=True)
        return
    ordered = _plain_order(plain, reads)
    _rehearse(scope, sequences, ordered, bases)
    try:
        parts = _check_parts(scope, sequences, ordered)
    except Poisoned:
        for member in members:
            equations.enter_broken(scope, member, _left_dims(member))
        return
    try:
        made = {m.name: _sequence(scope, m, bases[m.name], parts[m.name][0]) for m in sequences}
    except Poisoned:
        return
    if is_alone:
        defined.definitions.update(made)
        return
    order = _phases(scope, members, parts, bases)
    if order is None:
        return
    everything: list[t.Definition] = []
    for name in order:
        everything += [made[name]] if name in made else parts[name]
    defined.definitions.update({d.name: d for d in everything})
    index = sequences[0].index
    defined.groups.append(t.Group(index, sequences[0].descending, tuple(everything)))


def _left_dims(plan: Plan) -> tuple[t.Expr, ...] | None:
    """The shape of a sequence as its left side tells it."""
    if plan.base is None or not plan.sound:
        return None
    return tuple(
        _one_more(axis) if place == plan.position else axis.range
        for place, axis in enumerate(plan.axes.values())
    )


def _one_more(index: t.Bound) -> t.Expr:
    one = t.Number(index.span, Fraction(1), "int")
    return t.Add(index.span, ((1, index.range), (1, one)), "int")


def _check_bodies(scope: Scope, members: Iterable[Plan], steps_only: bool = False) -> None:
    """Report what else is wrong in equations that cannot be put in order."""
    for member in members:
        for equation in member.equations:
            axes = member.base_axes if equation is member.base else member.axes
            if steps_only and equation is member.base:
                continue
            try:
                ctx = equations.context(scope, axes)
                equations.check_right(scope, member.name, equation, axes, ctx)
            except Poisoned:
                pass


# circles


def _circle(names: Sequence[str], reads: dict[str, list[str]]) -> list[str]:
    """Names that read one another in a circle, without passing through others; or none."""
    among = set(names)
    done: set[str] = set()
    for start in names:
        path: list[str] = []
        stack = [(start, 0)]
        while stack:
            name, at = stack.pop()
            if at == 0:
                if name in path:
                    return path[path.index(name) :]
                if name in done:
                    continue
                path.append(name)
            following = [n for n in reads[name] if n in among]
            if at < len(following):
                stack += [(name, at + 1), (following[at], 0)]
            else:
                path.pop()
                done.add(name)
    return []


def _report_circle(scope: Scope, members: Sequence[Plan], circle: Sequence[str]) -> None:
    first = next(m for m in members if m.name in circle)
    start = list(circle).index(first.name)
    way = [*circle[start:], *circle[:start], first.name]
    scope.log.add(
        "E601",
        first.equation.name.span,
        f"`{first.name}` depends on itself: {' -> '.join(way)}",
        help="a sequence has a base `x[0] = …` and a step `x[i+1] = …`",
    )


def _one_direction(scope: Scope, sequences: Sequence[Plan], plain: Sequence[Plan]) -> bool:
    first = sequences[0]
    for other in sequences[1:]:
        if other.descending != first.descending or other.index != first.index:
            scope.log.add(
                "E613",
                other.equation.name.span,
                f"`{first.name}` and `{other.name}` feed one another and do not step together",
                help=f"let both step along `{first.index}`"
                if other.descending == first.descending
                else "one runs up and the other down",
            )
            return False
    for other in plain:
        if first.index not in other.axes:
            scope.log.add(
                "E613",
                other.equation.name.span,
                f"`{other.name}` stands between the steps of `{first.name}` and is not indexed "
                f"by its step index",
                help=f"put `{first.index}` among its subscripts",
            )
            return False
    return True


# bases, types, ranges


def _bases(
    scope: Scope, sequences: Sequence[Plan], names: set[str], reads: dict[str, list[str]]
) -> dict[str, Part]:
    """The typed bases, which may read elements 0 of one another."""
    bases: dict[str, Part] = {}
    pending = list(sequences)
    needs = {
        m.name: {
            n.name
            for n in (syntax_nodes(m.base.right) if m.base else ())
            if isinstance(n, s.Name) and n.name in names
        }
        for m in sequences
    }
    poisoned = False
    while pending:
        ready = [m for m in pending if needs[m.name] <= set(bases)]
        if not ready:
            circle = _circle([m.name for m in pending], {k: sorted(v) for k, v in needs.items()})
            if circle:
                _report_circle(scope, pending, circle)
                raise Poisoned
            member = pending[0]
            assert member.base is not None
            scope.fail(
                "E612",
                member.base.right.span,
                f"the base of `{member.name}` reads "
                f"{in_words(sorted(needs[member.name] - {m.name for m in sequences}))}, "
                "which comes after it",
            )
        for member in ready:
            pending.remove(member)
            assert member.base is not None
            ctx = equations.context(scope, member.base_axes)
            try:
                parts = equations.check_right(
                    scope, member.name, member.base, member.base_axes, ctx
                )
                bases[member.name] = _single(scope, member, parts)
            except Poisoned:
                poisoned = True
                needs = {k: v - {member.name} for k, v in needs.items()}
                continue
            _enter_sequence(scope, member, bases[member.name], bases[member.name].type)
    if poisoned:
        raise Poisoned
    return bases


def _single(scope: Scope, member: Plan, parts: Sequence[Part]) -> Part:
    if len(parts) != 1 or parts[0].name != member.name:
        scope.records.pop(member.name, None)
        scope.fail(
            "E716",
            member.equation.right.span,
            "a sequence has one tensor, and this is a record of several",
        )
    return parts[0]


def _enter_sequence(scope: Scope, plan: Plan, base: Part, kind: t.Type) -> None:
    dims = list(base.dims)
    dims.insert(plan.position, _one_more(plan.axes[plan.index]))
    scope.records.pop(plan.name, None)
    scope.tensors[plan.name] = Tensor(plan.name, "equation", tuple(dims), kind)


def _plain_order(plain: Sequence[Plan], reads: dict[str, list[str]]) -> list[Plan]:
    """Plain equations, those first that others among them read."""
    ordered: list[Plan] = []
    pending = list(plain)
    while pending:
        waiting = {m.name for m in pending}
        member = next(m for m in pending if not waiting & (set(reads[m.name]) - {m.name}))
        pending.remove(member)
        ordered.append(member)
    return ordered


def _rehearse(
    scope: Scope, sequences: Sequence[Plan], plain: Sequence[Plan], bases: dict[str, Part]
) -> None:
    """Find the types of the members, and the ranges of those that are integers, without
    reporting anything: what they are rests on one another."""
    log, taken = scope.log, set(scope.taken)
    kinds: dict[str, t.Type] = {m.name: bases[m.name].type for m in sequences}
    scope.log, scope.trusting = Log(), True
    parts: dict[str, list[Part]] = {}
    for _ in range(len(sequences) + 1):
        scope.taken = set(taken)
        try:
            parts = _check_parts(scope, sequences, plain)
        except Poisoned:
            break
        changed = False
        for member in sequences:
            if kinds[member.name] == "int" and parts[member.name][0].type == "real":
                kinds[member.name] = "real"
                _enter_sequence(scope, member, bases[member.name], "real")
                changed = True
        if not changed:
            _learn(scope, sequences, plain, bases, parts)
            break
    scope.log, scope.trusting, scope.taken = log, False, taken


def _learn(
    scope: Scope,
    sequences: Sequence[Plan],
    plain: Sequence[Plan],
    bases: dict[str, Part],
    parts: dict[str, list[Part]],
) -> None:
    for member in [*plain, *sequences, *plain]:
        for part in parts[member.name]:
            if member.base is None:
                equations.learn_bounds(scope, part)
                continue
            both = [e for e in (bases[member.name], part) if isinstance(e, t.Equation)]
            if len(both) == 2 and part.type == "int":
                bounds = bounds_of(scope.prover, both, member.name)
                scope.prover.bounds[member.name] = bounds


def _check_parts(
    scope: Scope, sequences: Sequence[Plan], plain: Sequence[Plan]
) -> dict[str, list[Part]]:
    """The typed steps and plain equations; all are looked at before Poisoned is raised."""
    parts: dict[str, list[Part]] = {}
    poisoned = False
    for member in [*plain, *sequences]:
        ctx = equations.context(scope, member.axes)
        try:
            typed = equations.check_right(scope, member.name, member.equation, member.axes, ctx)
            if member.base is not None:
                typed = [_single(scope, member, typed)]
        except Poisoned:
            poisoned = True
            continue
        parts[member.name] = typed
        if member.base is None:
            for part in typed:
                equations.enter(scope, part, part.dims)
                if part.name == member.name:
                    scope.records.pop(member.name, None)
    if poisoned:
        raise Poisoned
    return parts


def _sequence(scope: Scope, plan: Plan, base: Part, step: Part) -> t.Recurrence:
    dims = scope.tensors[plan.name].dims
    assert dims is not None and plan.base is not None
    inner = [d for i, d in enumerate(step.dims) if i != plan.position]
    same = len(inner) == len(base.dims)
    if not (same and all(map(scope.prover.equal, inner, base.dims))):
        scope.fail(
            "E306",
            plan.equation.span,
            f"the base and the step of `{plan.name}` have different shapes",
            label=f"{show_dims(inner)} here, {show_dims(base.dims)} in the base",
        )
    if (base.type == "bool") != (step.type == "bool"):
        scope.fail(
            "E405",
            plan.equation.right.span,
            f"the base of `{plan.name}` is {'a boolean' if base.type == 'bool' else 'a number'}, "
            "and its step is not",
        )
    return t.Recurrence(
        base.span,
        plan.name,
        plan.position,
        plan.descending,
        base,
        step,
        dims,
        plan.equation.output,
    )


# steps


def _phases(
    scope: Scope,
    members: Sequence[Plan],
    parts: dict[str, list[Part]],
    bases: dict[str, Part],
) -> list[str] | None:
    """An order of evaluation within a step; None, and an error, where there is none."""
    plans = {m.name: m for m in members}
    lead = next(m for m in members if m.base is not None)
    same_step: dict[str, list[str]] = {name: [] for name in plans}
    sound = True
    for name, plan in plans.items():
        for part in parts[name]:
            for read in reads_of(part):
                other = plans.get(read.tensor.split(".")[0])
                if other is None:
                    continue
                try:
                    if _is_same_step(scope, plan, other, read, lead):
                        same_step[name].append(other.name)
                except Poisoned:
                    sound = False
        if name in bases:
            for read in reads_of(bases[name]):
                if read.tensor in plans:
                    same_step[name].append(read.tensor)
                    sound &= _reads_base(scope, plan, plans[read.tensor], read)
    if not sound:
        return None
    circle = _circle(list(plans), same_step)
    if circle:
        _report_circle(scope, members, circle)
        return None
    order: list[str] = []
    while len(order) < len(plans):
        order.append(next(n for n in plans if n not in order and set(same_step[n]) <= set(order)))
    return order


def _is_same_step(scope: Scope, plan: Plan, other: Plan, read: Read, lead: Plan) -> bool:
    """Whether a read may go to the step being computed; if not, it goes to an earlier one.
    An error where it may go to a later one. `lead` is one of the sequences."""
    is_down = lead.descending
    position = other.position if other.base is not None else list(other.axes).index(lead.index)
    now = t.IndexRef(read.span, lead.index)
    if position < len(read.subscripts):
        at = read.subscripts[position]
        first, last = (now, at) if is_down else (at, now)
        # elements at index i of a sequence running up are made in step i - 1, others in step i
        late = 0 if other.base is not None and not is_down else 1
        if not (lead.index in read.hidden and mentions(at, lead.index)):
            if scope.prover.at_most(first, last, read.given, gap=late):
                return False
            if scope.prover.at_most(first, last, read.given, gap=late - 1):
                return True
        span = at.span
        label = f"not provably {'>=' if is_down else '<='} `{lead.index}`, the step"
    else:
        span, label = read.span, "this reads all steps"
    scope.fail(
        "E612",
        span,
        f"`{plan.name}` reads `{other.name}` at a step that may not have been computed",
        label=label,
        help=f"every cycle must pass to a {'greater' if is_down else 'smaller'} step",
    )


def _reads_base(scope: Scope, plan: Plan, other: Plan, read: Read) -> bool:
    """Whether a base reads another sequence of the cycle at its base; an error if not."""
    assert plan.base is not None
    start = t.Number(read.span, Fraction(0), "int")
    if len(read.subscripts) > other.position:
        at = read.subscripts[other.position]
        wanted = other.axes[other.index].range if other.descending else start
        if scope.prover.equal(at, wanted, read.given):
            return True
    scope.log.add(
        "E612",
        read.span,
        f"the base of `{plan.name}` reads `{other.name}` at a step that comes after it",
    )
    return False
