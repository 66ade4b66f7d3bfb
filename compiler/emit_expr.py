"""One step of a tensor program -> Python statements.

Here names of axes become positions: every value is laid out in one order of axes for the
whole step, its own axes first, and operands are aligned by `None` subscripts.
"""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from . import emit_axes, emit_calls, emit_pointwise
from .emit_text import (
    ATOM,
    UNARY,
    Text,
    to_float,
)
from .formats import factors_alone, is_native
from .names import python_name
from .program import (
    Call,
    Const,
    Contract,
    Counter,
    Extend,
    Fused,
    Gather,
    Iota,
    Map,
    Node,
    Num,
    Product,
    Program,
    Read,
    Recall,
    Reduce,
    Row,
    Size,
    Step,
    Sum,
    Where,
    children,
    is_number,
    walk,
)
from .program import Sequence as Slices


@dataclass(slots=True)
class Printer:
    """Prints the steps of one function; `uses` gathers the modules and locals they need.

    `functions` are what other modules' functions are called, by qualified name, `steps` those
    that are fed position by position; `wide` names
    the tensors kept in the format of computation: those that depend on sizes and consts
    alone; `owner` stands before the names of consts.
    """

    program: Program
    owner: str = ""
    functions: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, str] = field(default_factory=dict)
    wide: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    indices: set[str] = field(default_factory=set)
    order: tuple[str, ...] = ()
    loop: str | None = None
    widening: bool = False
    named: dict[Node, Text] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    records: set[str] = field(default_factory=set)
    record: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    factors: frozenset[str] = field(init=False)
    taken: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.factors = factors_alone(self.program)
        module = self.program.module
        names: list[Iterable[str]] = [module.sizes, module.indices, module.inputs, module.params]
        names += [module.randoms, module.consts, [step.name for step in self.program.steps]]
        self.taken = frozenset(python_name(n.replace(".", "_")) for group in names for n in group)

    # steps

    def statements(self, step: Step) -> list[str]:
        """The statements that compute a step, the last of which assigns its name."""
        self.order, self.loop = _axis_order(step), step.loop
        native = is_native(step.body) and not self.reads_wide(step.body)
        from_reals = self.depends_on_reals(step.body)
        self.widening = not native and from_reals
        self.named, self.aliases = {}, {}
        lines = self.alias(step) if self.widening else []
        lines += emit_calls.record(self, step)
        if step.name in self.fields:
            return lines
        for node in self.shared(step.body):
            text = self.print(node)
            name = self.kept.get(text.code)
            if name is None:
                name = self.temporary(step, node)
                lines.append(f"{name} = {text.code}")
                if self.lasts(node):
                    self.kept[text.code] = name
            self.named[node] = Text(name, ATOM, text.axes)
        kept = step.output or step.name in self.program.sequences
        text = self.print(step.body)
        if step.body.type == "real" and not from_reals and not kept:
            self.wide.add(step.name)
        if is_number(step.body):
            text = self.constant(step)
        else:
            text = self.broadcast(text, step.axes)
            if (
                step.body.type == "real"
                and step.name not in self.wide
                and not (native and from_reals)
            ):
                self.uses.add("dtype")
                text = self.narrowed(step, text)
        whole = isinstance(step.body, Read) and text.code == self.spelled(step.body.name)
        if whole and step.at is None:
            text = Text(f"{text.code}.clone()", ATOM, text.axes)
        return [*lines, self.assignment(step, text.code)]

    def narrowed(self, step: Step, text: Text) -> Text:
        """A value in the inputs' format; where autocast would round it again in all that read
        it, in that of autocast."""
        if step.name in self.factors:
            return Text(f"ops.factor({text.code}, dtype)", ATOM, text.axes)
        return Text(f"{text.at(ATOM)}.to(dtype)", ATOM, text.axes)

    def assignment(self, step: Step, code: str) -> str:
        """The statement that gives a tensor its name, or a sequence its slice."""
        if step.at is None:
            return f"{self.spelled(step.name)} = {code}"
        slices = self.slices(step.name)
        if step.loop is None:
            return f"{slices} = {{{self.print(step.at).code}: {code}}}"
        return f"{slices}[{self.print(step.at).code}] = {code}"

    def spelled(self, name: str) -> str:
        """A tensor's name in Python; an output of a call is a field of its record."""
        return self.fields.get(name) or python_name(name.replace(".", "_"))

    def slices(self, name: str) -> str:
        """The name of the dictionary that holds a sequence's slices by their places."""
        return self.apart(f"{self.spelled(name)}_at")

    def index(self, axis: str) -> str:
        """The name of the tensor of an index's values; a loop may use the index itself."""
        loops = {loop.index for loop in self.program.loops.values()}
        calls = {
            axis
            for step in self.program.steps
            for node in walk(step.body)
            if isinstance(node, Call)
            for axis in node.over
        }
        name = python_name(axis)
        return self.apart(f"{name}_range") if axis in loops | calls else name

    def alias(self, step: Step) -> list[str]:
        """Widen tensors that are read more than once under a local name, once."""
        counts = collections.Counter(
            node.name
            for node in walk(step.body)
            if isinstance(node, Read | Gather)
            and node.type == "real"
            and node.name not in self.wide
            and node.name not in self.program.sequences
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
        plain = self.plain(name)
        return f"ops.widen({plain})" if self.widening and name not in self.wide else plain

    def plain(self, name: str) -> str:
        """A tensor by name, in its own format."""
        sequence = self.program.sequences.get(name)
        if sequence is not None and sequence.loop == self.loop:
            return self.so_far(name, sequence)
        return self.spelled(name)

    def stacked(self, name: str) -> str:
        """The statement that puts a sequence together."""
        sequence = self.program.sequences[name]
        count = self.print(sequence.dims[sequence.position]).code
        index = python_name(self.program.loops[sequence.loop].index)
        slices = f"[{self.slices(name)}[{index}] for {index} in range({count})]"
        return f"{self.spelled(name)} = torch.stack({slices}, {sequence.position})"

    def so_far(self, name: str, sequence: Slices) -> str:
        """A sequence inside its own loop, with zeros where it is not made yet."""
        dims = ", ".join(self.print(dim).code for dim in sequence.dims)
        kind = self.program.module.tensor(name).type
        dtype = {"real": "dtype", "int": "torch.int64", "bool": "torch.bool"}[kind]
        self.uses |= {dtype, "device"}
        shape = f"({dims},)" if len(sequence.dims) == 1 else f"({dims})"
        slices = self.slices(name)
        return f"ops.so_far({slices}, {shape}, {sequence.position}, {dtype}, device)"

    def constant(self, step: Step) -> Text:
        """A tensor that has one number everywhere."""
        text = self.print(step.body)
        real = "wide" if step.name in self.wide else "dtype"
        dtype = {"real": real, "int": "torch.int64", "bool": "torch.bool"}[step.body.type]
        self.uses |= {"device", dtype}
        if not emit_pointwise.is_python_number(step.body):
            spread = self.broadcast(text, step.axes).at(ATOM)
            return Text(f"{spread}.to({dtype})", ATOM, step.axes)
        if not step.axes:
            return Text(f"ops.number({text.code}, {dtype}, device)", ATOM)
        sizes = self.sizes(step.axes)
        code = f"torch.full({sizes}, {text.code}, dtype={dtype}, device=device)"
        return Text(code, ATOM, step.axes)

    def depends_on_reals(self, node: Node) -> bool:
        """Whether a value comes from real inputs, params or draws, whose format it follows."""
        for n in walk(node):
            if isinstance(n, Read | Gather) and n.type == "real" and n.name not in self.wide:
                return True
            if isinstance(n, Call | Recall) and n.type == "real":
                return True
        return False

    def reads_wide(self, node: Node) -> bool:
        return any(isinstance(n, Read | Gather) and n.name in self.wide for n in walk(node))

    def shared(self, body: Node) -> list[Node]:
        """Parts that occur more than once, inner ones first; none in a call, whose arguments
        may vary from one repetition to the next."""
        if any(isinstance(node, Call) for node in walk(body)):
            return []
        parents: collections.Counter[Node] = collections.Counter()
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

    def lasts(self, node: Node) -> bool:
        """Whether later steps may use what is computed here: it depends on nothing that a step
        alone knows by a name, and stands in no loop."""
        local = any(part in self.named for part in walk(node))
        return self.loop is None and not local and not self.depends_on_reals(node)

    def temporary(self, step: Step, node: Node) -> str:
        """A name for a shared part."""
        match node:
            case Map(operands=(Read() as operand,)) if node.op.isidentifier():
                return self.fresh(f"{node.op}_{python_name(operand.name)}")
            case Gather():
                return self.fresh(f"{python_name(node.name)}_part")
        return self.fresh("mask" if node.type == "bool" else f"{python_name(step.name)}_part")

    def fresh(self, stem: str) -> str:
        """A local name that nothing else in the function has."""
        used = {text.code for text in self.named.values()} | set(self.aliases.values())
        used |= set(self.kept.values())
        return self.apart(stem, used)

    def apart(self, stem: str, used: Collection[str] = ()) -> str:
        """The stem, with a number where the spec or `used` has that name."""
        name, n = stem, 1
        while name in self.taken or name in used:
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

    def as_tensor(self, node: Node) -> Text:
        """A node as a tensor, where it is a Python number too."""
        text = self.print(node)
        if not (is_number(node) and emit_pointwise.is_python_number(node)):
            return text
        dtype = {"real": "wide", "int": "torch.int64", "bool": "torch.bool"}[node.type]
        self.uses |= {dtype, "device"}
        return Text(f"ops.number({text.code}, {dtype}, device)", ATOM)

    def broadcast(self, text: Text, axes: tuple[str, ...]) -> Text:
        """A tensor expanded along axes that it lacks."""
        if set(axes) <= set(text.axes):
            return text
        code = self.align(text, axes).code
        return Text(f"torch.broadcast_to({code}, {self.sizes(axes)})", ATOM, axes)

    def sizes(self, axes: Sequence[str]) -> str:
        """A shape by its axes."""
        sizes = ", ".join(self.size(axis) for axis in axes)
        return f"({sizes},)" if len(axes) == 1 else f"({sizes})"

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
            case Counter():
                return Text(python_name(node.name), ATOM)
            case Iota():
                self.indices.add(node.axis)
                return Text(self.index(node.axis), ATOM, (node.axis,))
            case Read():
                return self.read(node)
            case Gather():
                return emit_axes.gather(self, node)
            case Map():
                return emit_pointwise.mapped(self, node)
            case Sum():
                return emit_pointwise.total(self, node)
            case Product():
                return emit_pointwise.product(self, node)
            case Where():
                return emit_pointwise.where(self, node)
            case Reduce():
                return emit_axes.reduce(self, node)
            case Row():
                return emit_axes.row(self, node)
            case Contract():
                return emit_axes.contract(self, node)
            case Fused():
                return emit_axes.fused(self, node)
            case Call():
                return emit_calls.call(self, node)
            case Extend():
                return emit_calls.extend(self, node)
            case Recall():
                return emit_calls.recall(self, node)
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
        code = self.tensor(node.name) if node.type == "real" else self.plain(node.name)
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


def _axis_order(step: Step) -> tuple[str, ...]:
    """The step's axes, then those that its operators bind, in the order they appear."""
    order = list(step.axes)
    for node in walk(step.body):
        bound: tuple[str, ...] = ()
        if isinstance(node, Reduce | Contract):
            bound = node.axes
        elif isinstance(node, Row):
            bound = (node.axis,)
        elif isinstance(node, Call):
            bound = tuple(axis for argument in node.arguments for axis in argument.axes)
        elif isinstance(node, Fused):
            bound = tuple(axis for operand in node.operands for axis in operand.axes)
        for axis in bound:
            if axis not in order:
                order.append(axis)
    return tuple(order)
