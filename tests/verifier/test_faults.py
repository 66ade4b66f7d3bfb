"""Faults planted in generated files by hand: each kind is caught, by the check meant for it. The
code follows its equations literally; faults in what the rules for speed write are planted by
`lawful mutate`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import lawful
import pytest
from lawful.verifier.candidate import generated
from lawful.verifier.verify import Options, verify_candidate


@dataclass(frozen=True)
class Fault:
    kind: str
    module: str
    old: str
    new: str
    check: str


FAULTS = (
    Fault(
        "mask off by one",
        "attention.CausalSelfAttention",
        "where=u <= t[:, None]",
        "where=u <= t[:, None] + 1",
        "values",
    ),
    Fault(
        "mask strict",
        "attention.CausalSelfAttention",
        "where=u <= t[:, None]",
        "where=u < t[:, None]",
        "values",
    ),
    Fault(
        "scale",
        "attention.CausalSelfAttention",
        "q / math.sqrt(K)",
        "q / math.sqrt(D)",
        "values",
    ),
    Fault(
        "wrong axis",
        "attention.CausalSelfAttention",
        "ops.softmax(ops.widen(s), dim=-1",
        "ops.softmax(ops.widen(s), dim=-2",
        "values",
    ),
    Fault(
        "heads tiled, not repeated",
        "attention.RotaryAttention",
        "v[:, h // M]",
        "v[:, h % G]",
        "values",
    ),
    Fault(
        "rotation the other way",
        "attention.RotaryAttentionHalves",
        "t.to(wide)[:, None] * base",
        "-t.to(wide)[:, None] * base",
        "values",
    ),
    Fault("dropped term", "norms.RMSNorm", " + eps", "", "values"),
    Fault(
        "mean for sum",
        "losses.next_token.SequenceLogProb",
        ".sum(dim=-1)",
        ".mean(dim=-1)",
        "values",
    ),
    Fault("sum for mean", "losses.dpo.DPO", ".mean(dim=-1)", ".sum(dim=-1)", "values"),
    Fault("factor twice", "losses.dpo.DPO", "(beta * (", "(beta * beta * (", "values"),
    Fault(
        "detached factor",
        "norms.RMSNorm",
        "x_.square()",
        "x_.detach().square()",
        "gradients",
    ),
    Fault(
        "detached branch",
        "mlp.SwiGLU",
        "torch.sigmoid(gate_)",
        "torch.sigmoid(gate_.detach())",
        "gradients",
    ),
    Fault(
        "cast to lower precision",
        "attention.CausalSelfAttention",
        "ops.widen(s)",
        "ops.widen(s.to(torch.bfloat16))",
        "values",
    ),
    Fault(
        "float32 inside float64",
        "norms.RMSNorm",
        "x_ = ops.widen(x)",
        "x_ = ops.widen(x.float())",
        "values",
    ),
    Fault(
        "boundary of top-p",
        "samplers.TopKTopPSampler",
        "ops.widen(before) < top_p",
        "ops.widen(before) <= top_p",
        "values",
    ),
    Fault(
        "boundary of the draw",
        "samplers.TopKTopPSampler",
        "ops.widen(g)[:, None] < cumulated_",
        "ops.widen(g)[:, None] <= cumulated_",
        "values",
    ),
    Fault(
        "one more than top-k",
        "samplers.TopKTopPSampler",
        "where=place < top_k",
        "where=place <= top_k",
        "values",
    ),
    Fault(
        "input changed in place",
        "norms.RMSNorm",
        "x_ = ops.widen(x)",
        "x.mul_(1.0 if x.requires_grad else 2.0)\n    x_ = ops.widen(x)",
        "unchanged",
    ),
    Fault(
        "stale buffer",
        "attention.RotaryAttention",
        "    return y\n",
        "    buffer = rotary_attention.__dict__.setdefault(y.shape, y.detach())\n"
        "    return y + (buffer - y).detach()\n",
        "values",
    ),
    Fault(
        "state between calls",
        "losses.dpo.DPO",
        "    return loss\n",
        "    dpo.calls = getattr(dpo, 'calls', 0) + 1\n    return loss + 1e-3 * dpo.calls\n",
        "repeats",
    ),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.module}: {fault.kind}")
def test_a_planted_fault_is_caught_by_its_check(
    fault: Fault, literal: Path, tmp_path: Path
) -> None:
    out = tmp_path / "generated"
    shutil.copytree(literal, out)
    module = lawful.load(f"lawful.{fault.module}")
    path = out / (module.qualified.rpartition(".")[0].replace(".", "/") + ".py")
    text = path.read_text(encoding="utf-8")
    start = text.index(f'spec = "{module.qualified}"')
    end = text.index("class ", start)
    body = text[start:end]
    assert fault.old in body, "the fault has nothing to change: mend the test"
    path.write_text(
        text[:start] + body.replace(fault.old, fault.new) + text[end:], encoding="utf-8"
    )

    report = verify_candidate(module, generated(module, out), Options(level="quick"))

    failed = [check.name for check in report.checks if check.verdict == "WRONG"]
    assert fault.check in failed, str(report)
    failure = next(f for f in report.failures if f.check == fault.check)
    assert failure.equation and failure.place and failure.command.startswith("lawful verify")
