"""One step of a tensor program -> Python statements.

Here names of axes become positions: every value is laid out in one order of axes for the
whole step, its own axes first, and operands are aligned by `None` subscripts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import assert_never

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
    Slice,
    Step,
    Sum,
    Where,
    axes_of,
    children,
    is_number,
    walk,
)

CHUNK = 40
"""Longer sums and products are written in parentheses of so many terms: chains nest."""

# Precedence of Python's operators, from loosest to tightest.
TERNARY, OR, AND, NOT, COMPARE, BIT_OR, BIT_AND, ADD, MUL, UNARY, POWER, ATOM = range(12)


@dataclass(frozen=True, slots=True)
class Text:
    """Python code with its precedence and its axes in order; numbers have none."""

    code: str
    prec: int
    axes: tuple[str, ...] = ()

    def at(self, prec: int) -> str:
        """The code, in parentheses where it binds less tightly than `prec`."""
        return self.code if self.prec >= prec else f"({self.code})"


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
            node
            for node in seen
            if parents[node] > 1
            and not is_number(node)
            and children(node)
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
                return self.gather(node)
            case Map():
                return self.map(node)
            case Sum():
                return self.sum(node)
            case Product():
                return self.product(node)
            case Where():
                return self.where(node)
            case Reduce():
                return self.reduce(node)
            case Row():
                return self.row(node)
            case Contract():
                return self.contract(node)
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

    def gather(self, node: Gather, *, sorted: bool = True) -> Text:
        """The tensor subscripted; its axes in the order of the step where `sorted`."""
        computed = [i for i, s in enumerate(node.subscripts) if not isinstance(s, Slice)]
        tensor = self.read(Read(node.name, (), node.type)).code
        numbers = [i for i in computed if is_number(self.place(node, i))]
        moving = [i for i in computed if i not in numbers]
        if len(moving) > 1:
            return self.gather_everywhere(node, tensor)
        subscripts, axes = [], list[str]()
        for i, sub in enumerate(node.subscripts):
            if isinstance(sub, Slice):
                subscripts.append(self.slice(sub, node.dims[i]))
                axes.append(sub.axis)
            else:
                place = self.index(node, i)
                axes += place.axes
                subscripts.append(place.code)
        while subscripts and subscripts[-1] == ":":
            subscripts.pop()
        code = f"{tensor}[{', '.join(subscripts)}]" if subscripts else tensor
        text = Text(code, ATOM, tuple(axes))
        return self.permute(text) if sorted else text

    def gather_everywhere(self, node: Gather, tensor: str) -> Text:
        """Every subscript as an index tensor, broadcast against one another."""
        places = []
        for i, sub in enumerate(node.subscripts):
            if isinstance(sub, Slice):
                step = Num(Fraction(sub.step), "int")
                along = Product((("*", step), ("*", Iota(sub.axis))), "int")
                if sub.step == 1:
                    places.append(self.print(Sum(((1, Iota(sub.axis)), (1, sub.start)), "int")))
                else:
                    places.append(self.print(Sum(((1, along), (1, sub.start)), "int")))
                if sub.step == 1 and sub.start == Num(Fraction(0), "int"):
                    places[-1] = self.print(Iota(sub.axis))
            else:
                places.append(self.index(node, i))
        axes = self.sort({axis for place in places for axis in place.axes})
        code = ", ".join(self.align(place, axes).code for place in places)
        return Text(f"{tensor}[{code}]", ATOM, axes)

    def place(self, node: Gather, i: int) -> Node:
        sub = node.subscripts[i]
        assert not isinstance(sub, Slice)
        return sub

    def index(self, node: Gather, i: int) -> Text:
        """A computed subscript, clamped into range where a guard may exclude it."""
        place = self.place(node, i)
        text = self.print(place)
        whole = isinstance(place, Iota) and self.program.ranges[place.axis] == node.dims[i]
        if not node.clamp or whole:
            return text
        last = self.print(Sum(((1, node.dims[i]), (-1, Num(Fraction(1), "int"))), "int")).code
        if is_number(place):
            return Text(f"min(max({text.code}, 0), {last})", ATOM)
        return Text(f"{text.at(ATOM)}.clamp(0, {last})", ATOM, text.axes)

    def slice(self, sub: Slice, dim: Node) -> str:
        """A Python slice of as many elements as the axis has."""
        count = self.program.ranges[sub.axis]
        zero = Num(Fraction(0), "int")
        if sub.start == zero and sub.step == 1:
            return ":" if count == dim else f":{self.print(count).code}"
        length: Node = count
        if sub.step > 1:
            length = Product((("*", Num(Fraction(sub.step), "int")), ("*", count)), "int")
        stop = length if sub.start == zero else Sum(((1, sub.start), (1, length)), "int")
        start = self.print(sub.start).code
        tail = f":{sub.step}" if sub.step > 1 else ""
        return f"{start}:{self.print(stop).code}{tail}"

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
        tight = prec + 1
        codes, axes = self.together(node.operands, tight)
        if node.op == "pow":
            base = self.align(self.print(node.operands[0]), axes)
            codes[0] = base.at(ATOM)
            codes[1] = self.align(self.print(node.operands[1]), axes).at(UNARY)
        elif node.op in ("and", "or") or node.op in ("//", "%"):
            first = self.align(self.print(node.operands[0]), axes)
            codes[0] = first.at(prec)
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

    def spread(self, node: Node, axes: Sequence[str]) -> Text:
        """The node laid out along at least these axes."""
        text = self.print(node)
        wanted = self.sort({*text.axes, *axes})
        return self.broadcast(text, wanted) if wanted != text.axes else text

    def dims(self, text: Text, axes: Sequence[str]) -> str:
        places = [text.axes.index(axis) - len(text.axes) for axis in axes]
        return str(places[0]) if len(places) == 1 else str(tuple(sorted(places)))

    def reduce(self, node: Reduce) -> Text:
        where = None if node.where is None else self.print(node.where)
        if node.op == "count":
            return self.count(node)
        if node.op in ("logsumexp", "argmax", "argmin", "first"):
            body = self.spread(node.body, node.axes)
            dim = self.dims(body, node.axes)
            kept = tuple(axis for axis in body.axes if axis not in node.axes)
            if where is None:
                return Text(f"torch.{node.op}({body.code}, dim={dim})", ATOM, kept)
            body, mask = self.masked(node, body, where)
            kept = tuple(axis for axis in body.axes if axis not in node.axes)
            dim = self.dims(body, node.axes)
            return Text(f"ops.{node.op}({body.code}, dim={dim}, where={mask})", ATOM, kept)
        fill = FILL.get(node.op, "")
        if node.type == "int" and node.op in ("max", "min"):
            fill = "-(2**63)" if node.op == "max" else "2**63 - 1"
        if where is None:
            body = self.spread(node.body, node.axes)
        elif node.op in ("any", "all"):
            body = self.print(node.body)
            axes = self.sort({*body.axes, *where.axes})
            left, right = self.align(where, axes), self.align(body, axes)
            if node.op == "any":
                body = Text(f"{left.at(BIT_AND)} & {right.at(BIT_AND)}", BIT_AND, axes)
            else:
                body = Text(f"~{left.at(UNARY)} | {right.at(BIT_OR)}", BIT_OR, axes)
            body = self.broadcast(body, self.sort({*axes, *node.axes}))
        else:
            body = self.print(node.body)
            axes = self.sort({*body.axes, *where.axes})
            left, right = self.align(where, axes).code, self.align(body, axes).code
            if not body.axes and node.type == "real":
                self.uses |= {"wide", "device"}
                right = f"ops.number({right}, wide, device)"
            body = Text(f"torch.where({left}, {right}, {fill})", ATOM, axes)
            body = self.broadcast(body, self.sort({*axes, *node.axes}))
        kept = tuple(axis for axis in body.axes if axis not in node.axes)
        name = {"max": "amax", "min": "amin"}.get(node.op, node.op)
        if node.op == "prod":
            places = sorted((body.axes.index(axis) for axis in node.axes), reverse=True)
            code = body.at(ATOM) + "".join(f".prod(dim={place})" for place in places)
            return Text(code, ATOM, kept)
        return Text(f"{body.at(ATOM)}.{name}(dim={self.dims(body, node.axes)})", ATOM, kept)

    def masked(self, node: Reduce | Row, body: Text, where: Text) -> tuple[Text, str]:
        """The body along all axes of it and of the mask, and the mask to go with it."""
        axes = self.sort({*body.axes, *where.axes})
        return self.broadcast(body, axes), self.align(where, axes).code

    def count(self, node: Reduce) -> Text:
        """How many entries the condition and the body admit."""
        conditions = [x for x in (node.where, node.body) if x is not None]
        conditions = [x for x in conditions if not (isinstance(x, Num) and x.value == 1)]
        if not conditions:
            sizes = [self.print(self.program.ranges[axis]) for axis in node.axes]
            return Text(" * ".join(size.at(UNARY) for size in sizes), MUL)
        condition = conditions[0] if len(conditions) == 1 else Map("and", tuple(conditions), "bool")
        body = self.spread(condition, node.axes)
        kept = tuple(axis for axis in body.axes if axis not in node.axes)
        return Text(f"{body.at(ATOM)}.sum(dim={self.dims(body, node.axes)})", ATOM, kept)

    def row(self, node: Row) -> Text:
        body = self.spread(node.body, (node.axis,))
        if node.where is None:
            owner = "ops" if node.op == "rank" else "torch"
            code = f"{owner}.{node.op}({body.code}, dim={self.dims(body, (node.axis,))})"
            return Text(code, ATOM, body.axes)
        body, mask = self.masked(node, body, self.print(node.where))
        dim = self.dims(body, (node.axis,))
        return Text(f"ops.{node.op}({body.code}, dim={dim}, where={mask})", ATOM, body.axes)

    def contract(self, node: Contract) -> Text:
        axes = self.sort(axes_of(node))
        texts = [self.print_raw(factor) for factor in node.factors]
        used = sorted({axis for text in texts for axis in text.axes})
        letters = _letters(used)
        subscripts = ",".join("".join(letters[axis] for axis in text.axes) for text in texts)
        result = "".join(letters[axis] for axis in axes)
        operands = ", ".join(text.code for text in texts)
        return Text(f'torch.einsum("{subscripts}->{result}", {operands})', ATOM, axes)

    def print_raw(self, node: Node) -> Text:
        """An operand of a contraction, which may keep its own order of axes."""
        if isinstance(node, Read) and node not in self.named:
            return Text(self.tensor(node.name), ATOM, node.axes)
        if isinstance(node, Gather) and node not in self.named:
            return self.gather(node, sorted=False)
        if isinstance(node, Product):
            tensors = [x for _, x in node.factors if not is_number(x)]
            if len(tensors) == 1 and isinstance(tensors[0], Read):
                raw = self.print_raw(tensors[0])
                order, self.order = self.order, raw.axes
                text = self.print(node)
                self.order = order
                return text
        return self.print(node)


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


def _letters(axes: Sequence[str]) -> Mapping[str, str]:
    """A letter for each axis: its own name where that is one ASCII letter."""
    letters = {axis: axis for axis in axes if len(axis) == 1 and axis.isascii()}
    free = iter("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    for axis in axes:
        if axis not in letters:
            letters[axis] = next(c for c in free if c not in letters.values())
    return letters


def to_float(value: Fraction) -> float:
    """The nearest float, infinite where that overflows."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


