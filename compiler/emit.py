"""Tensor programs of a spec file -> the text of a generated Python file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from .diagnostics import printable
from .emit_checks import entry_checks
from .emit_class import init_body, resets
from .emit_docs import class_doc, docstring, function_doc, step_doc
from .emit_expr import Printer
from .emit_frames import Block, FileFrame, FunctionFrame, MethodFrame, ModuleFrame
from .emit_names import FileNames, file_names, step_name
from .emit_signature import Signature
from .emit_steps import kept, step_methods, times
from .formats import shared_factors
from .names import class_name, python_name, snake_case
from .program import Gather, Program, Read, Slice, Step, is_number, walk
from .stepwise import Stepwise


@cache
def environment() -> Environment:
    return Environment(
        loader=PackageLoader(__package__),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, frame: ModuleFrame | FileFrame) -> str:
    holes: dict[str, Any] = {field.name: getattr(frame, field.name) for field in fields(frame)}
    return environment().get_template(template).render(holes)


@dataclass(frozen=True, slots=True)
class Compiled:
    """The programs of one module: of whole tensors, and of new positions in time where it is
    incremental."""

    whole: Program
    steps: Program | None = None
    stepwise: Stepwise | None = None


def emit(modules: Sequence[Compiled], path: str) -> str:
    """The modules of one spec file, at `path` below the spec root -> Python text, which
    `build` formats and heads."""
    names = file_names([m.whole for m in modules], [m.steps for m in modules if m.steps])
    imports: set[str] = set()
    texts = []
    for compiled in modules:
        frame, uses = emit_module(compiled, path, names)
        if "math" in uses:
            imports.add("import math")
        if frame.outputs:
            imports.add("from typing import NamedTuple")
        if any("Mapping[" in parameter for parameter in frame.functions[0].parameters):
            imports.add("from collections.abc import Mapping")
        texts.append(render("module.py.j2", frame))
    listed = ", ".join(compiled.whole.module.name for compiled in modules)
    doc = docstring([f"{listed}: generated from {path}."], 0)
    order = sorted(imports, key=lambda line: (not line.startswith("import"), line))
    return render("file.py.j2", FileFrame(doc, tuple(order), names.imports, tuple(texts)))


def emit_module(compiled: Compiled, path: str, names: FileNames) -> tuple[ModuleFrame, set[str]]:
    """One module -> the text that fills its frame, and what that text uses."""
    module = compiled.whole.module
    own_class, function_name = class_name(module.name), snake_case(module.name)
    several = len(module.outputs) > 1
    returns = f"{own_class}Output" if several else "Tensor"
    fields = [python_name(name) for name in module.outputs]
    result = f"{returns}({', '.join(f'{n}={n}' for n in fields)})" if several else fields[0]
    signature = Signature(module)
    called = names.functions[module.qualified]
    printer = Printer(compiled.whole, functions=names.functions)
    functions = [
        FunctionFrame(
            name=function_name,
            called=called,
            decorator="",
            parameters=signature.function(),
            returns=returns,
            doc=docstring(function_doc(module, path), 4),
            blocks=(*_shared(compiled.whole, printer), *_blocks(compiled.whole, printer, path)),
            checks=tuple(entry_checks(compiled.whole, printer, path)),
            result=result,
        )
    ]
    methods = [
        MethodFrame(
            "forward",
            signature.forward(),
            returns,
            f"See `{function_name}`.",
            f"{called}({', '.join(signature.call())})",
        )
    ]
    uses = set(printer.uses)
    if compiled.steps is not None and compiled.stepwise is not None:
        stepped = Printer(compiled.steps, functions=names.functions, steps=names.steps)
        functions.append(
            FunctionFrame(
                name=step_name(module),
                called=names.steps[module.qualified],
                decorator="@torch.no_grad()",
                parameters=("cache: ops.Cache", *signature.function()),
                returns=f"tuple[{returns}, ops.Cache]",
                doc=docstring(step_doc(module, path), 4),
                blocks=(
                    *_blocks(compiled.steps, stepped, path),
                    Block((), tuple(kept(compiled.steps, compiled.stepwise, stepped))),
                ),
                checks=tuple(entry_checks(compiled.steps, stepped, path, times(compiled.stepwise))),
                result=f"{result}, cache",
            )
        )
        methods += step_methods(signature, names.steps[module.qualified], returns)
        uses |= stepped.uses
    frame = ModuleFrame(
        class_name=own_class,
        outputs=tuple(fields) if several else (),
        spec=repr(module.qualified),
        functions=tuple(functions),
        class_doc=docstring(class_doc(module, function_name), 4),
        init_parameters=signature.constructor(),
        init_body=tuple(init_body(module, signature, names.classes)),
        resets=tuple(resets(module)),
        methods=tuple(methods),
    )
    checks = [line for function in functions for line in function.checks]
    if any("math." in line for line in (*checks, *frame.init_body, *frame.resets)):
        uses.add("math")
    return frame, uses


def _shared(program: Program, printer: Printer) -> Iterator[Block]:
    """Autocast rounds an input once for all products that read it."""
    if shared := shared_factors(program):
        printer.uses.add("dtype")
        names = [python_name(name) for name in shared]
        yield Block((), tuple(f"{name} = ops.factor({name}, dtype)" for name in names))


def _blocks(program: Program, printer: Printer, path: str) -> Iterator[Block]:
    """The steps in order; those of a loop, one after another, below its head. After a loop its
    sequences are put together, where they are read whole."""
    for key, steps in groupby(program.steps, key=lambda step: step.loop):
        if key is None:
            yield from _equations(steps, printer, path, "")
            continue
        loop, inside = program.loops[key], list(steps)
        made = [step.name for step in inside if step.at is not None]
        based = {step.name for step in program.steps if step.loop is None and step.at is not None}
        new = tuple(f"{printer.slices(n)} = {{}}" for n in made if n not in based)
        count = printer.print(loop.length).code
        values = f"reversed(range({count}))" if loop.descending else f"range({count})"
        yield Block((), (*new, f"for {python_name(loop.index)} in {values}:"))
        yield from _equations(inside, printer, path, "    ")
        whole = [name for name in made if is_read_whole(program, name)]
        if whole:
            yield Block((), tuple(printer.stacked(name) for name in whole))


def is_read_whole(program: Program, name: str) -> bool:
    """Whether a sequence is an output, or read outside its loop otherwise than at places
    that are numbers."""
    sequence = program.sequences[name]
    for step in program.steps:
        if step.name == name and step.output:
            return True
        for node in walk(step.body) if step.loop != sequence.loop else ():
            if isinstance(node, Read) and node.name == name:
                return True
            if isinstance(node, Gather) and node.name == name:
                at = node.subscripts[sequence.position]
                if isinstance(at, Slice) or not is_number(at):
                    return True
    return False


def _equations(steps: Iterable[Step], printer: Printer, path: str, indent: str) -> Iterator[Block]:
    """The statements of steps below their equations; the second output of a call needs none."""
    for step in steps:
        statements = printer.statements(step)
        comments: list[str] = []
        for span in step.spans:
            lines = [printable(line.strip()) for line in span.text.split("\n")]
            lines = [line for line in lines if line and not line.startswith("#")]
            lines[-1] += f"    ({path}:{span.line})"
            comments += lines
        if statements:
            yield Block(tuple(comments), tuple(statements), indent)
