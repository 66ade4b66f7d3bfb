"""Typed modules as mathematics, in LaTeX.

    Expr -> latex        Definition -> equation        Law -> law        Apply -> function

Indices stand below, filters below their operators, divisions are fractions except in small
print. Operators have `\\mathop{\\mathrm{…}}` for a name: GitHub refuses `\\operatorname`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import assert_never

from . import typed as t
from .latex_names import name, number
from .walk import rebuild

CASES, OR, AND, NOT, COMPARE, ADD, REDUCE, MUL, ATOM = range(9)
"""How tightly a text binds, from loosest to tightest. A text that binds as REDUCE is a product
whose last factor reaches as far to the right as there is something to multiply."""

_NEXT_LINE = r" \\ & "
_LINE = 200
"""A law longer than this takes a line for each of its parts."""

_COMPARE = {"<": "<", "<=": r"\le", ">": ">", ">=": r"\ge", "==": "=", "!=": r"\ne"}
_LARGE = {
    "sum": r"\sum",
    "prod": r"\prod",
    "max": r"\max",
    "min": r"\min",
    "any": r"\bigvee",
    "all": r"\bigwedge",
    "argmax": r"\mathop{\mathrm{arg\,max}}",
    "argmin": r"\mathop{\mathrm{arg\,min}}",
    "log_softmax": r"\mathop{\mathrm{log\,softmax}}",
}
_FUNCTIONS = {
    "exp": r"\exp",
    "log": r"\log",
    "sin": r"\sin",
    "cos": r"\cos",
    "tanh": r"\tanh",
    "min": r"\min",
    "max": r"\max",
    "sigmoid": r"\sigma",
    "log_sigmoid": r"\log \sigma",
    "relu": r"\mathrm{ReLU}",
    "silu": r"\mathrm{SiLU}",
    "gelu": r"\mathrm{GELU}",
}
_BRACKETS = {
    "abs": (r"\left|", r"\right|"),
    "floor": (r"\left\lfloor", r"\right\rfloor"),
    "ceil": (r"\left\lceil", r"\right\rceil"),
    "log1p": (r"\log\left(1 +", r"\right)"),
}
_TALL = (r"\frac", r"\sum", r"\prod", r"\mathop", r"\begin", r"\left", r"\max_", r"\min_", r"\big")


def latex(e: t.Expr) -> str:
    """An expression."""
    return _write(e, small=False)[0]


def equation(d: t.Definition) -> str:
    """What defines a tensor: one line, or base and step of a sequence, aligned."""
    if isinstance(d, t.Recurrence):
        last = d.step.axes[d.position]
        first = _write(last.range, True)[0] if d.descending else "0"
        at = [name(axis.name) for axis in d.base.axes]
        base = _define(d.base, [*at[: d.position], first, *at[d.position :]], "&")
        at = [name(axis.name) for axis in d.step.axes]
        at[d.position] += "" if d.descending else " + 1"
        step = _define(d.step, at, "&")
        return rf"\begin{{aligned}} {base} \\ {step} \end{{aligned}}"
    return _define(d, [name(axis.name) for axis in d.axes], "")


def law(l: t.Law) -> str:
    """The claim of a law, for which indices and under which bindings."""
    parts = [latex(l.claim)]
    if l.given:
        parts.append(r"\text{given } " + r",\ ".join(map(latex, l.given)))
    if l.bindings:
        fixed = (f"{latex(target)} = {latex(value)}" for target, value in map(_own, l.bindings))
        parts.append(r"\text{with } " + r",\ ".join(fixed))
    if len(parts) == 1 or sum(map(len, parts)) <= _LINE:
        return r" \quad ".join(parts)
    return rf"\begin{{aligned}} & {_NEXT_LINE.join(parts)} \end{{aligned}}"


def _own(fixed: t.Fixed) -> tuple[t.Expr, t.Expr]:
    """Both sides of a binding, with the indices that it binds under the names in the text."""
    written = {b.name: b.span.text for b in fixed.bound}

    def back(e: t.Expr) -> t.Expr:
        if isinstance(e, t.IndexRef):
            return replace(e, name=written.get(e.name, e.name))
        if isinstance(e, t.Row):
            e = replace(e, at=back(e.at))  # type: ignore[arg-type]
        return rebuild(e, back)

    return back(fixed.target), back(fixed.value)


def function(e: t.Apply) -> str:
    """The `def` that an expression applies."""
    head = _call(e.name, [name(p) for p in e.parameters])
    return f"{head} = {latex(e.body)}"


def _define(d: t.Equation | t.WholeEquation, at: Sequence[str], align: str) -> str:
    if isinstance(d, t.WholeEquation):
        record = isinstance(d.body, t.Output) and d.name.endswith(f".{d.body.name}")
        left = d.name.rpartition(".")[0] if record else d.name
        right = _module_call(d.body.call) if record else _whole(d.body)  # type: ignore[union-attr]
        return f"{_below(name(left, tensor=True), at)} {align}= {right}"
    logical = isinstance(d.body, t.Compare | t.And | t.Or | t.Not)
    equals = r"\Leftrightarrow" if logical else "="
    return f"{_below(name(d.name, tensor=bool(at)), at)} {align}{equals} {latex(d.body)}"


def _whole(whole: t.Whole | t.Expr) -> str:
    match whole:
        case t.View():
            at = [_write(sub, True)[0] for sub in whole.subscripts]
            return _below(name(whole.tensor, tensor=True), at)
        case t.Output():
            called = _module_call(whole.call)
            single = len(whole.call.module.outputs) == 1
            return called if single else f"{called}.{name(whole.name)}"
        case _:
            return latex(whole)


def _module_call(call: t.ModuleCall) -> str:
    """A call by the name of the submodule or the module; a single argument without its name."""
    head = rf"\mathrm{{{_plain(call.use or call.module.name)}}}"
    if call.instance is not None:
        head = _below(head, [_write(call.instance, True)[0]])
    given = {key: _whole(value) for key, value in call.arguments.items()}
    if call.use is None:
        given |= {key: latex(value) for key, value in call.consts.items()}
    if len(given) == 1 and len(call.module.inputs) == 1:
        return head + _parens(*given.values())
    return head + _parens(r",\ ".join(f"{name(k)} = {v}" for k, v in given.items()))


def _write(e: t.Expr, small: bool) -> tuple[str, int]:
    """An expression, and how tightly the text binds; `small` in indices and exponents."""
    match e:
        case t.Number():
            whole = e.value.denominator == 1 and e.value >= 0
            text = number(e.value)
            return text, ATOM if whole or text[0].isdigit() else MUL
        case t.Truth():
            return rf"\text{{{str(e.value).lower()}}}", ATOM
        case t.Constant():
            return {"pi": r"\pi", "inf": r"\infty"}[e.name], ATOM
        case t.IndexRef() | t.SizeRef() | t.ArgumentRef():
            return name(e.name), ATOM
        case t.ConstRef():
            return name(e.name, prime=e.primed), ATOM
        case t.Element():
            at = [_write(sub, True)[0] for sub in e.subscripts]
            return _below(name(e.tensor, tensor=bool(at), prime=e.primed), at), ATOM
        case t.Add():
            return _sum(e, small), ADD
        case t.Mul():
            return _product(e, small)
        case t.IntDiv():
            if e.operator == "//":
                over = f"{_at(e.left, MUL, True)} / {_at(e.right, ATOM, True)}"
                return rf"\lfloor {over} \rfloor", ATOM
            return rf"{_at(e.left, MUL, small)} \bmod {_at(e.right, ATOM, small)}", ADD
        case t.Power():
            base = _at(e.base, ATOM, small)
            raised = isinstance(e.base, t.Power) or "^" in _head(e.base)
            base = _parens(base) if raised or base.startswith(r"\frac") else base
            return f"{base}^{{{_write(e.exponent, True)[0]}}}", ATOM
        case t.Compare():
            sides = _at(e.left, ADD, small), _at(e.right, ADD, small)
            return f"{sides[0]} {_COMPARE[e.operator]} {sides[1]}", COMPARE
        case t.And():
            return _conjunction(e, small)
        case t.Or():
            return r" \lor ".join(_at(x, AND, small) for x in e.operands), OR
        case t.Not():
            return rf"\lnot {_at(e.operand, ATOM, small)}", NOT
        case t.Iverson():
            return rf"\mathbf{{1}}[{_write(e.condition, small)[0]}]", ATOM
        case t.If():
            return _cases(e, small), CASES
        case t.Function():
            return _function(e, small)
        case t.Apply():
            return _call(e.name, [_write(x, small)[0] for x in e.arguments]), ATOM
        case t.Rounded():
            inner = _write(e.argument, small)[0]
            return rf"\mathrm{{round}}_{{\mathrm{{{e.format}}}}}" + _parens(inner), ATOM
        case t.Reduce():
            return _reduce(e, small)
        case t.Row():
            text = f"{_operator(e.operator, [e.bound], e.where)} {_at(e.body, REDUCE, small)}"
            if e.bound.name == e.at.name:
                return text, REDUCE
            return _below(_parens(text), [name(e.at.name)]), ATOM
        case t.Derivative():
            return rf"\frac{{\partial {latex(e.of)}}}{{\partial {latex(e.by)}}}", ATOM
        case _:
            assert_never(e)


def _at(e: t.Expr, level: int, small: bool) -> str:
    """An expression, in parentheses where it binds less tightly than `level`."""
    text, binds = _write(e, small)
    return text if binds >= level else _parens(text)


def _sum(e: t.Add, small: bool) -> str:
    text = ""
    for sign, term in e.terms:
        mark = "-" if sign < 0 else "+"
        text += f" {mark} " if text else mark * (sign < 0)
        text += _at(term, REDUCE, small)
    return text


def _product(e: t.Mul, small: bool) -> tuple[str, int]:
    """Factors side by side; what is divided becomes a numerator, or stands before a slash."""
    done: list[str] = []
    binds = ATOM
    for i, (operator, factor) in enumerate(e.factors):
        if operator == "/":
            if small:
                done = [f"{_beside(done)} / {_at(factor, ATOM, small)}"]
            else:
                done = [rf"\frac{{{_beside(done)}}}{{{_write(factor, small)[0]}}}"]
            binds = MUL
            continue
        text, binds = _write(factor, small)
        over = i + 1 < len(e.factors) and e.factors[i + 1][0] == "/"
        last = over or i + 1 == len(e.factors)
        if i == 0 and over and not small:
            done = [text]
            continue
        if binds < (REDUCE if last else MUL) or (small and i and "/" in text):
            text, binds = _parens(text), ATOM
        done.append(text)
    return _beside(done), REDUCE if binds == REDUCE else MUL


def _beside(factors: Iterable[str]) -> str:
    """Factors with space between them: none after a number, a dot before one."""
    text = ""
    for factor in factors:
        if text:
            space = " " if text.isdigit() else r"\,"
            text += r" \cdot " if factor[0].isdigit() else space
        text += factor
    return text


def _conjunction(e: t.And, small: bool) -> tuple[str, int]:
    """Conditions joined; comparisons that share a side are a chain."""
    text = ""
    for before, x in zip((None, *e.operands), e.operands, strict=False):
        linked = isinstance(before, t.Compare) and isinstance(x, t.Compare)
        if linked and before.right == x.left:  # type: ignore[union-attr]
            text += f" {_COMPARE[x.operator]} {_at(x.right, ADD, small)}"  # type: ignore[union-attr]
        else:
            text += r" \land " * bool(text) + _at(x, NOT, small)
    return text, AND


def _cases(e: t.If, small: bool) -> str:
    """One line a branch; in small print, and for what stands in a condition, in words."""
    if small:
        branches = [_at(x, OR, small) for x in (e.then, e.condition, e.otherwise)]
        return r"{} \text{{ if }} {} \text{{ else }} {}".format(*branches)
    rows = []
    rest: t.Expr = e
    while isinstance(rest, t.If):
        rows.append(rf"{_at(rest.then, OR, small)} & \text{{if }} {latex(rest.condition)}")
        rest = rest.otherwise
    rows.append(rf"{latex(rest)} & \text{{otherwise}}")
    return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"


def _function(e: t.Function, small: bool) -> tuple[str, int]:
    inner = [_write(x, small)[0] for x in e.arguments]
    if e.name == "expm1":
        return f"{_call('exp', inner)} - 1", ADD
    if e.name == "sqrt":
        return rf"\sqrt{{{inner[0]}}}", ATOM
    if e.name in _BRACKETS:
        opening, closing = _BRACKETS[e.name]
        return f"{opening} {inner[0]} {closing}", ATOM
    return _call(e.name, inner), ATOM


def _call(called: str, arguments: Sequence[str]) -> str:
    head = _FUNCTIONS.get(called) or rf"\mathrm{{{_plain(called)}}}"
    return head + _parens(r",\ ".join(arguments))


def _reduce(e: t.Reduce, small: bool) -> tuple[str, int]:
    if e.operator == "count":
        bound = ", ".join(name(b.name) for b in e.bound)
        bound = bound if len(e.bound) == 1 else f"({bound})"
        where = "" if e.where is None else _at(e.where, AND, small) + r" \land "
        body = _at(e.body, AND if where else OR, small)
        return rf"\#\{{{bound} : {where}{body}\}}", ATOM
    return f"{_operator(e.operator, e.bound, e.where)} {_at(e.body, REDUCE, small)}", REDUCE


def _operator(operator: str, bound: Sequence[t.Bound], where: t.Expr | None) -> str:
    """An operator over its indices; a filter that compares the one index says it all."""
    head = _LARGE.get(operator) or rf"\mathop{{\mathrm{{{operator}}}}}"
    names = ",".join(name(b.name) for b in bound)
    if where is None:
        return f"{head}_{{{names}}}"
    conditions = where.operands if isinstance(where, t.And) else (where,)
    sides = [x for c in conditions if isinstance(c, t.Compare) for x in (c.left, c.right)]
    alone = len(bound) == 1 and any(
        isinstance(x, t.IndexRef) and x.name == bound[0].name for x in sides
    )
    told = "" if alone else rf"{names} :\, "
    return f"{head}_{{{told}{_write(where, True)[0]}}}"


def _head(e: t.Expr) -> str:
    """The name of an element or a const as it is written."""
    match e:
        case t.Element():
            return name(e.tensor, tensor=bool(e.subscripts), prime=e.primed)
        case t.ConstRef():
            return name(e.name, prime=e.primed)
        case _:
            return ""


def _below(head: str, at: Sequence[str]) -> str:
    """A name with its indices."""
    return f"{head}_{{{','.join(at)}}}" if at else head


def _plain(text: str) -> str:
    return text.replace("_", r"\_")


def _parens(text: str) -> str:
    tall = any(mark in text for mark in _TALL)
    return rf"\left( {text} \right)" if tall else f"({text})"