BINARY: Mapping[str, tuple[str, int]] = {
    "<": ("<", COMPARE),
    "<=": ("<=", COMPARE),
    ">": (">", COMPARE),
    ">=": (">=", COMPARE),
    "==": ("==", COMPARE),
    "!=": ("!=", COMPARE),
    "and": ("&", BIT_AND),
    "or": ("|", BIT_OR),
    "//": ("//", MUL),
    "%": ("%", MUL),
    "pow": ("**", POWER),
}
PYTHON_BINARY = {"and": ("and", AND), "or": ("or", OR)}
FILL = {
    "sum": "0",
    "mean": "0",
    "prod": "1",
    "max": "-torch.inf",
    "min": "torch.inf",
}
FUNCTIONS = {
    "exp": "torch.exp",
    "log": "torch.log",
    "log1p": "torch.log1p",
    "expm1": "torch.expm1",
    "sqrt": "torch.sqrt",
    "sin": "torch.sin",
    "cos": "torch.cos",
    "tanh": "torch.tanh",
    "erf": "torch.erf",
    "abs": "torch.abs",
    "sign": "torch.sign",
    "floor": "torch.floor",
    "ceil": "torch.ceil",
    "sigmoid": "torch.sigmoid",
    "log_sigmoid": "torch.nn.functional.logsigmoid",
    "softplus": "ops.softplus",
    "logaddexp": "torch.logaddexp",
    "safe_log": "ops.safe_log",
    "safe_exp": "ops.safe_exp",
}
NUMBER_FUNCTIONS = {
    name: name
    for name in (
        "exp",
        "log",
        "log1p",
        "expm1",
        "sqrt",
        "sin",
        "cos",
        "tanh",
        "erf",
        "floor",
        "ceil",
    )
}
