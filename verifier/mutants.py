"""Faults planted in generated code, by rules over its syntax tree.

    source, function -> Mutant*

A rule looks at one node and gives what may stand in its place. The checks at the entry of a
function, which compute nothing, are left alone.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """A function with one fault: by which rule, in which line, what became of what."""

    rule: str
    line: int
    before: str
    after: str
    _original: ast.FunctionDef
    _path: Path
    _changed: ast.expr

    @property
    def function(self) -> ast.FunctionDef:
        """The definition of the function, with the fault."""
        mutated = copy.deepcopy(self._original)
        _put(mutated, self._path, self._changed)
        return ast.fix_missing_locations(mutated)

    def __str__(self) -> str:
        return f"line {self.line}: {self.before} -> {self.after} ({self.rule})"


Rule = Callable[[ast.expr], Iterator[ast.expr]]

Path = tuple[int | tuple[str, int | None], ...]
"""The way from a function to one of its expressions: the number of a statement, then fields."""

ENTRY = ("reals", "integers", "booleans", "shape", "require", "wide_dtype", "arange")


def mutants(source: str, function: str) -> list[Mutant]:
    """All mutants of one function of a generated file, in the order of its lines."""
    original = _function(ast.parse(source), function)
    found = []
    for number, statement in enumerate(original.body):
        if _is_entry(statement):
            continue
        for path, node in _expressions(statement, (number,)):
            for rule in RULES:
                for changed in rule(node):
                    before, after = ast.unparse(node), ast.unparse(changed)
                    if before == after:
                        continue
                    name = rule.__name__.replace("_", " ").strip()
                    found.append(Mutant(name, node.lineno, before, after, original, path, changed))
    return found


def _function(tree: ast.Module, name: str) -> ast.FunctionDef:
    return next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)


def _is_entry(statement: ast.stmt) -> bool:
    """Whether a statement checks what was given, fills it in, or hands results back."""
    if isinstance(statement, ast.If | ast.Return):
        return True
    value = statement.value if isinstance(statement, ast.Assign | ast.Expr) else None
    if isinstance(value, ast.Constant):
        return True
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and isinstance(value.func.value, ast.Name)
        and value.func.value.id in ("ops", "torch")
        and value.func.attr in ENTRY
    )


def _expressions(node: ast.AST, path: Path) -> Iterator[tuple[Path, ast.expr]]:
    """The expressions that a node reads, each with the way to it."""
    if isinstance(node, ast.expr):
        yield path, node
    for field, value in ast.iter_fields(node):
        if field in ("targets", "target", "ctx", "func") and not isinstance(value, ast.Attribute):
            continue
        children = enumerate(value) if isinstance(value, list) else [(None, value)]
        for place, child in children:
            if isinstance(child, ast.AST):
                yield from _expressions(child, (*path, (field, place)))


def _put(function: ast.FunctionDef, path: Path, new: ast.expr) -> None:
    """Put a node in the place of another."""
    first, *rest = path
    assert isinstance(first, int)
    node: ast.AST = function.body[first]
    for step in rest[:-1]:
        assert isinstance(step, tuple)
        field, place = step
        child = getattr(node, field)
        node = child if place is None else child[place]
    last = rest[-1]
    assert isinstance(last, tuple)
    field, place = last
    if place is None:
        setattr(node, field, copy.deepcopy(new))
    else:
        getattr(node, field)[place] = copy.deepcopy(new)


# rules

_COMPARE = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
_OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mod,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_METHODS = {
    "mean": "sum",
    "sum": "mean",
    "amax": "amin",
    "amin": "amax",
    "any": "all",
    "all": "any",
    "square": "abs",
    "prod": "sum",
}
_FUNCTIONS = {
    "exp": "expm1",
    "expm1": "exp",
    "log": "log1p",
    "log1p": "log",
    "sin": "cos",
    "cos": "sin",
    "sigmoid": "tanh",
    "tanh": "sigmoid",
    "erf": "tanh",
    "maximum": "minimum",
    "minimum": "maximum",
    "softmax": "log_softmax",
    "log_softmax": "softmax",
    "logsumexp": "amax",
    "argmax": "argmin",
    "argmin": "argmax",
    "floor": "ceil",
    "ceil": "floor",
    "abs": "neg",
    "safe_log": "safe_exp",
    "safe_exp": "safe_log",
}


def comparison(node: ast.expr) -> Iterator[ast.expr]:
    """Strict for not strict, and the opposite."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in _COMPARE.get(type(node.ops[0]), ()):
            yield ast.copy_location(ast.Compare(node.left, [other()], node.comparators), node)


