"""Every rule plants the fault that it is named for, and nothing else."""

from __future__ import annotations

import pytest
from lawful.verifier.mutants import RULES, mutants

TEMPLATE = """\
def f(x, y, dtype, T):
    spec = "m.M"
    dtype, device = ops.reals(spec, {{"x": x}})
    t = torch.arange(T, device=device)

    z = {expression}

    return z
"""

PLANTED = {
    "comparison": ("x < y", {"x <= y", "x >= y"}),
    "comparison shifted": ("x <= y", {"x <= y + 1"}),
    "operator": ("x + y", {"x - y"}),
    "left operand dropped": ("x / y", {"y"}),
    "right operand dropped": ("x / y", {"x"}),
    "sign dropped": ("-x", {"x"}),
    "constant off": ("g(2.0)", {"2.002"}),
    "constant dropped": ("g(2.0)", {"0.0"}),
    "axis": ("x.sum(dim=-1)", {"x.sum(dim=-2)"}),
    "reduction": ("x.mean(dim=-1)", {"x.sum(dim=-1)"}),
    "function": ("torch.exp(x)", {"torch.expm1(x)"}),
    "function dropped": ("torch.sqrt(x)", {"x"}),
    "method dropped": ("x.clamp(0, 3)", {"x"}),
    "detached": ("x * y", {"x.detach() * y"}),
    "branches swapped": ("torch.where(x, y, 0)", {"torch.where(x, 0, y)"}),
    "branch always": ("torch.where(x, y, 0)", {"y"}),
    "mask dropped": ("ops.softmax(x, dim=-1, where=y)", {"torch.softmax(x, dim=-1)"}),
    "operands swapped": ("x - y", {"y - x"}),
    "letters swapped": (
        'torch.einsum("ij,jk->ik", x, y)',
        {"torch.einsum('ji,jk->ik', x, y)"},
    ),
    "rounded between": ("x.to(dtype)", {"x.to(torch.bfloat16).to(dtype)"}),
    "argument dropped": ("norm(x, eps=1e-05)", {"norm(x)"}),
    "slice shifted": ("x[t + 1]", {"x[t + 1 - 1]"}),
    "loop reversed": ("g(reversed(range(T)))", {"range(T)"}),
}


def test_there_is_an_example_of_every_rule() -> None:
    assert {rule.__name__.replace("_", " ") for rule in RULES} == set(PLANTED)


@pytest.mark.parametrize("rule", PLANTED)
def test_a_rule_plants_its_fault(rule: str) -> None:
    expression, wanted = PLANTED[rule]
    found = mutants(TEMPLATE.format(expression=expression), "f")
    planted = {mutant.after for mutant in found if mutant.rule == rule}
    assert wanted <= planted
    for mutant in found:
        assert mutant.line == 6 and mutant.before != mutant.after


def test_the_mutated_function_is_the_original_but_for_the_fault() -> None:
    import ast

    source = TEMPLATE.format(expression="x * (y + 2.0)")
    for mutant in mutants(source, "f"):
        changed = ast.unparse(mutant.function).splitlines()
        (function,) = (n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef))
        original = ast.unparse(function).splitlines()
        assert [i for i, (a, b) in enumerate(zip(changed, original, strict=True)) if a != b] == [4]


def test_entry_checks_are_left_alone() -> None:
    source = (
        'def f(x):\n    spec = "a"\n    ops.require(x >= 1, spec, "x >= 1")\n    return x + 1\n'
    )
    assert mutants(source, "f") == []
