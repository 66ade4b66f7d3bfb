"""Every stabilising rule proves its worth: on, verification passes; off, it fails in the
regime that the rule names."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
import torch
from lawful.compiler.lower import lower
from lawful.compiler.program import Contract, Program, walk
from lawful.compiler.rewrite import RULES, covered, live

if TYPE_CHECKING:
    from conftest import Compile

HEAD = "module M\nsize B, V\nindex b: B   v, w: V\ninput z[B, V]\n"


@dataclass(frozen=True)
class Proof:
    rule: str
    regime: str
    spec: str


PROOFS = (
    Proof(
        "softmax",
        "extreme",
        HEAD + "output p[b,v] = exp(z[b,v]) / sum[w] exp(z[b,w])\n",
    ),
    Proof(
        "softmax",
        "extreme",
        HEAD + "output p[b,v] = [v < 2] * exp(z[b,v]) / sum[w if w < 2] exp(z[b,w])\n",
    ),
    Proof(
        "log-softmax",
        "extreme",
        HEAD + "p[b,v] = softmax[v] z[b,v]\noutput l[b,v] = log(p[b,v])\n",
    ),
    Proof("log-softmax", "extreme", HEAD + "output l[b,v] = log(softmax[v] z[b,v])\n"),
    Proof(
        "log-sigmoid",
        "extreme",
        HEAD + "s[b,v] = sigmoid(z[b,v])\noutput l[b] = sum[v] log(s[b,v])\n",
    ),
    Proof("logsumexp", "extreme", HEAD + "output l[b] = log(sum[v] exp(z[b,v]))\n"),
    Proof("logsumexp", "extreme", HEAD + "output l[b] = log(sum[v if v > 0] exp(z[b,v]))\n"),
    Proof("logsumexp", "extreme", HEAD + "output l[b,v] = log1p(exp(z[b,v]))\n"),
    Proof("logsumexp", "extreme", HEAD + "output l[b] = log(exp(z[b,0]) + exp(2 * z[b,0]))\n"),
    Proof(
        "safe-products",
        "typical",
        HEAD
        + "p[b,v] = softmax[v if v <= b] z[b,v]\n"
        + "l[b,v] = log_softmax[v if v <= b] z[b,v]\n"
        + "output h[b] = -sum[v] p[b,v] * l[b,v]\n",
    ),
    Proof(
        "safe-products",
        "ties",
        HEAD + "input q[B, V]\noutput h[b,v] = relu(q[b,v]) * log(relu(z[b,v]))\n",
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: f"{proof.rule} {proof.spec[61:]}")
def test_a_rule_is_needed_and_suffices(proof: Proof, compile_spec: Compile) -> None:
    on = compile_spec(proof.spec).verify()
    off = compile_spec(proof.spec, proof.rule).verify()
    assert on.ok, str(on)
    assert off.verdict == "WRONG", "the rule changes nothing that verification sees"
    assert proof.regime in {failure.regime for failure in off.failures}


def test_a_draw_above_a_law_that_ends_below_one_gives_the_last_possible_index(
    compile_spec: Compile,
) -> None:
    spec = (
        HEAD + "random g[B] ~ uniform(0, 1)\n"
        "c[b,v] = sum[w if w <= v] softmax[w] z[b,w]\n"
        "output x[b] = min[v if g[b] < c[b,v]] v\n"
    )
    assert compile_spec(spec).verify().ok
    off = compile_spec(spec, "inverse-transform").verify()
    assert {failure.regime for failure in off.failures} == {"tail"}


def test_the_logarithm_of_one_minus_a_sigmoid_is_finite(compile_spec: Compile) -> None:
    made = compile_spec(HEAD + "output l[b,v] = log(1 - sigmoid(z[b,v]))\n")
    z = torch.tensor([[1e4, -1e4, 0.0]])
    expected = torch.tensor([[-1e4, 0.0, -math.log(2)]])
    assert torch.allclose(made.candidate.function(z), expected)


def test_contraction_is_a_matter_of_speed(compile_spec: Compile) -> None:
    spec = HEAD + "param W[V, V] ~ xavier()\noutput y[b,v] = sum[w] W[v,w] * z[b,w] / sqrt(V)\n"
    for without in ((), ("contract",)):
        made = compile_spec(spec, *without)
        assert made.verify().ok
        (step,) = made.program.steps
        assert any(isinstance(node, Contract) for node in walk(step.body)) == (not without)


def test_every_rule_states_its_identity() -> None:
    for name, rule in RULES:
        assert rule.__doc__ and "=" in rule.__doc__, name


def test_an_untaken_branch_spoils_neither_value_nor_gradient(compile_spec: Compile) -> None:
    spec = (
        HEAD + "output y[b,v] = if z[b,v] > 0 then log(z[b,v]) + 1 / z[b,v] else 0\n"
        "output s[b] = sum[v if z[b,v] > 0] sqrt(z[b,v])\n"
    )
    z = torch.tensor([[0.0, -2.0, 4.0]], dtype=torch.float64, requires_grad=True)
    y, s = compile_spec(spec).candidate.function(z)
    (y.sum() + s.sum()).backward()
    assert y.tolist() == [[0.0, 0.0, math.log(4) + 0.25]] and s.tolist() == [2.0]
    assert z.grad is not None
    assert z.grad.tolist() == [[0.0, 0.0, 0.25 - 1 / 16 + 0.25]]


def named(program: Program) -> dict[str, list[str]]:
    """The names that the equations of each step define."""
    return {s.name: [span.text.split("[")[0] for span in s.spans] for s in program.steps}


def test_equations_of_lost_steps_are_named_at_the_next_step_that_is_left(
    compile_spec: Compile,
) -> None:
    spec = (
        HEAD + "c[b,v] = 2 * z[b,v]\nd[b,v] = c[b,v] + 1\noutput x[b,v] = d[b,v] ^ 2\n"
        "e[b,v] = c[b,v] - 3\noutput y[b,v] = exp(e[b,v])\n"
    )
    literal = live(lower(compile_spec(spec).module))
    outputs = replace(literal, steps=tuple(step for step in literal.steps if step.output))
    assert named(outputs) == {"x": ["output x"], "y": ["output y"]}
    assert named(covered(literal, outputs)) == {
        "x": ["c", "d", "output x"],
        "y": ["e", "output y"],
    }
    assert covered(literal, literal) == literal
    # An equation that a rule has named itself, here c at y, is named there alone.
    c, (x, y) = literal.steps[0], outputs.steps
    merged = replace(outputs, steps=(x, replace(y, spans=(*c.spans, *y.spans))))
    assert named(covered(literal, merged)) == {"x": ["d", "output x"], "y": ["e", "c", "output y"]}


def test_rewriting_names_the_equations_of_lost_steps(
    compile_spec: Compile, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = (
        HEAD + "random g[B] ~ uniform(0, 1)\nconst k = 2\nrequire k >= 1\n"
        "place[b,v] = rank[v] z[b,v]\n"
        "p[b,v] = softmax[v if place[b,v] < k] z[b,v]\n"
        "cumulated[b,v] = sum[w if w <= v] p[b,w]\n"
        "output x[b] = min[v if g[b] < cumulated[b,v]] v\n"
    )
    assert named(compile_spec(spec).program)["x"] == ["cumulated", "output x"]
    monkeypatch.setattr("lawful.compiler.rewrite.covered", lambda literal, program: program)
    assert named(compile_spec(spec).program)["x"] == ["output x"]
