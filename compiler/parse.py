"""Text -> syntax tree, statement by statement, so that one run finds every syntax error."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from lark import Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from . import syntax as s
from .diagnostics import Log, Poisoned
from .grammar import REDUCER_HELP, lark, span_of
from .layout import MAX_DEPTH, Chunk, split
from .source import Source, Span
from .syntax_errors import report_character, report_token


def parse(source: Source, log: Log) -> s.File:
    """Source -> File. Errors go to `log`; statements that have one are left out."""
    imports: list[s.Import] = []
    defs: list[s.Def] = []
    modules: list[s.Module] = []
    head: s.Module | None = None
    body: list[s.Statement] = []
    fresh = False  # whether the statement before was `module NAME`

    def close() -> None:
        if head is not None:
            modules.append(s.Module(head.span, head.name, head.doc, tuple(body)))
        body.clear()

    chunks = split(source, log)
    lost = _names_outside(source, chunks)
    for chunk in chunks:
        statements = _parse_statement(chunk, log)
        if not statements:
            lost |= _names_in(chunk.text)
        for statement in statements:
            match statement:
                case s.Import():
                    imports.append(statement)
                case s.Def():
                    defs.append(statement)
                case s.Module():
                    close()
                    head = statement
                case _Doc() if fresh and head is not None and not head.doc:
                    head = s.Module(head.span, head.name, statement.text, ())
                case _Doc():
                    log.add("E110", statement.span, "a string stands only after `module NAME`")
                case _ if head is None:
                    log.add(
                        "E111",
                        statement.span,
                        "a statement stands outside any module",
                        help="begin with `module NAME`",
                    )
                case _:
                    body.append(statement)
            fresh = isinstance(statement, s.Module)
    close()
    return s.File(source, tuple(imports), tuple(defs), tuple(modules), frozenset(lost))


def _names_in(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]\w*", unicodedata.normalize("NFKC", text)))


def _names_outside(source: Source, chunks: Sequence[Chunk]) -> set[str]:
    """The names in what the layout has left out."""
    starts = [0, *(chunk.end for chunk in chunks)]
    ends = [*(chunk.start for chunk in chunks), len(source.text)]
    gaps = "\n".join(source.text[a:b] for a, b in zip(starts, ends, strict=True))
    return _names_in(re.sub(r"#[^\n]*", "", gaps))


class _Doc:
    def __init__(self, span: Span, text: str) -> None:
        self.span, self.text = span, text


def _parse_statement(chunk: Chunk, log: Log) -> Sequence[Any]:
    parser = lark()
    try:
        tree = parser.parse(chunk.text)
    except UnexpectedCharacters as error:
        report_character(chunk, error, log)
        return ()
    except UnexpectedToken as error:
        report_token(chunk, error, log)
        return ()
    build = _Build(chunk, log)
    made: dict[int, Any] = {}
    levels: dict[int, int] = {}
    try:
        for node in tree.iter_subtrees():  # children before parents, without recursion
            children = [made[id(c)] if isinstance(c, Tree) else c for c in node.children]
            made[id(node)] = getattr(build, node.data)(children)
            below = max((levels[id(c)] for c in node.children if isinstance(c, Tree)), default=0)
            levels[id(node)] = below + (len(children) > 1 and node.data not in _NO_LEVEL)
            if levels[id(node)] > MAX_DEPTH:
                log.fail(
                    "E005",
                    build.at(children),
                    f"the expression nests deeper than {MAX_DEPTH} levels",
                    help="name a part of the expression in an equation of its own",
                )
    except Poisoned:
        return ()
    result = made[id(tree)]
    return result if isinstance(result, list) else (result,)


_NO_LEVEL = frozenset({"parenthesis", "subscripts", "arguments", "keyword"})
"""Rules that make no level of the tree."""


def _text(token: Token) -> str:
    """A string literal without its quotes, its line breaks folded."""
    return " ".join(str(token)[1:-1].split())


class _Build:
    """Makes syntax tree nodes: a method for each rule, given its children's results."""

    def __init__(self, chunk: Chunk, log: Log) -> None:
        self.chunk, self.log = chunk, log

    def at(self, children: Sequence[Any]) -> Span:
        return self.place(children[0]).to(self.place(children[-1]))

    def place(self, child: Any) -> Span:
        if isinstance(child, Token):
            return span_of(self.chunk, child)
        if isinstance(child, list):
            return self.at(child)
        if isinstance(child, _Group):
            return child.span
        span: Span = child.span
        return span

    # names, lists

    def name(self, c: list[Any]) -> s.Ident:
        return s.Ident(span_of(self.chunk, c[0]), unicodedata.normalize("NFKC", str(c[0])))

    def subscripts(self, c: list[Any]) -> _Group:
        return _Group(self.at(c), _nodes(c))

    def arguments(self, c: list[Any]) -> _Group:
        return _Group(self.at(c), _nodes(c))

    def positional(self, c: list[Any]) -> s.Argument:
        return s.Argument(self.at(c), None, c[0])

    def keyword(self, c: list[Any]) -> s.Argument:
        name = self.name(c) if isinstance(c[0], Token) else c[0]  # `mean` of `normal(mean = 0)`
        return s.Argument(self.at(c), name, c[2])

    def dotted(self, c: list[Any]) -> s.Ident:
        names = _nodes(c)
        return s.Ident(self.at(c), ".".join(name.name for name in names))

    # expressions

    def number(self, c: list[Any]) -> s.Number:
        text = str(c[0])
        span = self.at(c)
        digits, _, exponent = text.lower().partition("e")
        if len(digits) > 100 or len(exponent) > 5 or abs(int(exponent or 0)) > 4000:
            self.log.fail(
                "E008",
                span,
                "the number has too many digits",
                help="at most 100 digits and exponents up to 4000",
            )
        return s.Number(span, Fraction(text), text.isdigit())

    def truth(self, c: list[Any]) -> s.Truth:
        return s.Truth(self.at(c), c[0] == "true")

    def reference(self, c: list[Any]) -> s.Name:
        name = unicodedata.normalize("NFKC", str(c[0]))
        return s.Name(self.at(c), name, primed=len(c) > 1)

    def parenthesis(self, c: list[Any]) -> s.Expr:
        expr: s.Expr = replace(c[1], span=self.at(c))
        return expr

    def iverson(self, c: list[Any]) -> s.Iverson:
        return s.Iverson(self.at(c), c[1])

    def subscript(self, c: list[Any]) -> s.Subscript:
        return s.Subscript(self.at(c), c[0], c[1].items)

    def field(self, c: list[Any]) -> s.Field:
        return s.Field(self.at(c), c[0], c[2])

    def call(self, c: list[Any]) -> s.Call:
        arguments = c[2].items if isinstance(c[2], _Group) else ()
        return s.Call(self.at(c), c[0], arguments)

    def minmax_call(self, c: list[Any]) -> s.Call:
        return self.call([s.Name(span_of(self.chunk, c[0]), str(c[0])), *c[1:]])

    def exponent(self, c: list[Any]) -> s.Expr:
        return c[0] if len(c) == 1 else s.Sum(self.at(c), ((-1, c[1]),))

    def power(self, c: list[Any]) -> s.Expr:
        return c[0] if len(c) == 1 else s.Power(self.at(c), c[0], c[2])

    def times(self, c: list[Any]) -> Token:
        token: Token = c[0]
        return token

    def reduction(self, c: list[Any]) -> s.Reduce:
        close = next(i for i, x in enumerate(c) if isinstance(x, Token) and x.type == "RSQB")
        inside = c[2:close]
        where = inside[-1] if len(inside) > 1 and _is(inside[-2], "IF") else None
        names = tuple(x for x in inside if isinstance(x, s.Ident))
        operand = c[-1]
        if _is(c[close + 1], "MINUS"):
            operand = s.Sum(self.at(c[close + 1 :]), ((-1, operand),))
        operator = s.Ident(span_of(self.chunk, c[0]), str(c[0]))
        return s.Reduce(self.at(c), operator, names, where, operand)

    def term(self, c: list[Any]) -> s.Expr:
        if len(c) == 1:
            expr: s.Expr = c[0]
            return expr
        rest = tuple((str(c[i]), c[i + 1]) for i in range(1, len(c), 2))
        return s.Product(self.at(c), c[0], rest)

    def reduced_term(self, c: list[Any]) -> s.Expr:
        if len(c) > 1 and c[-2] in ("//", "%"):
            self.log.fail(
                "E109",
                c[-1].operator.span,
                f"the reducer `{c[-1].operator.name}` cannot stand here",
                help=REDUCER_HELP,
            )
        return self.term(c)

    def sum(self, c: list[Any]) -> s.Expr:
        signed = c if isinstance(c[0], Token) else [None, *c]
        terms = tuple(
            (-1 if _is(signed[i], "MINUS") else 1, signed[i + 1]) for i in range(0, len(signed), 2)
        )
        if terms[0][0] == 1 and len(terms) == 1:
            only: s.Expr = terms[0][1]
            return only
        return s.Sum(self.at(c), terms)

    def compare(self, c: list[Any]) -> s.Expr:
        if len(c) == 1:
            only: s.Expr = c[0]
            return only
        rest = tuple((str(c[i]), c[i + 1]) for i in range(1, len(c), 2))
        return s.Compare(self.at(c), c[0], rest)

    def not_(self, c: list[Any]) -> s.Not:
        return s.Not(self.at(c), c[1])

    def and_(self, c: list[Any]) -> s.Expr:
        return c[0] if len(c) == 1 else s.And(self.at(c), tuple(c[::2]))

    def or_(self, c: list[Any]) -> s.Expr:
        return c[0] if len(c) == 1 else s.Or(self.at(c), tuple(c[::2]))

    def if_(self, c: list[Any]) -> s.If:
        return s.If(self.at(c), c[1], c[3], c[5])

    # declarations

    def declarations(self, c: list[Any]) -> list[Any]:
        flat: list[Any] = []
        for item in c:
            if isinstance(item, list):
                flat += item
            elif not isinstance(item, Token):
                flat.append(item)
        return flat

    def size_item(self, c: list[Any]) -> s.SizeDecl:
        return s.SizeDecl(self.at(c), c[0], c[2] if len(c) > 1 else None)

    def index_group(self, c: list[Any]) -> list[s.IndexDecl]:
        return [s.IndexDecl(x.span, x, c[-1]) for x in c[:-1] if isinstance(x, s.Ident)]

    def domain(self, c: list[Any]) -> _Group:
        return _Group(self.at(c), (c[1],))

    def input_item(self, c: list[Any]) -> s.InputDecl:
        dims, domain, default = (), None, _after(c, "EQUAL")
        for child in c:
            if isinstance(child, _Group):
                first = self.chunk.source.text[child.span.start]
                if first == "[":
                    dims = child.items
                else:
                    domain = child.items[0]
        return s.InputDecl(self.at(c), c[0], dims, domain, default)

    def distribution(self, c: list[Any]) -> s.Distribution:
        arguments = c[2].items if isinstance(c[2], _Group) else ()
        return s.Distribution(self.at(c), c[0], arguments)

    def param_item(self, c: list[Any]) -> s.ParamDecl:
        initial = c[-1] if isinstance(c[-1], s.Distribution) else _after(c, "EQUAL")
        return s.ParamDecl(self.at(c), c[0], _dims(c), initial)

    def const_item(self, c: list[Any]) -> s.ConstDecl:
        return s.ConstDecl(self.at(c), c[0], _after(c, "EQUAL"))

    def random_item(self, c: list[Any]) -> s.RandomDecl:
        return s.RandomDecl(self.at(c), c[0], _dims(c), c[-1])

    # statements

    def require(self, c: list[Any]) -> list[s.Require]:
        return [s.Require(x.span, x) for x in _nodes(c)]

    def source_note(self, c: list[Any]) -> s.SourceNote:
        return s.SourceNote(self.at(c), _text(c[1]))

    def doc(self, c: list[Any]) -> _Doc:
        return _Doc(self.at(c), _text(c[0]))

    def module_(self, c: list[Any]) -> s.Module:
        return s.Module(self.at(c), c[1], _text(c[2]) if len(c) > 2 else "", ())

    def def_(self, c: list[Any]) -> s.Def:
        names = [x for x in c if isinstance(x, s.Ident)]
        body = c[-1]
        return s.Def(self.at(c), names[0], tuple(names[1:]), body)

    def import_(self, c: list[Any]) -> s.Import:
        names = [x for x in c if isinstance(x, s.Ident)]
        return s.Import(self.at(c), tuple(names[:-1]), names[-1])

    def use_count(self, c: list[Any]) -> _Group:
        return _Group(self.at(c), (c[1],))

    def use(self, c: list[Any]) -> s.Use:
        groups = [x for x in c if isinstance(x, _Group)]
        names = [x for x in c if isinstance(x, s.Ident)]
        count = groups.pop(0).items[0] if groups and isinstance(c[2], _Group) else None
        return s.Use(self.at(c), names[0], count, names[1], groups[0].items if groups else ())

    def incremental(self, c: list[Any]) -> s.Incremental:
        return s.Incremental(self.at(c), c[1])

    def equation(self, c: list[Any]) -> s.Equation:
        subscripts = c[1].items if isinstance(c[1], _Group) else None
        return s.Equation(self.at(c), False, c[0], subscripts, c[-1])

    def output_equation(self, c: list[Any]) -> s.Equation:
        subscripts = c[2].items if isinstance(c[2], _Group) else None
        return s.Equation(self.at(c), True, c[1], subscripts, c[-1])

    def binding(self, c: list[Any]) -> s.Binding:
        return s.Binding(self.at(c), c[0], c[2])

    def given(self, c: list[Any]) -> list[Any]:
        return list(_nodes(c))

    def with_(self, c: list[Any]) -> list[Any]:
        return list(_nodes(c))

    def law(self, c: list[Any]) -> s.Law:
        parts = [x for clause in c[4:] for x in clause]
        given = tuple(x for x in parts if not isinstance(x, s.Binding))
        bindings = tuple(x for x in parts if isinstance(x, s.Binding))
        end = Span(self.chunk.source, self.chunk.end, self.chunk.end)
        return s.Law(self.at(c[:1]).to(end), c[1], c[3], given, bindings)


class _Group:
    """Nodes between brackets, with the place of the brackets."""

    def __init__(self, span: Span, items: tuple[Any, ...]) -> None:
        self.span, self.items = span, items


def _nodes(children: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(x for x in children if not isinstance(x, Token))


def _is(child: Any, terminal: str) -> bool:
    return isinstance(child, Token) and child.type == terminal


def _after(children: Sequence[Any], terminal: str) -> Any:
    """The child that follows a terminal, or None."""
    for i, child in enumerate(children):
        if _is(child, terminal):
            return children[i + 1]
    return None


def _dims(children: Sequence[Any]) -> tuple[s.Expr, ...]:
    return next((x.items for x in children if isinstance(x, _Group)), ())
