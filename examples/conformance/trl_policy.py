"""Policy losses and token statistics of TRL, by the names of our specs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from trl.experimental.gmpo.gmpo_trainer import GMPOTrainer
from trl.kernels import ChunkedLogProbFunction
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.rloo_trainer import RLOOTrainer
from trl.trainer.utils import entropy_from_logits, nanstd, selective_log_softmax

from examples.conformance.entry import Entry
from examples.conformance.trl_trainer import trainer


def _policy(
    code: Any,
    lp: Tensor,
    m: Tensor,
    A: Tensor,
    inputs: dict[str, Tensor],
    level: str = "token",
    **settings: Any,
) -> Tensor:
    """The loss that a trainer takes of answers whose log-probabilities are given."""
    prompt = torch.zeros(len(m), 1, dtype=torch.long)
    self = trainer(
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        use_vllm=False,
        _entropy_bonus_enabled=False,
        importance_sampling_level=level,
        _get_per_token_logps_and_entropies=lambda *_, **__: (lp, torch.zeros_like(lp), None),
        **{"beta": 0.0, "args": SimpleNamespace(use_bias_correction_kl=False, delta=None)}
        | settings,
    )
    batch = {
        "prompt_ids": prompt,
        "prompt_mask": prompt,
        "completion_ids": torch.zeros_like(m, dtype=torch.long),
        "completion_mask": m.long(),
        "advantages": A,
        **inputs,
    }
    loss: Tensor = code(self, None, batch)
    return loss.to(lp.dtype)


def _grpo(
    loss_type: str,
    lp: Tensor,
    old: Tensor,
    A: Tensor,
    m: Tensor,
    inputs: dict[str, Tensor] | None = None,
    **settings: Any,
) -> Tensor:
    inputs = {"old_per_token_logps": old, **(inputs or {})}
    return _policy(GRPOTrainer._compute_loss, lp, m, A, inputs, loss_type=loss_type, **settings)


def grpo(
    lp: Tensor,
    old: Tensor,
    ref: Tensor,
    A: Tensor,
    m: Tensor,
    epsilon_low: float,
    epsilon_high: float,
    beta: float,
) -> Tensor:
    return _grpo(
        "grpo",
        lp,
        old,
        A,
        m,
        {"ref_per_token_logps": ref},
        epsilon_low=epsilon_low,
        epsilon_high=epsilon_high,
        beta=beta,
    )


def bnpo(
    lp: Tensor, old: Tensor, A: Tensor, m: Tensor, epsilon_low: float, epsilon_high: float
) -> Tensor:
    return _grpo("bnpo", lp, old, A, m, epsilon_low=epsilon_low, epsilon_high=epsilon_high)


def dr_grpo(
    lp: Tensor,
    old: Tensor,
    A: Tensor,
    m: Tensor,
    epsilon_low: float,
    epsilon_high: float,
    L_max: float,
) -> Tensor:
    return _grpo(
        "dr_grpo",
        lp,
        old,
        A,
        m,
        epsilon_low=epsilon_low,
        epsilon_high=epsilon_high,
        max_completion_length=L_max,
    )


def dapo(
    lp: Tensor,
    old: Tensor,
    A: Tensor,
    m: Tensor,
    epsilon_low: float,
    epsilon_high: float,
    items: float,
) -> Tensor:
    return _grpo(
        "dapo",
        lp,
        old,
        A,
        m,
        {"num_items_in_batch": torch.tensor(items)},
        epsilon_low=epsilon_low,
        epsilon_high=epsilon_high,
    )


def luspo(
    lp: Tensor, old: Tensor, A: Tensor, m: Tensor, epsilon_low: float, epsilon_high: float
) -> Tensor:
    return _grpo(
        "luspo",
        lp,
        old,
        A,
        m,
        level="sequence",
        epsilon_low=epsilon_low,
        epsilon_high=epsilon_high,
    )


def sapo(lp: Tensor, old: Tensor, A: Tensor, m: Tensor, tau_pos: float, tau_neg: float) -> Tensor:
    args = SimpleNamespace(sapo_temperature_pos=tau_pos, sapo_temperature_neg=tau_neg)
    return _grpo("sapo", lp, old, A, m, args=args)


def cispo(lp: Tensor, old: Tensor, A: Tensor, m: Tensor, epsilon: float) -> Tensor:
    return _grpo(
        "cispo",
        lp.flatten(0, 1),
        old.flatten(0, 1),
        A.flatten(),
        m.flatten(0, 1),
        {"num_items_in_batch": m.sum()},
        epsilon_high=1 + epsilon,
    )


def gspo(
    lp: Tensor, old: Tensor, A: Tensor, m: Tensor, epsilon_low: float, epsilon_high: float
) -> Tensor:
    return _grpo(
        "grpo",
        lp.flatten(0, 1),
        old.detach().flatten(0, 1),
        A.flatten(),
        m.flatten(0, 1),
        level="sequence",
        epsilon_low=epsilon_low,
        epsilon_high=epsilon_high,
    )


def rloo(
    lp: Tensor, old: Tensor, A: Tensor, m: Tensor, epsilon_low: float, epsilon_high: float
) -> Tensor:
    return _policy(
        RLOOTrainer._compute_loss,
        lp,
        m,
        A,
        {"old_logps": old},
        epsilon_low=epsilon_low,
        epsilon_high=epsilon_high,
    )


def gmpo(
    lp: Tensor, old: Tensor, A: Tensor, m: Tensor, epsilon_low: float, epsilon_high: float
) -> Tensor:
    return _policy(
        GMPOTrainer._compute_loss,
        lp,
        m,
        A,
        {"old_per_token_logps": old},
        epsilon_low=epsilon_low,
        epsilon_high=epsilon_high,
    )


def group_advantage(R: Tensor, epsilon: float) -> Tensor:
    return (R - R.mean(1, keepdim=True)) / (nanstd(R, dim=1, keepdim=True) + epsilon)


def token_log_prob(z: Tensor, y: Tensor, m: Tensor, tau: float) -> Tensor:
    lp: Tensor = selective_log_softmax(z, y, tau, m)
    return lp


def token_entropy(z: Tensor) -> Tensor:
    entropy: Tensor = entropy_from_logits(z)
    return entropy


def fused_head(h: Tensor, y: Tensor, W: Tensor, tau: float) -> tuple[Tensor, Tensor]:
    fields = ("log_probs", "entropy")
    lp, entropy, *_ = ChunkedLogProbFunction.apply(h, W, None, y, tau, 2, None, 1.0, fields)
    return lp.to(h.dtype), entropy.to(h.dtype)


_G = "GRPOTrainer, loss_type"

ENTRIES = (
    Entry(
        f"{_G} grpo",
        "policy.GRPOLoss",
        grpo,
        "mean over each answer, then over answers; an empty answer counts as 0; k3 penalty",
    ),
    Entry(f"{_G} bnpo", "policy.BNPOLoss", bnpo, "mean over all tokens of the micro-batch"),
    Entry(f"{_G} dr_grpo", "policy.DrGRPOLoss", dr_grpo, "a constant length"),
    Entry(f"{_G} dapo", "policy.DAPOLoss", dapo, "tokens of the whole batch"),
    Entry(f"{_G} luspo", "policy.LUSPOLoss", luspo, "one ratio an answer, times its length"),
    Entry(
        f"{_G} sapo",
        "policy.SAPOLoss",
        sapo,
        "a sigmoid gate in place of the clip",
        why=(
            "The temperature of each answer is chosen by torch.where from two Python numbers, "
            "which gives float32: in float64 the loss is accurate to float32."
        ),
    ),
    Entry(
        f"{_G} cispo",
        "lawful.rl.policy_gradient.CISPO",
        cispo,
        "epsilon_high is the largest weight itself, 1 + epsilon",
    ),
    Entry(
        f"{_G} grpo, sequence level",
        "lawful.rl.policy_gradient.GSPO",
        gspo,
        "one ratio an answer",
    ),
    Entry("RLOOTrainer", "policy.RLOOLoss", rloo, "the ratio of whole answers"),
    Entry("GMPOTrainer", "policy.GMPOLoss", gmpo, "clipped in the logarithm"),
    Entry(
        "nanstd, in a group's advantage",
        "lawful.rl.advantages.GroupAdvantage",
        group_advantage,
        "G - 1 in the denominator",
        why=(
            "Bessel's correction is a quotient of integers, which is float32: in float64 the "
            "deviation is accurate to float32. Where all rewards of a group are equal the "
            "derivative of the root is infinite and the gradient NaN; no trainer differentiates "
            "through it."
        ),
    ),
    Entry(
        "selective_log_softmax",
        "tokens.TokenLogProb",
        token_log_prob,
        "with temperature and row_mask",
        why=(
            "In bfloat16 its log-softmax is rounded before the gradient is taken of it: "
            "where a probability is close to 1, what is left of p - 1 is a rounding error."
        ),
    ),
    Entry(
        "entropy_from_logits",
        "tokens.TokenEntropy",
        token_entropy,
        "in nats",
        why=("In bfloat16 its log-softmax is rounded before the gradient is taken of it."),
    ),
    Entry(
        "ChunkedLogProbFunction, log_probs and entropy",
        "tokens.LinearTokenLogProb",
        fused_head,
        "the fused head of all trainers, in chunks of two rows",
        why="Accumulated in float32 whatever the dtype.",
    ),
)