def comparison_shifted(node: ast.expr) -> Iterator[ast.expr]:
    """One more on the right of a comparison."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        more = ast.BinOp(node.comparators[0], ast.Add(), ast.Constant(1))
        yield ast.copy_location(ast.Compare(node.left, node.ops, [more]), node)


def operator(node: ast.expr) -> Iterator[ast.expr]:
    """Another operator of its kind."""
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        other = _OPERATORS[type(node.op)]()
        yield ast.copy_location(ast.BinOp(node.left, other, node.right), node)


def left_operand_dropped(node: ast.expr) -> Iterator[ast.expr]:
    """A term or factor dropped, on the left."""
    if isinstance(node, ast.BinOp):
        yield node.right


def right_operand_dropped(node: ast.expr) -> Iterator[ast.expr]:
    """A term or factor dropped, on the right."""
    if isinstance(node, ast.BinOp):
        yield node.left


def sign_dropped(node: ast.expr) -> Iterator[ast.expr]:
    """A minus or a negation dropped."""
    if (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub | ast.Invert | ast.Not)
        and not isinstance(node.operand, ast.Constant)
    ):
        yield node.operand


def constant_off(node: ast.expr) -> Iterator[ast.expr]:
    """A number that is a little off: a real by 0.1 %, an integer by one."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        value = node.value
        assert isinstance(value, int | float)
        off = value * 1.001 if isinstance(value, float) and value else value + 1
        yield ast.copy_location(ast.Constant(off), node)


def constant_dropped(node: ast.expr) -> Iterator[ast.expr]:
    """A real number become 0."""
    if isinstance(node, ast.Constant) and isinstance(node.value, float) and node.value:
        yield ast.copy_location(ast.Constant(0.0), node)


def axis(node: ast.expr) -> Iterator[ast.expr]:
    """Another axis."""
    if isinstance(node, ast.Call):
        for i, keyword in enumerate(node.keywords):
            if keyword.arg == "dim":
                try:
                    value = ast.literal_eval(keyword.value)
                except ValueError:
                    continue
                if isinstance(value, int):
                    yield _with_keyword(node, i, ast.Constant(-2 if value == -1 else -1))


def reduction(node: ast.expr) -> Iterator[ast.expr]:
    """Mean for sum, smallest for largest."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        other = _METHODS.get(node.func.attr)
        if other is not None and node.keywords:
            yield _renamed(node, other)


def function(node: ast.expr) -> Iterator[ast.expr]:
    """A function that is like it."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = node.func.value
        other = _FUNCTIONS.get(node.func.attr)
        if other is not None and isinstance(owner, ast.Name) and owner.id in ("torch", "ops"):
            yield _renamed(node, other)


def function_dropped(node: ast.expr) -> Iterator[ast.expr]:
    """The argument alone."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        owner = node.func.value
        if isinstance(owner, ast.Name) and owner.id == "torch" and len(node.args) == 1:
            yield node.args[0]


def method_dropped(node: ast.expr) -> Iterator[ast.expr]:
    """What a method is called on: a clamp, a square, a detach dropped."""
    dropped = ("clamp", "square", "detach", "long", "clone", "relu")
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in dropped
    ):
        yield node.func.value


def detached(node: ast.expr) -> Iterator[ast.expr]:
    """A factor or term that passes no gradient on."""
    if isinstance(node, ast.BinOp) and isinstance(node.left, ast.Name | ast.Call):
        call = ast.Call(ast.Attribute(node.left, "detach", ast.Load()), [], [])
        yield ast.copy_location(ast.BinOp(call, node.op, node.right), node)


def branches_swapped(node: ast.expr) -> Iterator[ast.expr]:
    """Then for else."""
    if _is_call(node, "torch", "where"):
        assert isinstance(node, ast.Call)
        condition, then, other = node.args
        yield ast.copy_location(ast.Call(node.func, [condition, other, then], []), node)
    elif isinstance(node, ast.IfExp):
        yield ast.copy_location(ast.IfExp(node.test, node.orelse, node.body), node)


def branch_always(node: ast.expr) -> Iterator[ast.expr]:
    """Then, whatever the condition."""
    if _is_call(node, "torch", "where"):
        assert isinstance(node, ast.Call)
        yield node.args[1]


def mask_dropped(node: ast.expr) -> Iterator[ast.expr]:
    """A masked row without its mask."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        kept = [k for k in node.keywords if k.arg != "where"]
        if len(kept) < len(node.keywords) and isinstance(node.func.value, ast.Name):
            known = node.func.attr in ("softmax", "log_softmax", "logsumexp", "argmax", "argmin")
            owner = ast.Name("torch" if known else "ops", ast.Load())
            called = ast.Attribute(owner, node.func.attr, ast.Load())
            yield ast.copy_location(ast.Call(called, node.args, kept), node)


