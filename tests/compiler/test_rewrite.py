"""Every stabilising rule proves its worth: on, verification passes; off, it fails in the
regime that the rule names."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from lawful.compiler.build import generate
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load
from lawful.compiler.lower import lower
from lawful.compiler.outputs import write
from lawful.compiler.program import Contract, walk
from lawful.compiler.rewrite import RULES, rewrite
from lawful.compiler.typed import Module
from lawful.verifier.candidate import generated
from lawful.verifier.report import Report
from lawful.verifier.verify import Options, verify_candidate

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


def compiled(spec: str, folder: Path, without: tuple[str, ...]) -> tuple[Module, Path]:
    root, out = folder / "spec", folder / "generated"
    root.mkdir(exist_ok=True)
    (root / "m.eq").write_text(spec, encoding="utf-8")
    log = Log()
    modules = load(root, log)
    assert not log.failed, "\n".join(map(str, log.in_order()))
    write(generate(modules, without), out, True)
    return modules["m.M"], out


def verified(spec: str, folder: Path, without: tuple[str, ...] = ()) -> Report:
    module, out = compiled(spec, folder, without)
    return verify_candidate(module, generated(module, out), Options(level="quick"))


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: f"{proof.rule} {proof.spec[61:]}")
def test_a_rule_is_needed_and_suffices(proof: Proof, tmp_path: Path) -> None:
    (tmp_path / "on").mkdir()
    (tmp_path / "off").mkdir()
    on = verified(proof.spec, tmp_path / "on")
    off = verified(proof.spec, tmp_path / "off", (proof.rule,))
    assert on.ok, str(on)
    assert off.verdict == "WRONG", "the rule changes nothing that verification sees"
    assert proof.regime in {failure.regime for failure in off.failures}


def test_a_draw_above_a_law_that_ends_below_one_gives_the_last_possible_index(
    tmp_path: Path,
) -> None:
    spec = (
        HEAD + "random g[B] ~ uniform(0, 1)\n"
        "c[b,v] = sum[w if w <= v] softmax[w] z[b,w]\n"
        "output x[b] = min[v if g[b] < c[b,v]] v\n"
    )
    (tmp_path / "on").mkdir()
    (tmp_path / "off").mkdir()
    assert verified(spec, tmp_path / "on").ok
    off = verified(spec, tmp_path / "off", ("inverse-transform",))
    assert {failure.regime for failure in off.failures} == {"tail"}


def test_the_logarithm_of_one_minus_a_sigmoid_is_finite(tmp_path: Path) -> None:
    module, out = compiled(HEAD + "output l[b,v] = log(1 - sigmoid(z[b,v]))\n", tmp_path, ())
    z = torch.tensor([[1e4, -1e4, 0.0]])
    expected = torch.tensor([[-1e4, 0.0, -math.log(2)]])
    assert torch.allclose(generated(module, out).function(z), expected)


def test_contraction_is_a_matter_of_speed(tmp_path: Path) -> None:
    spec = HEAD + "param W[V, V] ~ xavier()\noutput y[b,v] = sum[w] W[v,w] * z[b,w] / sqrt(V)\n"
    (tmp_path / "on").mkdir()
    (tmp_path / "off").mkdir()
    assert verified(spec, tmp_path / "on").ok
    assert verified(spec, tmp_path / "off", ("contract",)).ok
    module, _ = compiled(spec, tmp_path / "on", ())
    program = lower(module)
    assert program is not None
    with_rule, without = rewrite(program), rewrite(program, ["contract"])
    assert any(isinstance(node, Contract) for node in walk(with_rule.steps[0].body))
    assert not any(isinstance(node, Contract) for node in walk(without.steps[0].body))


def test_every_rule_states_its_identity() -> None:
    for name, rule in RULES:
        assert rule.__doc__ and "=" in rule.__doc__, name


def test_an_untaken_branch_spoils_neither_value_nor_gradient(tmp_path: Path) -> None:
    spec = (
        HEAD + "output y[b,v] = if z[b,v] > 0 then log(z[b,v]) + 1 / z[b,v] else 0\n"
        "output s[b] = sum[v if z[b,v] > 0] sqrt(z[b,v])\n"
    )
    module, out = compiled(spec, tmp_path, ())
    function = generated(module, out).function
    z = torch.tensor([[0.0, -2.0, 4.0]], dtype=torch.float64, requires_grad=True)
    y, s = function(z)
    (y.sum() + s.sum()).backward()
    assert y.tolist() == [[0.0, 0.0, math.log(4) + 0.25]] and s.tolist() == [2.0]
    assert z.grad is not None
    assert z.grad.tolist() == [[0.0, 0.0, 0.25 - 1 / 16 + 0.25]]
