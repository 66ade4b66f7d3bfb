"""Prints calls of other modules' functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import typed as t
from .emit_text import ATOM, Text
from .names import python_name
from .program import Argument, Call, Extend, Gather, Num, Read, Recall, Step, is_number

if TYPE_CHECKING:
    from .emit_expr import Printer


def call(p: Printer, node: Call) -> Text:
    """One output of a module, for each value of the indices `over`, which come first."""
    code = p.record or _invocation(p, node)
    if len(node.module.outputs) > 1:
        code = f"{code}.{python_name(node.output)}"
    for axis in reversed(node.over):
        code = f"torch.stack([{code} for {python_name(axis)} in range({p.size(axis)})])"
    return p.permute(Text(code, ATOM, (*node.over, *node.axes)))


def record(p: Printer, step: Step) -> list[str]:
    """The statement that calls a module with several outputs, before the first of them is
    taken; then they are fields of what it gives."""
    p.record = None
    node = step.body
    name, _, field = step.name.partition(".")
    if not field or not isinstance(node, Call) or node.over:
        return []
    lines = [] if name in p.records else [f"{python_name(name)} = {_invocation(p, node)}"]
    p.records.add(name)
    p.record = python_name(name)
    if step.at is None and not step.output:
        p.fields[step.name] = f"{p.record}.{python_name(field)}"
    return lines


def _invocation(p: Printer, node: Call) -> str:
    """The call itself: arguments by name, a single one by position, then params."""
    arguments = [f"{python_name(a.name)}={_argument(p, node, a)}" for a in node.arguments]
    if len(arguments) == 1 and len(node.module.inputs) == 1:
        arguments = [_argument(p, node, node.arguments[0])]
    arguments += [f"{python_name(name)}={p.print(value).code}" for name, value in node.settings]
    if holds_params(node.module):
        arguments.append(f"**ops.submodule(params, {_path(p, node)})")
    if node.slot is None:
        return f"{p.functions[node.module.qualified]}({', '.join(arguments)})"
    cache = f"cache.child({_slot(p, node.slot, [*_turn(p), *node.over])})"
    return f"{p.steps[node.module.qualified]}({', '.join([cache, *arguments])})[0]"


def extend(p: Printer, node: Extend) -> Text:
    """A tensor at all positions so far: kept ones, then new ones."""
    new = p.print(node.new)
    slot = _slot(p, node.name, [counter.name for counter in node.over])
    more = f", more={node.more}" if node.more else ""
    code = f"cache.extend({slot}, {new.code}, {node.position}{more})"
    return p.permute(Text(code, ATOM, node.axes))


def recall(p: Printer, node: Recall) -> Text:
    """The last element of a sequence that was kept, or its first."""
    first = p.broadcast(p.as_tensor(node.first), node.axes)
    return p.permute(Text(f"cache.state({node.name!r}, {first.code})", ATOM, node.axes))


def _turn(p: Printer) -> list[str]:
    """The index of the loop around."""
    return [] if p.loop is None else [p.program.loops[p.loop].index]


def _slot(p: Printer, name: str, counters: Sequence[str]) -> str:
    """The name under which a turn of a loop keeps what it needs again."""
    if not counters:
        return repr(name)
    places = "".join(f".{{{python_name(counter)}}}" for counter in counters)
    return f'f"{name}{places}"'


def _path(p: Printer, node: Call) -> str:
    """The name of the submodule in the state dict."""
    assert node.use is not None
    name = python_name(node.use)
    if node.instance is None:
        return repr(name)
    if isinstance(node.instance, Num):
        return repr(f"{name}.{node.instance.value}")
    place = p.print(node.instance)
    return f'f"{name}.{{{place.code if is_number(node.instance) else f"int({place.code})"}}}"'


def _argument(p: Printer, node: Call, argument: Argument) -> str:
    """A tensor in the dtype that the callee wants, along its axes."""
    takes = (node.module.inputs | node.module.randoms)[argument.name]  # type: ignore[operator]
    value = argument.value
    outer, record = p.widening, p.record
    is_tensor = isinstance(value, Read | Gather | Call)
    p.widening, p.record = not is_tensor, None
    text = p.broadcast(p.as_tensor(value), argument.axes) if argument.axes else p.print(value)
    p.widening, p.record = outer, record
    dtype = {"real": "dtype", "int": "torch.int64", "bool": "torch.bool"}[takes.type]
    if is_number(value) and not argument.axes:
        p.uses |= {dtype, "device"}
        return f"ops.number({text.code}, {dtype}, device)"
    is_wide = isinstance(value, Read | Gather) and value.name in p.wide
    if is_tensor and value.type == takes.type and not is_wide:
        return text.code
    p.uses.add(dtype)
    return f"{text.at(ATOM)}.to({dtype})"


def holds_params(module: t.Module) -> bool:
    """Whether a module or a submodule of it has params."""
    return bool(module.params) or any(holds_params(s.module) for s in module.submodules.values())
