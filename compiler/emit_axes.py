"""Prints what works along axes: gathers, reducers, row operators, contractions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from .emit_text import ATOM, BIT_AND, BIT_OR, FILL, UNARY, Text
from .program import (
    Argument,
    Contract,
    Fused,
    Gather,
    Iota,
    Map,
    Node,
    Num,
    Product,
    Read,
    Reduce,
    Row,
    Slice,
    Sum,
    axes_of,
    is_number,
)

if TYPE_CHECKING:
    from .emit_expr import Printer


def gather(p: Printer, node: Gather, *, sorted: bool = True) -> Text:
    """The tensor subscripted; its axes in the order of the step where `sorted`. A place that is
    a tensor without axes is made an axis of one: subscripts would read its value."""
    node, tensor = _slice_of_sequence(p, node)
    computed = [i for i, s in enumerate(node.subscripts) if not isinstance(s, Slice)]
    numbers = [i for i in computed if is_number(_place(p, node, i))]
    moving = [i for i in computed if i not in numbers]
    if len(moving) > 1:
        return _gather_everywhere(p, node, tensor)
    subscripts, axes = [], list[str]()
    single: int | None = None
    for i, sub in enumerate(node.subscripts):
        if isinstance(sub, Slice):
            subscripts.append(_slice(p, sub, node.dims[i]))
            axes.append(sub.axis)
        else:
            place = _index(p, node, i)
            axes += place.axes
            if not place.axes and i in moving:
                single = len(axes)
                place = Text(f"{place.at(ATOM)}[None]", ATOM)
            subscripts.append(place.code)
    while subscripts and subscripts[-1] == ":":
        subscripts.pop()
    code = f"{tensor}[{', '.join(subscripts)}]" if subscripts else tensor
    if single is not None:
        code += f".squeeze({single})"
    text = Text(code, ATOM, tuple(axes))
    return p.permute(text) if sorted else text


def _slice_of_sequence(p: Printer, node: Gather) -> tuple[Gather, str]:
    """The tensor's name; a slice of a sequence, without that axis, where its place is a
    number."""
    sequence = p.program.sequences.get(node.name)
    if sequence is not None:
        at = node.subscripts[sequence.position]
        if not isinstance(at, Slice) and is_number(at):
            place = _index(p, node, sequence.position).code
            slices = f"{p.slices(node.name)}[{place}]"
            code = f"ops.widen({slices})" if p.widening and node.type == "real" else slices
            i = sequence.position
            kept = replace(
                node,
                subscripts=node.subscripts[:i] + node.subscripts[i + 1 :],
                dims=node.dims[:i] + node.dims[i + 1 :],
            )
            return kept, code
    return node, p.read(Read(node.name, (), node.type)).code


def _gather_everywhere(p: Printer, node: Gather, tensor: str) -> Text:
    """Every subscript as an index tensor, broadcast against one another."""
    places = []
    for i, sub in enumerate(node.subscripts):
        if isinstance(sub, Slice):
            step = Num(Fraction(sub.step), "int")
            along = Product((("*", step), ("*", Iota(sub.axis))), "int")
            if sub.step == 1:
                places.append(p.print(Sum(((1, Iota(sub.axis)), (1, sub.start)), "int")))
            else:
                places.append(p.print(Sum(((1, along), (1, sub.start)), "int")))
            if sub.step == 1 and sub.start == Num(Fraction(0), "int"):
                places[-1] = p.print(Iota(sub.axis))
        else:
            places.append(_index(p, node, i))
    axes = p.sort({axis for place in places for axis in place.axes})
    code = ", ".join(p.align(place, axes).code for place in places)
    return Text(f"{tensor}[{code}]", ATOM, axes)


def _place(p: Printer, node: Gather, i: int) -> Node:
    sub = node.subscripts[i]
    assert not isinstance(sub, Slice)
    return sub


def _index(p: Printer, node: Gather, i: int) -> Text:
    """A computed subscript, clamped into range where a guard may exclude it."""
    place = _place(p, node, i)
    text = p.print(place)
    whole = isinstance(place, Iota) and p.program.ranges[place.axis] == node.dims[i]
    first = isinstance(place, Num) and place.value == 0
    if not node.clamp or whole or first:
        return text
    last = p.print(Sum(((1, node.dims[i]), (-1, Num(Fraction(1), "int"))), "int")).code
    if is_number(place):
        return Text(f"min(max({text.code}, 0), {last})", ATOM)
    return Text(f"{text.at(ATOM)}.clamp(0, {last})", ATOM, text.axes)


def _slice(p: Printer, sub: Slice, dim: Node) -> str:
    """A Python slice of as many elements as the axis has."""
    count = p.program.ranges[sub.axis]
    zero = Num(Fraction(0), "int")
    if sub.start == zero and sub.step == 1:
        return ":" if count == dim else f":{p.print(count).code}"
    start = "" if sub.start == zero else p.print(sub.start).code
    if sub.last:
        return f"{start}:" if sub.step == 1 else f"{start}::{sub.step}"
    length: Node = count
    if sub.step > 1:
        length = Product((("*", Num(Fraction(sub.step), "int")), ("*", count)), "int")
    stop = length if sub.start == zero else Sum(((1, sub.start), (1, length)), "int")
    tail = f":{sub.step}" if sub.step > 1 else ""
    return f"{start}:{p.print(stop).code}{tail}"


def _spread(p: Printer, node: Node, axes: Sequence[str]) -> Text:
    """The node laid out along at least these axes."""
    text = p.as_tensor(node)
    wanted = p.sort({*text.axes, *axes})
    return p.broadcast(text, wanted) if wanted != text.axes else text


def _dims(p: Printer, text: Text, axes: Sequence[str]) -> str:
    places = [text.axes.index(axis) - len(text.axes) for axis in axes]
    return str(places[0]) if len(places) == 1 else str(tuple(sorted(places)))


def reduce(p: Printer, node: Reduce) -> Text:
    where = None if node.where is None else p.as_tensor(node.where)
    if node.op == "count":
        return _count(p, node)
    if node.op in ("logsumexp", "argmax", "argmin", "first"):
        body = _spread(p, node.body, node.axes)
        dim = _dims(p, body, node.axes)
        kept = tuple(axis for axis in body.axes if axis not in node.axes)
        if where is None:
            return Text(f"torch.{node.op}({body.code}, dim={dim})", ATOM, kept)
        body, mask = _masked(p, node, body, where)
        kept = tuple(axis for axis in body.axes if axis not in node.axes)
        dim = _dims(p, body, node.axes)
        return Text(f"ops.{node.op}({body.code}, dim={dim}, where={mask})", ATOM, kept)
    fill = FILL.get(node.op, "")
    if node.type == "int" and node.op in ("max", "min"):
        fill = "-(2**63)" if node.op == "max" else "2**63 - 1"
    if where is None:
        body = _spread(p, node.body, node.axes)
    elif node.op in ("any", "all"):
        body = p.print(node.body)
        axes = p.sort({*body.axes, *where.axes})
        left, right = p.align(where, axes), p.align(body, axes)
        if node.op == "any":
            body = Text(f"{left.at(BIT_AND)} & {right.at(BIT_AND)}", BIT_AND, axes)
        else:
            body = Text(f"~{left.at(UNARY)} | {right.at(BIT_OR)}", BIT_OR, axes)
        body = p.broadcast(body, p.sort({*axes, *node.axes}))
    else:
        body = p.as_tensor(node.body) if node.type == "real" else p.print(node.body)
        axes = p.sort({*body.axes, *where.axes})
        value = p.align(body, axes).code
        mask = p.align(where, axes).code
        body = Text(f"torch.where({mask}, {value}, {fill})", ATOM, axes)
        body = p.broadcast(body, p.sort({*axes, *node.axes}))
    kept = tuple(axis for axis in body.axes if axis not in node.axes)
    name = {"max": "amax", "min": "amin"}.get(node.op, node.op)
    if node.op == "prod":
        places = sorted((body.axes.index(axis) for axis in node.axes), reverse=True)
        code = body.at(ATOM) + "".join(f".prod(dim={place})" for place in places)
        return Text(code, ATOM, kept)
    return Text(f"{body.at(ATOM)}.{name}(dim={_dims(p, body, node.axes)})", ATOM, kept)


def _masked(p: Printer, node: Reduce | Row, body: Text, where: Text) -> tuple[Text, str]:
    """The body along all axes of it and of the mask, and the mask to go with it."""
    axes = p.sort({*body.axes, *where.axes})
    return p.broadcast(body, axes), p.align(where, axes).code


def _count(p: Printer, node: Reduce) -> Text:
    """How many entries the condition and the body admit."""
    conditions = [x for x in (node.where, node.body) if x is not None]
    conditions = [x for x in conditions if not (isinstance(x, Num) and x.value == 1)]
    condition = conditions[0] if len(conditions) == 1 else Map("and", tuple(conditions), "bool")
    body = _spread(p, condition, node.axes)
    kept = tuple(axis for axis in body.axes if axis not in node.axes)
    return Text(f"{body.at(ATOM)}.sum(dim={_dims(p, body, node.axes)})", ATOM, kept)


def row(p: Printer, node: Row) -> Text:
    body = _spread(p, node.body, (node.axis,))
    if node.where is None:
        owner = "ops" if node.op == "rank" else "torch"
        code = f"{owner}.{node.op}({body.code}, dim={_dims(p, body, (node.axis,))})"
        return Text(code, ATOM, body.axes)
    body, mask = _masked(p, node, body, p.as_tensor(node.where))
    dim = _dims(p, body, (node.axis,))
    return Text(f"ops.{node.op}({body.code}, dim={dim}, where={mask})", ATOM, body.axes)


def contract(p: Printer, node: Contract) -> Text:
    """An einsum. Of two operands the one with the result's last axis comes second: the product
    is then laid out in memory as it is read."""
    axes = p.sort(axes_of(node))
    texts = [_operand(p, factor) for factor in node.factors]
    if len(texts) == 2 and axes and axes[-1] not in texts[1].axes:
        texts.reverse()
    used = sorted({axis for text in texts for axis in text.axes})
    letters = _letters(used)
    subscripts = ",".join("".join(letters[axis] for axis in text.axes) for text in texts)
    result = "".join(letters[axis] for axis in axes)
    operands = ", ".join(text.code for text in texts)
    return Text(f'torch.einsum("{subscripts}->{result}", {operands})', ATOM, axes)


def fused(p: Printer, node: Fused) -> Text:
    passed = [_passed(p, operand) for operand in node.operands]
    passed += [f"{name}={p.print(value).code}" for name, value in node.options]
    return p.permute(Text(f"{node.function}({', '.join(passed)})", ATOM, node.axes))


def _passed(p: Printer, operand: Argument) -> str:
    """An operand in the order of axes that the function wants."""
    order = p.order
    p.order = (*operand.axes, *(axis for axis in order if axis not in operand.axes))
    text = p.align(p.permute(p.as_tensor(operand.value)), operand.axes)
    p.order = order
    return f"{operand.name}={text.code}" if operand.name else text.code


def _operand(p: Printer, node: Node) -> Text:
    """An operand of a contraction, which may keep its own order of axes."""
    if isinstance(node, Read) and node not in p.named:
        return Text(p.tensor(node.name), ATOM, node.axes)
    if isinstance(node, Gather) and node not in p.named:
        return gather(p, node, sorted=False)
    if isinstance(node, Product):
        tensors = [x for _, x in node.factors if not is_number(x)]
        if len(tensors) == 1 and isinstance(tensors[0], Read):
            raw = _operand(p, tensors[0])
            order, p.order = p.order, raw.axes
            text = p.print(node)
            p.order = order
            return text
    return p.print(node)


def _letters(axes: Sequence[str]) -> Mapping[str, str]:
    """A letter for each axis: its own name where that is one ASCII letter."""
    letters = {axis: axis for axis in axes if len(axis) == 1 and axis.isascii()}
    free = iter("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    for axis in axes:
        if axis not in letters:
            letters[axis] = next(c for c in free if c not in letters.values())
    return letters
