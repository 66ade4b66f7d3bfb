"""`incremental t`: outputs at t must read nothing later than t.

A tensor's time axes are those with the range of t; a sequence along t has one element more.
An element of a definition may read elements up to the latest of its own time axes; then an
output, which has one time axis, depends on inputs up to its own time alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from . import typed as t
from .diagnostics import Log
from .ranges import Prover
from .reads import Read, reads_of
from .show import show
from .source import Span
from .stepwise import is_size, parts_of, stepwise, time_axes
from .substitute import unfolded
from .support import Support, support_of
from .walk import nodes


@dataclass(frozen=True, slots=True)
class _Finding:
    code: str
    span: Span
    message: str
    label: str = ""
    help: str = ""


def check_incremental(log: Log, module: t.Module, prover: Prover, place: Span) -> None:
    """Report why `module`, which is sound otherwise, is not incremental in its index."""
    assert module.incremental is not None
    index = module.indices.get(module.incremental)
    if index is None or not isinstance(index.range, t.SizeRef):
        log.add(
            "E822",
            place,
            f"`{module.incremental}` is no index that ranges over a plain size",
            help="`incremental t` needs `index t: T`",
        )
        return
    time = index.range.name
    if module.sizes[time].value is not None:
        log.add("E822", place, f"the range `{time}` of `{module.incremental}` is derived")
        return
    findings = (
        list(_form(module, time, place))
        or list(_late(module, time, prover, {}))
        or list(_impossible(module, time))
    )
    for f in findings:
        log.add(f.code, f.span, f.message, label=f.label, help=f.help)


# form


def _form(module: t.Module, time: str, place: Span) -> Iterator[_Finding]:
    """Where the size of time stands, and where it must not."""
    axes = {name: _bare(v.dims, time) for name, v in module.inputs.items()}
    if not any(axes.values()):
        yield _Finding(
            "E823",
            place,
            f"no input has an axis of size `{time}`",
            help="incremental evaluation feeds inputs one position at a time",
        )
    for name, positions in axes.items():
        if len(positions) > 1:
            yield _Finding(
                "E824",
                module.inputs[name].span,
                f"the input `{name}` has two axes of size `{time}`",
                help="an input has one time axis",
            )
    yield from _other_uses(module, time)
    for name in module.outputs:
        definition = module.definitions[name]
        if len(_bare(definition.dims, time)) != 1:
            yield _Finding(
                "E827",
                definition.span,
                f"the output `{name}` has no axis of size `{time}`"
                if not _bare(definition.dims, time)
                else f"the output `{name}` has two axes of size `{time}`",
                help="every output of an incremental module has one time axis",
            )


def _bare(dims: tuple[t.Expr, ...], time: str) -> list[int]:
    """The axes that have the size of time."""
    return [i for i, d in enumerate(dims) if is_size(d, time)]


def _other_uses(module: t.Module, time: str) -> Iterator[_Finding]:
    """The size of time in expressions, in params, and in axes that are not bare."""

    def finding(e: t.Expr, what: str) -> _Finding:
        return _Finding(
            "E825",
            e.span,
            f"the length `{time}` stands in {what}, and it is not known while time goes on",
            help="a position may be used, the number of positions may not",
        )

    for variable in [*module.inputs.values(), *module.params.values(), *module.randoms.values()]:
        for dim in variable.dims:
            is_axis = isinstance(dim, t.SizeRef) and variable.kind != "param"
            if _speaks_of(dim, time, module) and not (is_axis and dim.name == time):  # type: ignore[union-attr]
                what = "a param" if variable.kind == "param" else "an axis that is not time"
                yield finding(dim, what)
    for definition in module.definitions.values():
        for part in parts_of(definition):
            for axis in part.axes:
                bare = isinstance(axis.range, t.SizeRef) and axis.range.name == time
                if not bare and _speaks_of(axis.range, time, module):
                    yield finding(axis.range, "an axis that is not time")
            exprs = [part.body] if isinstance(part, t.Equation) else _scalars(part.body)
            for e in exprs:
                for node in nodes(e):
                    if isinstance(node, t.SizeRef) and _speaks_of(node, time, module):
                        yield finding(node, "an expression")


def _speaks_of(e: t.Expr, time: str, module: t.Module) -> bool:
    return any(isinstance(n, t.SizeRef) and n.name == time for n in nodes(unfolded(e, module)))


def _scalars(whole: t.View | t.Output) -> list[t.Expr]:
    """The scalar expressions in a whole tensor."""
    if isinstance(whole, t.View):
        return list(whole.subscripts)
    found: list[t.Expr] = [] if whole.call.instance is None else [whole.call.instance]
    for argument in whole.call.arguments.values():
        found += _scalars(argument) if isinstance(argument, t.View | t.Output) else [argument]
    return found


def _impossible(module: t.Module, time: str) -> Iterator[_Finding]:
    """What cannot be kept from one step in time to the next, though the module is causal."""
    for obstacle in stepwise(module, time)[1]:
        yield _Finding("E828", obstacle.span, obstacle.message, obstacle.label)


# causality


_Inner = dict[tuple[str, str], list[_Finding]]
"""What was found of callees, by qualified name and the name of the size of time."""


def _late(module: t.Module, time: str, prover: Prover, inner: _Inner) -> Iterator[_Finding]:
    """Reads that may go to a later time than that of the element being defined."""
    supports: dict[str, tuple[tuple[str, ...], Support]] = {}
    for name, definition in module.definitions.items():
        supports[name] = support_of(definition, supports)
    wrong: set[str] = set()
    for name, definition in module.definitions.items():
        findings: list[_Finding] = []
        for part in parts_of(definition):
            now = [a.name for a in part.axes if _bare((a.range,), time)]
            for read in reads_of(part, supports):
                if read.tensor in wrong and read.tensor != name:
                    wrong.add(name)  # for the same reason
                for place, extra in time_axes(module, read.tensor, time):
                    if place < len(read.subscripts):
                        findings += _late_read(prover, read, place, extra, now)
            if isinstance(part, t.WholeEquation):
                findings += _late_calls(part.body, time, inner)
        if findings and name not in wrong:
            wrong.add(name)
            yield from findings


def _late_read(
    prover: Prover, read: Read, place: int, extra: int, now: list[str]
) -> Iterator[_Finding]:
    at = read.subscripts[place]
    indices = [t.IndexRef(at.span, n) for n in now if n not in read.hidden]
    pairs: list[tuple[t.Expr, t.Expr]] = [(at, index) for index in indices]
    if pairs and prover.any_at_most(pairs, read.given, gap=-extra):
        return
    if not indices:
        yield _Finding(
            "E826",
            at.span,
            f"`{read.tensor}` is read at a later time than that of the element defined",
            label="the left side has no time axis, so this must not depend on time",
        )
        return
    bound = f"{indices[0].name} + 1" if extra else indices[0].name
    yield _Finding(
        "E826",
        at.span,
        f"`{read.tensor}` may be read at a later time than `{indices[0].name}`",
        label=f"not provably <= {bound}",
        help=f"restrict it: `[… if {show(at)} <= {bound}]`, or leave out `incremental`",
    )


def _late_calls(whole: t.View | t.Output, time: str, inner: _Inner) -> Iterator[_Finding]:
    """Calls of modules that are not causal themselves."""
    if isinstance(whole, t.View):
        return
    call = whole.call
    for argument in call.arguments.values():
        if isinstance(argument, t.View | t.Output):
            yield from _late_calls(argument, time, inner)
    bare = [n for n, e in call.sizes.items() if isinstance(e, t.SizeRef) and e.name == time]
    other = [
        n
        for n, e in call.sizes.items()
        if n not in bare and any(isinstance(x, t.SizeRef) and x.name == time for x in nodes(e))
    ]
    if len(bare) + len(other) == 0:
        return
    callee = call.module
    if other or len(bare) > 1:
        names = " and ".join(f"`{n}`" for n in [*bare, *other])
        yield _Finding(
            "E826",
            whole.span,
            f"the length `{time}` becomes {names} of `{callee.name}`",
            help="it must be the one time axis there",
        )
        return
    key = (callee.qualified, bare[0])
    if key not in inner:
        form = list(_form(callee, bare[0], whole.span))
        inner[key] = form or list(_late(callee, bare[0], prover_of(callee), inner))
    if inner[key]:
        first = inner[key][0]
        where = f"{first.span.source.path}:{first.span.line}"
        yield _Finding(
            "E826",
            whole.span,
            f"`{callee.name}` may read later times: {first.message}",
            label=f"see {where}",
        )


def prover_of(module: t.Module) -> Prover:
    """What a typed module says of its integers, short of the ranges of its equations."""
    return Prover({n: size.value for n, size in module.sizes.items()}, list(module.requires))
