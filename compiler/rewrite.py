"""Tensor program -> faster or stabler tensor program.

A rule is a pure function from program to program whose docstring states its identity as an
equation. `RULES` lists them in the order in which they run; `build --without NAME` leaves
one out. The program is checked before all, and after each that changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from .program import Contract, Program, Reduce, Step, axes_of, reads, walk
from .rule_activations import activations
from .rule_attention import attention
from .rule_contract import contract
from .rule_discounted_sum import discounted_sum
from .rule_entry_at_place import entry_at_place
from .rule_gathered_log_prob import gathered_log_prob
from .rule_inverse_transform import inverse_transform
from .rule_linear import linear
from .rule_linear_cross_entropy import linear_cross_entropy
from .rule_log_sigmoid import log_sigmoid
from .rule_log_softmax import log_softmax
from .rule_logsumexp import logsumexp
from .rule_mass_before import mass_before
from .rule_norms import norms
from .rule_pieces import pieces
from .rule_prefix_sum import prefix_sum
from .rule_safe_products import safe_products
from .rule_softmax import softmax
from .rule_top_k import top_k
from .source import Span

Rule = Callable[[Program], Program]

RULES: tuple[tuple[str, Rule], ...] = (
    ("softmax", softmax),
    ("log-softmax", log_softmax),
    ("log-sigmoid", log_sigmoid),
    ("logsumexp", logsumexp),
    ("inverse-transform", inverse_transform),
    ("entry-at-place", entry_at_place),
    ("top-k", top_k),
    ("prefix-sum", prefix_sum),
    ("mass-before", mass_before),
    ("discounted-sum", discounted_sum),
    ("pieces", pieces),
    ("contract", contract),
    ("gathered-log-prob", gathered_log_prob),
    ("linear-cross-entropy", linear_cross_entropy),
    ("attention", attention),
    ("activations", activations),
    ("norms", norms),
    ("linear", linear),
    ("safe-products", safe_products),
)


def rewrite(program: Program, without: Collection[str] = ()) -> Program:
    """Program -> Program without dead steps, by every rule not named in `without`."""
    check(program)
    program = literal = live(program)
    for name, rule in RULES:
        if name not in without and (changed := rule(program)) != program:
            program = changed
            check(program)
    return covered(literal, live(program))


def covered(literal: Program, program: Program) -> Program:
    """The program whose steps name the equations of those that rules have done away with: the
    next step that is still there does their work."""
    named = {span for step in program.steps for span in step.spans}
    there = {step.name for step in program.steps}
    lost: tuple[Span, ...] = ()
    more: dict[str, tuple[Span, ...]] = {}
    for step in literal.steps:
        lost += tuple(span for span in step.spans if span not in named)
        if step.name in there and lost:
            more[step.name] = (*more.get(step.name, ()), *lost)
            lost = ()
    steps = tuple(
        replace(step, spans=(*more.pop(step.name, ()), *step.spans)) for step in program.steps
    )
    return replace(program, steps=steps)


def check(program: Program) -> None:
    """The contract of a program: names are defined before they are read, a step varies along
    its own axes alone, every axis has a range, no operator binds an axis that is its step's.
    """
    module = program.module
    known = {*module.inputs, *module.params, *module.randoms, *program.scalars}
    for step in program.steps:
        if step.loop is not None:
            known |= {n for n, sequence in program.sequences.items() if sequence.loop == step.loop}
        assert axes_of(step.body) <= set(step.axes), f"{step.name} varies along a foreign axis"
        assert reads(step.body) <= known, f"{step.name} reads what is not defined yet"
        for node in walk(step.body):
            assert axes_of(node) <= program.ranges.keys(), f"{step.name}: an axis has no range"
            if isinstance(node, Reduce | Contract):
                assert not set(node.axes) & set(step.axes), f"{step.name}: an axis is hidden"
        known.add(step.name)


def live(program: Program) -> Program:
    """The program without steps that no output needs."""
    steps: dict[str, list[Step]] = {}
    for step in program.steps:
        steps.setdefault(step.name, []).append(step)
    needed: set[str] = set()
    pending = [step for step in program.steps if step.output]
    while pending:
        for name in reads(pending.pop().body) - needed:
            needed.add(name)
            pending += steps.get(name, ())
    kept = tuple(step for step in program.steps if step.output or step.name in needed)
    return replace(program, steps=kept)