def operands_swapped(node: ast.expr) -> Iterator[ast.expr]:
    """The two operands of a difference or a quotient, or two arguments, exchanged."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Div):
        yield ast.copy_location(ast.BinOp(node.right, node.op, node.left), node)
    if _is_call(node, "torch", "einsum"):
        assert isinstance(node, ast.Call)
        if len(node.args) == 3:
            subscripts, left, right = node.args
            yield ast.copy_location(ast.Call(node.func, [subscripts, right, left], []), node)


def letters_swapped(node: ast.expr) -> Iterator[ast.expr]:
    """Two axes of an operand of a contraction exchanged."""
    if _is_call(node, "torch", "einsum"):
        assert isinstance(node, ast.Call)
        subscripts = node.args[0]
        if isinstance(subscripts, ast.Constant) and isinstance(subscripts.value, str):
            operands, _, result = subscripts.value.partition("->")
            first, *rest = operands.split(",")
            if len(first) > 1:
                other = ",".join([first[:-2] + first[-1] + first[-2], *rest])
                changed = ast.Constant(f"{other}->{result}")
                yield ast.copy_location(ast.Call(node.func, [changed, *node.args[1:]], []), node)


def rounded_between(node: ast.expr) -> Iterator[ast.expr]:
    """A result that passes through a format of 16 bits."""
    if isinstance(node, ast.Call) and ast.unparse(node).endswith(".to(dtype)"):
        narrow = ast.Attribute(ast.Name("torch", ast.Load()), "bfloat16", ast.Load())
        inner = ast.Call(node.func, [narrow], [])
        wide = ast.Call(ast.Attribute(inner, "to", ast.Load()), node.args, [])
        yield ast.copy_location(wide, node)


def argument_dropped(node: ast.expr) -> Iterator[ast.expr]:
    """A const of a module that is called left to its default."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.keywords:
        for i, keyword in enumerate(node.keywords):
            if keyword.arg is not None and isinstance(keyword.value, ast.Constant | ast.Name):
                kept = node.keywords[:i] + node.keywords[i + 1 :]
                yield ast.copy_location(ast.Call(node.func, node.args, kept), node)


def slice_shifted(node: ast.expr) -> Iterator[ast.expr]:
    """A slice or a place that begins one earlier."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.BinOp):
        less = ast.BinOp(node.slice, ast.Sub(), ast.Constant(1))
        yield ast.copy_location(ast.Subscript(node.value, less, node.ctx), node)


def loop_reversed(node: ast.expr) -> Iterator[ast.expr]:
    """A loop that runs the other way."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == "reversed":
            yield node.args[0]
        elif node.func.id == "range" and len(node.args) == 1:
            yield ast.copy_location(ast.Call(ast.Name("reversed", ast.Load()), [node], []), node)


RULES: tuple[Rule, ...] = (
    comparison,
    comparison_shifted,
    operator,
    left_operand_dropped,
    right_operand_dropped,
    sign_dropped,
    constant_off,
    constant_dropped,
    axis,
    reduction,
    function,
    function_dropped,
    method_dropped,
    detached,
    branches_swapped,
    branch_always,
    mask_dropped,
    operands_swapped,
    letters_swapped,
    rounded_between,
    argument_dropped,
    slice_shifted,
    loop_reversed,
)


def _is_call(node: ast.expr, owner: str, name: str) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == owner
        and node.func.attr == name
    )


def _renamed(node: ast.Call, name: str) -> ast.expr:
    assert isinstance(node.func, ast.Attribute)
    called = ast.Attribute(node.func.value, name, ast.Load())
    return ast.copy_location(ast.Call(called, node.args, node.keywords), node)


def _with_keyword(node: ast.Call, place: int, value: ast.expr) -> ast.expr:
    keywords = list(node.keywords)
    keywords[place] = ast.keyword(keywords[place].arg, value)
    return ast.copy_location(ast.Call(node.func, node.args, keywords), node)
