"""What rewrite rules share: changing every step, and taking logarithms through names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from fractions import Fraction

from .program import (
    Call,
    Extend,
    Gather,
    Map,
    Node,
    Num,
    Program,
    Read,
    Recall,
    Step,
    Sum,
    Where,
    bottom_up,
    is_number,
)


def in_steps(program: Program, rule: Callable[[Node], Node]) -> Program:
    """The program with `rule` applied to every node of every step, operands first."""
    steps = tuple(replace(step, body=bottom_up(step.body, rule)) for step in program.steps)
    return replace(program, steps=steps)


def in_steps_along(program: Program, rule: Callable[[Node, Sequence[str]], Node]) -> Program:
    """As `in_steps`, for a rule that lays tensors out: it is also given the axes of the step in
    their order, then all others."""

    def changed(step: Step) -> Step:
        order = (*step.axes, *(axis for axis in program.ranges if axis not in step.axes))
        return replace(step, body=bottom_up(step.body, lambda node: rule(node, order)))

    return replace(program, steps=tuple(map(changed, program.steps)))


def conjuncts(condition: Node) -> list[Node]:
    """Conditions that hold together where this one does; none for true."""
    if isinstance(condition, Map) and condition.op == "and":
        return [part for operand in condition.operands for part in conjuncts(operand)]
    return [] if isinstance(condition, Num) and condition.value == 1 else [condition]


def masked(node: Node, conditions: Sequence[Node]) -> Node:
    """The node where all of the conditions hold, 0 or false elsewhere."""
    if not conditions:
        return node
    if node.type == "bool":
        conditions = (*conditions, *conjuncts(node))
    condition = conditions[0] if len(conditions) == 1 else Map("and", tuple(conditions), "bool")
    if node.type == "bool":
        return condition
    return Where(condition, node, Num(Fraction(0), node.type), node.type)


def negation(condition: Node) -> Node:
    """What holds where the condition does not."""
    if isinstance(condition, Map) and condition.op == "not":
        return condition.operands[0]
    return Map("not", (condition,), "bool")


def option(name: str, value: int) -> tuple[str, Node]:
    """A number or a truth passed to a function by name."""
    return name, Num(Fraction(value), "bool" if isinstance(value, bool) else "int")


def logarithms(program: Program, stable: Callable[[Node], Node | None]) -> Program:
    """The program with log(x) replaced by `stable(x)` where that is not None, also where x is
    a tensor with a name: then the logarithm of its equation becomes a step of its own.
    """
    logs: dict[str, Step] = {}

    def log_of(name: str) -> str | None:
        step = program.step(name)
        if step is None:
            return None
        if name not in logs:
            body = stable(step.body)
            if body is None:
                return None
            fresh = unused(f"log_{name}", taken)
            taken.add(fresh)
            logs[name] = replace(step, name=fresh, body=body, output=False)
        return logs[name].name

    def log(x: Node) -> Node | None:
        """The stable form of log(x), under a guard too."""
        match x:
            case Read() | Gather():
                name = log_of(x.name)
                return None if name is None else replace(x, name=name)
            case Where() if is_one(x.otherwise):
                then = log(x.then)
                return None if then is None else replace(x, then=then, otherwise=zero())
            case Where():
                then, otherwise = log(x.then), log(x.otherwise)
                if then is None or otherwise is None:
                    return None
                return replace(x, then=then, otherwise=otherwise)
            case _:
                return stable(x)

    def rule(node: Node) -> Node:
        match node:
            case Map(op="log", operands=(inner,)):
                return log(inner) or node
            case Map(op="log1p", operands=(inner,)):
                return stable(Sum(((1, one()), (1, inner)), "real")) or node
            case _:
                return node

    taken = names(program)
    changed = in_steps(program, rule)
    steps: list[Step] = []
    for step in changed.steps:
        steps.append(step)
        if step.name in logs:
            steps.append(logs[step.name])
    return replace(changed, steps=tuple(steps))


def names(program: Program) -> set[str]:
    """The names that a program uses."""
    module = program.module
    taken = {step.name for step in program.steps} | {*module.inputs, *module.params}
    return taken | {*module.randoms, *module.consts, *module.sizes, *module.indices}


def unused(stem: str, taken: Collection[str]) -> str:
    """The stem, with underscores until no other has that name."""
    while stem in taken:
        stem += "_"
    return stem


def is_plain(node: Node) -> bool:
    """Whether a value is there already: a tensor, an output, a number."""
    return isinstance(node, Read | Gather | Call | Extend | Recall) or is_number(node)


def one() -> Num:
    return Num(Fraction(1), "real")


def zero() -> Num:
    return Num(Fraction(0), "real")


def is_one(node: Node) -> bool:
    return isinstance(node, Num) and node.value == 1


def is_zero(node: Node) -> bool:
    return isinstance(node, Num) and node.value == 0


def negated(node: Node) -> Node:
    """-node, with a double negation removed."""
    match node:
        case Sum(terms=((-1, inner),)):
            return inner
        case _:
            return Sum(((-1, node),), node.type)


def unguard(node: Node, condition: Node) -> Node:
    """The node where the condition holds: the guards it implies are dropped."""

    def rule(n: Node) -> Node:
        return n.then if isinstance(n, Where) and n.condition == condition else n

    return bottom_up(node, rule)


def is_exponential(node: Node) -> bool:
    """Whether a node is exp(…), or the number 1."""
    return is_one(node) or (isinstance(node, Map) and node.op == "exp")


def exponent(node: Node) -> Node:
    """What a node is the exponential of; 0 for the number 1."""
    return node.operands[0] if isinstance(node, Map) else Num(Fraction(0), "real")
