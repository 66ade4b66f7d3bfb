"""One step of a tensor program -> Python statements.

Here names of axes become positions: every value is laid out in one order of axes for the
whole step, its own axes first, and operands are aligned by `None` subscripts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import assert_never

from . import emit_axes
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
    to_float,
)
from .names import python_name
from .program import (
    Const,
    Contract,
    Gather,
    Iota,
    Map,
    Node,
    Num,
    Product,
    Program,
    Read,
    Reduce,
    Row,
    Size,
    Step,
    Sum,
    Where,
    axes_of,
    children,
    is_number,
    walk,
)


@dataclass(slots=True)
class Printer:
    """Prints the steps of one function; `uses` gathers the modules and locals they need.

    `wide` names the tensors kept in the format of computation: those that depend on sizes
    and consts alone; `owner` stands before the names of consts.
    """

    program: Program
    owner: str = ""
    wide: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    indices: set[str] = field(default_factory=set)
    order: tuple[str, ...] = ()
    widening: bool = False
    named: dict[Node, Text] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)

    # steps

    def step(self, step: Step) -> list[str]:
        """The statements that compute a step, the last of which assigns its name."""
        self.order = _axis_order(step)
        native = is_native(step.body) and not self.reads_wide(step.body)
        from_reals = self.depends_on_reals(step.body)
        self.widening = not native and from_reals
        self.named, self.aliases = {}, {}
        lines = self.alias(step) if self.widening else []
        for node in self.shared(step.body):
            text = self.print(node)
            name = self.temporary(step, node)
            lines.append(f"{name} = {text.code}")
            self.named[node] = Text(name, ATOM, text.axes)
        text = self.broadcast(self.print(step.body), step.axes)
        if is_number(step.body):
            text = self.as_tensor(text, step.body)
        if step.body.type == "real" and not from_reals and not step.output:
            self.wide.add(step.name)
        elif step.body.type == "real" and not (native and from_reals):
            self.uses.add("dtype")
            text = Text(f"{text.at(ATOM)}.to(dtype)", ATOM, text.axes)
        if isinstance(step.body, Read) and text.code == python_name(step.body.name):
            text = Text(f"{text.code}.clone()", ATOM, text.axes)
        lines.append(f"{python_name(step.name)} = {text.code}")
        return lines

    def alias(self, step: Step) -> list[str]:
        """Widen tensors that are read more than once under a local name, once."""
        counts = Counter(
            node.name
            for node in walk(step.body)
            if isinstance(node, Read | Gather)
            and node.type == "real"
            and node.name not in self.wide
        )
        lines = []
        for name, count in counts.items():
            if count > 1:
                local = self.fresh(f"{python_name(name)}_")
                lines.append(f"{local} = {self.tensor(name)}")
                self.aliases[name] = local
        return lines

    def tensor(self, name: str) -> str:
        """A real tensor by name, in the format of computation."""
        if name in self.aliases:
            return self.aliases[name]
        plain = python_name(name)
        return f"ops.widen({plain})" if self.widening and name not in self.wide else plain

    def as_tensor(self, text: Text, node: Node) -> Text:
        if text.code.startswith(("torch.broadcast_to(", "ops.number(")):
            return text
        dtype = {"real": "wide", "int": "torch.int64", "bool": "torch.bool"}[node.type]
        self.uses |= {"device", "wide" if dtype == "wide" else "device"}
        return Text(f"ops.number({text.code}, {dtype}, device)", ATOM)

    def depends_on_reals(self, node: Node) -> bool:
        """Whether a value comes from real inputs, params or draws, whose format it follows."""
        for n in walk(node):
            if isinstance(n, Read | Gather) and n.type == "real" and n.name not in self.wide:
                return True
        return False

    def reads_wide(self, node: Node) -> bool:
        return any(isinstance(n, Read | Gather) and n.name in self.wide for n in walk(node))

    def shared(self, body: Node) -> list[Node]:
        """Parts that occur more than once, inner ones first."""
        parents: Counter[Node] = Counter()
        seen: list[Node] = []
        known: set[Node] = set()

        def visit(node: Node) -> None:
            if node in known:
                return
            known.add(node)
            for child in children(node):
                parents[child] += 1
                visit(child)
            seen.append(node)

        visit(body)
        return [
            node for node in seen if parents[node] > 1 and not is_number(node) and children(node)
        ]

    def temporary(self, step: Step, node: Node) -> str:
        """A name for a shared part."""
        return self.fresh("mask" if node.type == "bool" else f"{python_name(step.name)}_part")

    def fresh(self, stem: str) -> str:
        """A local name that nothing else in the function has."""
        module = self.program.module
        names: list[Iterable[str]] = [module.sizes, module.indices, module.inputs, module.params]
        names += [module.randoms, module.consts, [step.name for step in self.program.steps]]
        taken = {python_name(name) for group in names for name in group}
        taken |= {text.code for text in self.named.values()} | set(self.aliases.values())
        name, n = stem, 1
        while name in taken:
            n += 1
            name = f"{stem}{n}"
        return name

    # alignment

    def sort(self, axes: frozenset[str] | set[str]) -> tuple[str, ...]:
        return tuple(axis for axis in self.order if axis in axes)

    def align(self, text: Text, axes: Sequence[str]) -> Text:
        """The text so that it broadcasts against a value laid out along `axes`."""
        if not text.axes:
            return text
        first = axes.index(text.axes[0])
        if tuple(axes[first:]) == text.axes:
            return text
        there = [axis in text.axes for axis in axes[first:]]
        lead = len(text.axes)
        if lead > 1 and all(there[:lead]):
            subscript = ", ".join(["...", *["None"] * (len(there) - lead)])
        else:
            subscript = ", ".join(":" if is_there else "None" for is_there in there)
        laid = tuple(axes[first:])
        return Text(f"{text.at(ATOM)}[{subscript}]", ATOM, laid)

    def broadcast(self, text: Text, axes: tuple[str, ...]) -> Text:
        """The text expanded along axes that it lacks."""
        if set(axes) <= set(text.axes):
            return text
        aligned = self.align(text, axes)
        sizes = ", ".join(self.size(axis) for axis in axes)
        value = aligned.code
        if not text.axes and not value.startswith("ops.number("):
            value = f"ops.number({value}, wide, device)"
            self.uses |= {"wide", "device"}
        return Text(f"torch.broadcast_to({value}, ({sizes},))", ATOM, axes)

    def size(self, axis: str) -> str:
        return self.print(self.program.ranges[axis]).code

    def together(self, nodes: Sequence[Node], prec: int) -> tuple[list[str], tuple[str, ...]]:
        """The code of operands, aligned with one another, and the axes of the whole."""
        texts = [self.print(node) for node in nodes]
        axes = self.sort({axis for text in texts for axis in text.axes})
        return [self.align(text, axes).at(prec) for text in texts], axes

    # expressions

    def print(self, node: Node) -> Text:
        if node in self.named:
            return self.named[node]
        match node:
            case Num():
                return self.literal(node)
            case Size():
                return Text(python_name(node.name), ATOM)
            case Const():
                return Text(self.owner + python_name(node.name), ATOM)
            case Iota():
                self.indices.add(node.axis)
                return Text(python_name(node.axis), ATOM, (node.axis,))
            case Read():
                return self.read(node)
            case Gather():
                return emit_axes.gather(self, node)
            case Map():
                return self.map(node)
            case Sum():
                return self.sum(node)
            case Product():
                return self.product(node)
            case Where():
                return self.where(node)
            case Reduce():
                return emit_axes.reduce(self, node)
            case Row():
                return emit_axes.row(self, node)
            case Contract():
                return emit_axes.contract(self, node)
            case _:
                assert_never(node)

    def literal(self, node: Num) -> Text:
        if isinstance(node.value, str):
            self.uses.add("math")
            return Text(f"math.{node.value}", ATOM)
        if node.type == "bool":
            return Text(str(bool(node.value)), ATOM)
        if node.value.denominator == 1 and abs(node.value) < 2**53:
            suffix = ".0" if node.type == "real" else ""
            return Text(f"{int(node.value)}{suffix}", ATOM if node.value >= 0 else UNARY)
        return Text(repr(to_float(node.value)), ATOM)

    def read(self, node: Read) -> Text:
        code = self.tensor(node.name) if node.type == "real" else python_name(node.name)
        return self.permute(Text(code, ATOM, node.axes))

    def permute(self, text: Text) -> Text:
        """The text with its axes in the order of the step."""
        axes = self.sort(set(text.axes))
        if axes == text.axes:
            return text
        if len(axes) == 2:
            return Text(f"{text.at(ATOM)}.T", ATOM, axes)
        places = ", ".join(str(text.axes.index(axis)) for axis in axes)
        return Text(f"{text.at(ATOM)}.permute({places})", ATOM, axes)

    def map(self, node: Map) -> Text:
        if node.op == "pow" and node.operands[1] == Num(Fraction(2), "int"):
            operand = self.print(node.operands[0])
            if operand.axes:
                return Text(f"{operand.at(ATOM)}.square()", ATOM, operand.axes)
        if node.op in BINARY:
            return self.binary(node)
        if is_number(node):
            return self.number(node)
        if node.op in ("min", "max"):
            return self.extreme(node)
        if node.op == "not":
            operand = self.print(node.operands[0])
            return Text(f"~{operand.at(UNARY)}", UNARY, operand.axes)
        if node.op == "real":
            operand = self.print(node.operands[0])
            self.uses.add("wide")
            return Text(f"{operand.at(ATOM)}.to(wide)", ATOM, operand.axes)
        if node.op == "int":
            operand = self.print(node.operands[0])
            return Text(f"{operand.at(ATOM)}.long()", ATOM, operand.axes)
        if node.op in ("floor", "ceil", "sign") and node.operands[0].type == "real":
            operand = self.print(node.operands[0])
            tail = ".long()" if node.type == "int" else ""
            return Text(f"torch.{node.op}({operand.code}){tail}", ATOM, operand.axes)
        if node.op == "stop":
            operand = self.print(node.operands[0])
            return Text(f"{operand.at(ATOM)}.detach()", ATOM, operand.axes)
        if node.op.startswith("rounded "):
            operand = self.print(node.operands[0])
            dtype = node.op.split()[1]
            return Text(f"ops.rounded({operand.code}, torch.{dtype})", ATOM, operand.axes)
        codes, axes = self.together(node.operands, TERNARY)
        return Text(f"{FUNCTIONS[node.op]}({', '.join(codes)})", ATOM, axes)

    def binary(self, node: Map) -> Text:
        symbol, prec = BINARY[node.op]
        if is_number(node):
            symbol, prec = PYTHON_BINARY.get(node.op, (symbol, prec))
        texts = [self.print(operand) for operand in node.operands]
        axes = self.sort({axis for text in texts for axis in text.axes})
        first, *rest = (self.align(text, axes) for text in texts)
        if node.op == "pow":
            codes = [first.at(ATOM), *(text.at(UNARY) for text in rest)]
        elif node.op in ("and", "or", "//", "%"):
            codes = [first.at(prec), *(text.at(prec + 1) for text in rest)]
        else:
            codes = [first.at(prec + 1), *(text.at(prec + 1) for text in rest)]
        return Text(f" {symbol} ".join(codes), prec, axes)

    def number(self, node: Map) -> Text:
        """A function of Python numbers."""
        texts = [self.print(operand) for operand in node.operands]
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
        if node.op in NUMBER_FUNCTIONS:
            self.uses.add("math")
            return Text(f"math.{NUMBER_FUNCTIONS[node.op]}({code})", ATOM)
        self.uses |= {"wide", "device"}
        inner = [f"ops.number({text.code}, wide, device)" for text in texts]
        if node.op.startswith("rounded "):
            return Text(f"ops.rounded({inner[0]}, torch.{node.op.split()[1]})", ATOM)
        return Text(f"{FUNCTIONS[node.op]}({', '.join(inner)})", ATOM)

    def extreme(self, node: Map) -> Text:
        """min or max of tensors and numbers; max(x, 0) is relu."""
        numbers = [x for x in node.operands if is_number(x)]
        tensors = [x for x in node.operands if not is_number(x)]
        codes, axes = self.together(tensors, TERNARY)
        code = codes[0]
        for other in codes[1:]:
            code = f"torch.{node.op}imum({code}, {other})"
        if not numbers:
            return Text(code, ATOM, axes)
        zero = len(numbers) == 1 and isinstance(numbers[0], Num) and numbers[0].value == 0
        if node.op == "max" and zero and node.type == "real":
            return Text(f"torch.relu({code})", ATOM, axes)
        bounds = [self.print(x).code for x in numbers]
        bound = bounds[0] if len(bounds) == 1 else f"{node.op}({', '.join(bounds)})"
        side = "min" if node.op == "max" else "max"
        return Text(f"torch.clamp({code}, {side}={bound})", ATOM, axes)

    def sum(self, node: Sum) -> Text:
        axes = self.sort(axes_of(node))
        if len(node.terms) == 1:
            text = self.print(node.terms[0][1])
            return Text(f"-{text.at(MUL)}", min(max(text.prec, MUL), UNARY), axes)
        pieces = []
        for sign, term in node.terms:
            text = self.align(self.print(term), axes)
            pieces.append((sign, text.at(ADD if sign > 0 else MUL)))
        groups = []
        for i in range(0, len(pieces), CHUNK):
            (sign, first), *rest = pieces[i : i + CHUNK]
            code = first if sign > 0 else f"-{first}"
            code += "".join(f" {'+' if sign > 0 else '-'} {piece}" for sign, piece in rest)
            groups.append(code)
        if len(groups) > 1:
            return Text(" + ".join(f"({group})" for group in groups), ADD, axes)
        return Text(groups[0], ADD, axes)

    def product(self, node: Product) -> Text:
        if node.safe:
            return self.safe_product(node)
        axes = self.sort(axes_of(node))
        code = ""
        for i, (op, factor) in enumerate(node.factors):
            text = self.align(self.print(factor), axes)
            piece = text.at(MUL if i == 0 else UNARY)
            if i and i % CHUNK == 0:
                code = f"({code})"
            code = piece if i == 0 else f"{code} {op} {piece}"
        return Text(code, MUL, axes)

    def safe_product(self, node: Product) -> Text:
        axes = self.sort(axes_of(node))
        above = [self.print(x) for op, x in node.factors if op == "*"]
        below = [self.print(x) for op, x in node.factors if op == "/"]
        code = above[0]
        for text in above[1:]:
            pair = self.sort({*code.axes, *text.axes})
            left, right = self.align(code, pair).code, self.align(text, pair).code
            code = Text(f"ops.multiply({left}, {right})", ATOM, pair)
        result = self.align(code, axes)
        if not below:
            return result
        divisors = "".join(f" / {self.align(text, axes).at(UNARY)}" for text in below)
        return Text(result.at(MUL) + divisors, MUL, axes)

    def where(self, node: Where) -> Text:
        if is_number(node.condition):
            axes = self.sort(axes_of(node))
            condition, then, other = (
                self.align(self.print(x), axes) for x in (node.condition, node.then, node.otherwise)
            )
            code = f"{then.at(OR)} if {condition.at(OR)} else {other.at(TERNARY)}"
            return Text(code, TERNARY, axes)
        codes, axes = self.together((node.condition, node.then, node.otherwise), TERNARY)
        if is_number(node.then) and is_number(node.otherwise):
            if node.type == "real":
                self.uses |= {"wide", "device"}
                codes[1] = f"ops.number({codes[1]}, wide, device)"
            elif node.type == "bool":
                codes[1] = f"torch.tensor({codes[1]}, device=device)"
                self.uses.add("device")
        return Text(f"torch.where({', '.join(codes)})", ATOM, axes)


def is_native(body: Node) -> bool:
    """Whether an equation is computed in the tensors' own format: a contraction, which
    accumulates in a wider one anyway, a single operation, or a mere rearrangement."""
    match body:
        case Contract():
            return all(_is_plain(factor) or _is_scaled(factor) for factor in body.factors)
        case Sum():
            return len(body.terms) <= 2 and all(_is_plain(x) for _, x in body.terms)
        case Product():
            return len(body.factors) <= 2 and all(_is_plain(x) for _, x in body.factors)
        case Where():
            return body.type != "real" or (_is_plain(body.then) and _is_plain(body.otherwise))
        case _:
            return _is_plain(body)


def _is_plain(node: Node) -> bool:
    return isinstance(node, Read | Gather) or is_number(node)


def _is_scaled(node: Node) -> bool:
    return (
        isinstance(node, Product)
        and all(_is_plain(x) for _, x in node.factors)
        and (sum(not is_number(x) for _, x in node.factors) <= 1)
    )


def _axis_order(step: Step) -> tuple[str, ...]:
    """The step's axes, then those that its operators bind, in the order they appear."""
    order = list(step.axes)
    for node in walk(step.body):
        bound: tuple[str, ...] = ()
        if isinstance(node, Reduce | Contract):
            bound = node.axes
        for axis in bound:
            if axis not in order:
                order.append(axis)
    return tuple(order)
