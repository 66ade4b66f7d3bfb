"""Preference losses and the reward loss of TRL, by the names of our specs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from trl.experimental.cpo.cpo_trainer import CPOTrainer
from trl.experimental.gkd.gkd_trainer import GKDTrainer
from trl.experimental.orpo.orpo_trainer import ORPOTrainer
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.kto_trainer import KTOTrainer
from trl.trainer.reward_trainer import RewardTrainer

from examples.conformance.entry import Entry
from examples.conformance.trl_trainer import answering, trainer

IGNORED = -100

# DPOTrainer. Answers are one token long unless a loss asks for more; the first column of a mask
# is the prompt's.


def _dpo(
    loss_type: str,
    lw: Tensor,
    ll: Tensor,
    rw: Tensor,
    rl: Tensor,
    m_w: Tensor | None = None,
    m_l: Tensor | None = None,
    f_divergence_type: str = "reverse_kl",
    **settings: Any,
) -> Tensor:
    if m_w is None or m_l is None:
        lw, ll, rw, rl = lw[:, None], ll[:, None], rw[:, None], rl[:, None]
        m_w = m_l = torch.ones_like(lw, dtype=torch.bool)
    lw, rw = torch.where(m_w, lw, 0), torch.where(m_w, rw, 0)
    ll, rl = torch.where(m_l, ll, 0), torch.where(m_l, rl, 0)
    mask = F.pad(torch.cat([m_w, m_l]).long(), (1, 0))
    inputs = {
        "input_ids": torch.zeros_like(mask),
        "completion_mask": mask,
        "ref_chosen_logps": rw.sum(1),
        "ref_rejected_logps": rl.sum(1),
    }
    self = trainer(
        ld_alpha=None,
        use_weighting=False,
        loss_types=[loss_type],
        loss_weights=[1.0],
        f_divergence_type=f_divergence_type,
        **settings,
    )
    loss: Tensor = DPOTrainer._compute_loss(self, answering(torch.cat([lw, ll])), inputs, False)
    return loss


def dpo_sigmoid(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float) -> Tensor:
    return _dpo("sigmoid", lw, ll, rw, rl, beta=beta)


def dpo_forward_kl(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float) -> Tensor:
    return _dpo("sigmoid", lw, ll, rw, rl, beta=beta, f_divergence_type="forward_kl")


def dpo_js(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float) -> Tensor:
    return _dpo("sigmoid", lw, ll, rw, rl, beta=beta, f_divergence_type="js_divergence")


def dpo_hinge(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float) -> Tensor:
    return _dpo("hinge", lw, ll, rw, rl, beta=beta)


def dpo_robust(
    lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float, epsilon: float
) -> Tensor:
    return _dpo("robust", lw, ll, rw, rl, beta=beta, label_smoothing=epsilon)


def dpo_exo(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float, epsilon: float) -> Tensor:
    return _dpo("exo_pair", lw, ll, rw, rl, beta=beta, label_smoothing=epsilon)


def dpo_nca(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float) -> Tensor:
    return _dpo("nca_pair", lw, ll, rw, rl, beta=beta)


def dpo_bco(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float) -> Tensor:
    return _dpo("bco_pair", lw, ll, rw, rl, beta=beta)


def dpo_sppo(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float) -> Tensor:
    return _dpo("sppo_hard", lw, ll, rw, rl, beta=beta)


def dpo_aot(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float, epsilon: float) -> Tensor:
    return _dpo("aot", lw, ll, rw, rl, beta=beta, label_smoothing=epsilon)


def dpo_aot_unpaired(
    lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float, epsilon: float
) -> Tensor:
    return _dpo("aot_unpaired", lw, ll, rw, rl, beta=beta, label_smoothing=epsilon)


def dpo_apo_zero(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float) -> Tensor:
    return _dpo("apo_zero", lw, ll, rw, rl, beta=beta)


def dpo_apo_down(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float) -> Tensor:
    return _dpo("apo_down", lw, ll, rw, rl, beta=beta)


def dpo_discopop(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float, tau: float) -> Tensor:
    args = SimpleNamespace(discopop_tau=tau)
    return _dpo("discopop", lw, ll, rw, rl, beta=beta, args=args)


def dpo_ipo(
    lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, m_w: Tensor, m_l: Tensor, tau: float
) -> Tensor:
    return _dpo("ipo", lw, ll, rw, rl, m_w, m_l, beta=tau).to(lw.dtype)


def dpo_sigmoid_norm(
    lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, m_w: Tensor, m_l: Tensor, beta: float
) -> Tensor:
    return _dpo("sigmoid_norm", lw, ll, rw, rl, m_w, m_l, beta=beta).to(lw.dtype)


# the other trainers


def kto(
    lp: Tensor,
    rp: Tensor,
    desirable: Tensor,
    lp_kl: Tensor,
    rp_kl: Tensor,
    beta: float,
    lambda_D: float,
    lambda_U: float,
) -> Tensor:
    mask = torch.tensor([[0, 1]]).expand(len(lp), 2)
    inputs = {
        "input_ids": torch.zeros_like(mask),
        "completion_mask": mask,
        "label": desirable,
        "ref_logps": rp,
        "ref_KL_logps": rp_kl,
    }
    self = trainer(
        loss_type="kto",
        calculate_KL=True,
        beta=beta,
        desirable_weight=lambda_D,
        undesirable_weight=lambda_U,
        _compute_kl_logps=lambda model, batch: lp_kl,
    )
    loss: Tensor = KTOTrainer._compute_loss(self, answering(lp[:, None]), inputs, False)
    return loss


def reward(r_w: Tensor, r_l: Tensor, margin: Tensor) -> Tensor:
    return _reward(r_w, r_l, None, margin=margin)


def reward_centred(r_w: Tensor, r_l: Tensor, c: float) -> Tensor:
    return _reward(r_w, r_l, c)


def _reward(r_w: Tensor, r_l: Tensor, c: float | None, **inputs: Tensor) -> Tensor:
    self = trainer(args=SimpleNamespace(center_rewards_coefficient=c))
    outputs = SimpleNamespace(logits=torch.cat([r_w, r_l])[:, None])
    loss: Tensor = RewardTrainer.compute_loss(self, lambda **_: outputs, dict(inputs))
    return loss


def _cpo(loss_type: str, lw: Tensor, ll: Tensor, **settings: float) -> Tensor:
    self = trainer(loss_type=loss_type, **{"alpha": 0.0, "label_smoothing": 0.0, **settings})
    losses: Tensor = CPOTrainer.cpo_loss(self, lw, ll)[0]
    return losses.mean()


def cpo(lw: Tensor, ll: Tensor, beta: float, epsilon: float) -> Tensor:
    return _cpo("sigmoid", lw, ll, beta=beta, label_smoothing=epsilon)


def alpha_po(lw: Tensor, ll: Tensor, beta: float, alpha: float) -> Tensor:
    return _cpo("sigmoid", lw, ll, beta=beta, alpha=alpha)


def simpo(lw: Tensor, ll: Tensor, m_w: Tensor, m_l: Tensor, beta: float, gamma: float) -> Tensor:
    # The trainer averages in get_batch_logps, from logits; here the tokens come as they are.
    mean_w = torch.where(m_w, lw, 0).sum(1) / m_w.sum(1)
    mean_l = torch.where(m_l, ll, 0).sum(1) / m_l.sum(1)
    return _cpo("simpo", mean_w, mean_l, beta=beta, simpo_gamma=gamma)


def orpo(
    z_w: Tensor,
    z_l: Tensor,
    y_w: Tensor,
    y_l: Tensor,
    m_w: Tensor,
    m_l: Tensor,
    beta: float,
) -> Tensor:
    def average(z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        labels = F.pad(torch.where(m, y, IGNORED), (1, 0), value=IGNORED)
        logps: Tensor = ORPOTrainer.get_batch_logps(F.pad(z, (0, 0, 0, 1)), labels, True)
        return logps

    lw, ll = average(z_w, y_w, m_w), average(z_l, y_l, m_l)
    losses: Tensor = ORPOTrainer.odds_ratio_loss(trainer(beta=beta), lw, ll)[0]
    return losses.mean().to(z_w.dtype)


def gkd(z: Tensor, w: Tensor, m: Tensor, beta: float, tau: float) -> Tensor:
    labels = torch.where(m, 0, IGNORED)
    loss: Tensor = GKDTrainer.generalized_jsd_loss(z, w, labels, beta, tau)
    return loss


_D = "DPOTrainer, loss_type"

ENTRIES = (
    Entry(f"{_D} sigmoid", "lawful.losses.dpo.DPO", dpo_sigmoid, "the paper's loss"),
    Entry(
        f"{_D} sigmoid, forward_kl",
        "preference.ForwardKLDPO",
        dpo_forward_kl,
        "scores 1 - 1/t of the ratios t",
        why=(
            "At log-ratios of 1e4 the score is exp(1e4), and its log-sigmoid is beyond what the "
            "oracle evaluates; nothing is claimed there."
        ),
    ),
    Entry(
        f"{_D} sigmoid, js_divergence",
        "preference.JensenShannonDPO",
        dpo_js,
        "scores log(2t / (1 + t)) of the ratios t",
    ),
    Entry(f"{_D} hinge", "lawful.losses.dpo.HingeDPO", dpo_hinge, "margin 1"),
    Entry(
        f"{_D} ipo",
        "lawful.losses.dpo.IPOLengthAveraged",
        dpo_ipo,
        "log-ratios averaged over tokens, unlike the paper's sums; beta is the paper's tau",
    ),
    Entry(
        f"{_D} sigmoid_norm",
        "preference.NormalisedDPO",
        dpo_sigmoid_norm,
        "log-ratios averaged over tokens",
    ),
    Entry(f"{_D} robust", "lawful.losses.dpo.RobustDPO", dpo_robust, "the unbiased estimate"),
    Entry(
        f"{_D} exo_pair",
        "preference.EXO",
        dpo_exo,
        "KL(policy, smoothed label)",
        why=(
            "The label smoothing is put into a tensor of the default dtype, float32: in float64 "
            "the loss is accurate to float32."
        ),
    ),
    Entry(f"{_D} nca_pair", "preference.NCA", dpo_nca, "two answers"),
    Entry(f"{_D} bco_pair", "preference.BCO", dpo_bco, "no shift of the rewards"),
    Entry(f"{_D} sppo_hard", "preference.SPPO", dpo_sppo, "targets ±1/(2 beta), summed"),
    Entry(f"{_D} aot", "preference.AOT", dpo_aot, "policy and reference margins by rank"),
    Entry(
        f"{_D} aot_unpaired",
        "preference.AOTUnpaired",
        dpo_aot_unpaired,
        "preferred and rejected log-ratios by rank",
    ),
    Entry(f"{_D} apo_zero", "preference.APOZero", dpo_apo_zero, "eq. 7"),
    Entry(f"{_D} apo_down", "preference.APODown", dpo_apo_down, "eq. 8"),
    Entry(
        f"{_D} discopop",
        "preference.DiscoPOP",
        dpo_discopop,
        "tau is discopop_tau",
        why=(
            "The exponential of a large negative margin overflows and the sigmoid that "
            "multiplies it underflows: infinity times 0."
        ),
    ),
    Entry(
        "KTOTrainer, loss_type kto",
        "lawful.losses.dpo.KTO",
        kto,
        "the point of reference held at 0 from below, without a gradient",
        why=(
            "Where a batch has only desirable or only undesirable answers, the other part is "
            "torch.Tensor([]), which is float32, and the loss becomes float32. No value is "
            "wrong."
        ),
    ),
    Entry(
        "RewardTrainer, margin",
        "lawful.losses.reward.BradleyTerry",
        reward,
        "the margin inside the sigmoid",
    ),
    Entry(
        "RewardTrainer, center_rewards_coefficient",
        "lawful.losses.reward.CenteredBradleyTerry",
        reward_centred,
        "the square of the sum of the two rewards",
    ),
    Entry("CPOTrainer.cpo_loss, sigmoid", "preference.CPOPreference", cpo, "label smoothing"),
    Entry(
        "CPOTrainer.cpo_loss, alpha",
        "preference.AlphaPO",
        alpha_po,
        "AlphaPO's reward",
        why=(
            "The reward is a power of exp of the log-probability. At +1e4, which no "
            "log-probability is, exp overflows and the derivative is 0 times infinity; at -1e4 the "
            "reward is beyond every format, and nothing is claimed."
        ),
    ),
    Entry(
        "CPOTrainer.cpo_loss, simpo",
        "lawful.losses.preference.SimPO",
        simpo,
        "simpo_gamma is the paper's gamma: it is divided by beta and multiplied again",
    ),
    Entry(
        "ORPOTrainer.odds_ratio_loss and get_batch_logps",
        "preference.ORPOOddsRatio",
        orpo,
        "averaged over tokens; the value is that of the paper's L_OR, negated, times beta",
        why=(
            "Computed in float32 whatever the dtype. Where an answer's probability rounds to 1, "
            "log1mexp takes the logarithm of 0 in the branch that torch.where discards, and its "
            "derivative is NaN all the same."
        ),
    ),
    Entry(
        "GKDTrainer.generalized_jsd_loss",
        "lawful.losses.distillation.GKD",
        gkd,
        "the teacher has the share beta of the mixture; plain divergences at both ends",
        why=(
            "In bfloat16 its log-softmax is rounded before the gradient is taken of it: "
            "where a probability is close to 1, what is left of p - 1 is a rounding error."
        ),
    ),
)
