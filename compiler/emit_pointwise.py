"""Prints what works pointwise: functions, operators, choices."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from .emit_text import (
    ADD,
    ATOM,
    BINARY,
    CHUNK,
    FUNCTIONS,
    MUL,
    NOT,
    NUMBER_FUNCTIONS,
    OR,
    PYTHON_BINARY,
    TERNARY,
    UNARY,
    Text,
)
from .program import Map, Node, Num, Product, Sum, Where, axes_of, is_number, walk
from .signs import is_positive

PYTHON_FUNCTIONS = frozenset({"not", "real", "stop", "int", "sign", "min", "max", "abs"})

if TYPE_CHECKING:
    from .emit_expr import Printer


def mapped(p: Printer, node: Map) -> Text:
    if node.op == "pow" and node.operands[1] == Num(Fraction(2), "int"):
        operand = p.print(node.operands[0])
        if operand.axes:
            return Text(f"{operand.at(ATOM)}.square()", ATOM, operand.axes)
    if node.op in BINARY:
        return _binary(p, node)
    if is_number(node):
        return _number(p, node)
    if node.op in ("min", "max"):
        return _extreme(p, node)
    if node.op == "not":
        operand = p.print(node.operands[0])
        return Text(f"~{operand.at(UNARY)}", UNARY, operand.axes)
    if node.op == "real":
        operand = p.print(node.operands[0])
        p.uses.add("wide")
        return Text(f"{operand.at(ATOM)}.to(wide)", ATOM, operand.axes)
    if node.op == "int":
        operand = p.print(node.operands[0])
        return Text(f"{operand.at(ATOM)}.long()", ATOM, operand.axes)
    if node.op in ("floor", "ceil", "sign") and node.operands[0].type == "real":
        operand = p.print(node.operands[0])
        tail = ".long()" if node.type == "int" else ""
        return Text(f"torch.{node.op}({operand.code}){tail}", ATOM, operand.axes)
    if node.op == "stop":
        operand = p.print(node.operands[0])
        return Text(f"{operand.at(ATOM)}.detach()", ATOM, operand.axes)
    if node.op.startswith("rounded "):
        operand = p.print(node.operands[0])
        dtype = node.op.split()[1]
        return Text(f"ops.rounded({operand.code}, torch.{dtype})", ATOM, operand.axes)
    texts = [p.as_tensor(operand) for operand in node.operands]
    axes = p.sort({axis for text in texts for axis in text.axes})
    codes = [p.align(text, axes).at(TERNARY) for text in texts]
    return Text(f"{FUNCTIONS[node.op]}({', '.join(codes)})", ATOM, axes)


def is_python_number(node: Node) -> bool:
    """Whether a number is printed as a Python number, not as a tensor without axes."""
    known = {*BINARY, *NUMBER_FUNCTIONS, *PYTHON_FUNCTIONS}
    return all(n.op in known for n in walk(node) if isinstance(n, Map))


def _binary(p: Printer, node: Map) -> Text:
    symbol, prec = BINARY[node.op]
    if is_number(node):
        symbol, prec = PYTHON_BINARY.get(node.op, (symbol, prec))
    texts = [p.print(operand) for operand in node.operands]
    axes = p.sort({axis for text in texts for axis in text.axes})
    first, *rest = (p.align(text, axes) for text in texts)
    if node.op == "pow":
        codes = [first.at(ATOM), *(text.at(UNARY) for text in rest)]
    elif node.op in ("and", "or", "//", "%"):
        codes = [first.at(prec), *(text.at(prec + 1) for text in rest)]
    else:
        codes = [first.at(prec + 1), *(text.at(prec + 1) for text in rest)]
    return Text(f" {symbol} ".join(codes), prec, axes)


def _number(p: Printer, node: Map) -> Text:
    """A function of Python numbers."""
    texts = [p.print(operand) for operand in node.operands]
    code = texts[0].code
    if node.op == "not":
        return Text(f"not {texts[0].at(NOT)}", NOT)
    if node.op in ("real", "stop"):
        return texts[0]
    if node.op == "int":
        return Text(f"int({code})", ATOM)
    if node.op == "sign":
        return Text(f"(({code}) > 0) - (({code}) < 0)", ADD)
    if node.op in ("min", "max"):
        return Text(f"{node.op}({', '.join(text.code for text in texts)})", ATOM)
    if node.op == "abs":
        return Text(f"abs({code})", ATOM)
    if node.op == "log" and not is_positive(node.operands[0]):
        return Text(f"ops.log({code})", ATOM)
    if node.op in NUMBER_FUNCTIONS:
        p.uses.add("math")
        return Text(f"math.{NUMBER_FUNCTIONS[node.op]}({code})", ATOM)
    p.uses |= {"wide", "device"}
    inner = [f"ops.number({text.code}, wide, device)" for text in texts]
    if node.op.startswith("rounded "):
        return Text(f"ops.rounded({inner[0]}, torch.{node.op.split()[1]})", ATOM)
    return Text(f"{FUNCTIONS[node.op]}({', '.join(inner)})", ATOM)


def _extreme(p: Printer, node: Map) -> Text:
    """min or max of tensors and numbers; max(x, 0) is relu, min(max(x, a), b) one clamp."""
    match node.operands:
        case (Map(op="max", operands=(inner, low)), high) if node.op == "min":
            if is_number(low) and is_number(high) and not is_number(inner):
                text = p.print(inner)
                bounds = f"min={p.print(low).code}, max={p.print(high).code}"
                return Text(f"torch.clamp({text.code}, {bounds})", ATOM, text.axes)
    numbers = [x for x in node.operands if is_number(x)]
    tensors = [x for x in node.operands if not is_number(x)]
    codes, axes = p.together(tensors, TERNARY)
    code = codes[0]
    for other in codes[1:]:
        code = f"torch.{node.op}imum({code}, {other})"
    if not numbers:
        return Text(code, ATOM, axes)
    zero = len(numbers) == 1 and isinstance(numbers[0], Num) and numbers[0].value == 0
    if node.op == "max" and zero and node.type == "real":
        return Text(f"torch.relu({code})", ATOM, axes)
    codes = [p.print(x).code for x in numbers]
    bound = codes[0] if len(codes) == 1 else f"{node.op}({', '.join(codes)})"
    side = "min" if node.op == "max" else "max"
    return Text(f"torch.clamp({code}, {side}={bound})", ATOM, axes)


def total(p: Printer, node: Sum) -> Text:
    axes = p.sort(axes_of(node))
    if len(node.terms) == 1:
        text = p.print(node.terms[0][1])
        return Text(f"-{text.at(MUL)}", min(max(text.prec, MUL), UNARY), axes)
    pieces = []
    for i, (sign, term) in enumerate(node.terms):
        text = p.align(p.print(term), axes)
        pieces.append((sign, text.at(ADD if i == 0 and sign > 0 else MUL)))
    groups = []
    for i in range(0, len(pieces), CHUNK):
        (sign, first), *rest = pieces[i : i + CHUNK]
        code = first if sign > 0 else f"-{first}"
        code += "".join(f" {'+' if sign > 0 else '-'} {piece}" for sign, piece in rest)
        groups.append(code)
    if len(groups) > 1:
        return Text(" + ".join(f"({group})" for group in groups), ADD, axes)
    return Text(groups[0], ADD, axes)


def product(p: Printer, node: Product) -> Text:
    if node.safe:
        return _safe_product(p, node)
    axes = p.sort(axes_of(node))
    code = ""
    for i, (op, factor) in enumerate(node.factors):
        text = p.align(p.print(factor), axes)
        piece = text.at(MUL if i == 0 else UNARY)
        if i and i % CHUNK == 0:
            code = f"({code})"
        code = piece if i == 0 else f"{code} {op} {piece}"
    return Text(code, MUL, axes)


def _safe_product(p: Printer, node: Product) -> Text:
    axes = p.sort(axes_of(node))
    above = [x for op, x in node.factors if op == "*"]
    below = [p.print(x) for op, x in node.factors if op == "/"]
    code, numbers = p.print(above[0]), is_number(above[0]) and is_python_number(above[0])
    for factor in above[1:]:
        text = p.print(factor)
        numbers = numbers and is_number(factor) and is_python_number(factor)
        pair = p.sort({*code.axes, *text.axes})
        left, right = p.align(code, pair).code, p.align(text, pair).code
        code = Text(f"ops.{'times' if numbers else 'multiply'}({left}, {right})", ATOM, pair)
    result = p.align(code, axes)
    if not below:
        return result
    divisors = "".join(f" / {p.align(text, axes).at(UNARY)}" for text in below)
    return Text(result.at(MUL) + divisors, MUL, axes)


def where(p: Printer, node: Where) -> Text:
    if is_number(node.condition):
        axes = p.sort(axes_of(node))
        condition = p.print(node.condition)
        show = p.print if is_number(node) else p.as_tensor
        then, other = (p.broadcast(show(x), axes) for x in (node.then, node.otherwise))
        code = f"{then.at(OR)} if {condition.at(OR)} else {other.at(TERNARY)}"
        return Text(code, TERNARY, axes)
    codes, axes = p.together((node.condition, node.then, node.otherwise), TERNARY)
    if is_number(node.then) and is_number(node.otherwise):
        if node.type == "real":
            p.uses |= {"wide", "device"}
            codes[1] = f"ops.number({codes[1]}, wide, device)"
        elif node.type == "bool":
            codes[1] = f"torch.tensor({codes[1]}, device=device)"
            p.uses.add("device")
    return Text(f"torch.where({', '.join(codes)})", ATOM, axes)
