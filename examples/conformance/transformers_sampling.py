"""Logits processors and losses of transformers, by the names of our specs. A processor gives
logits; the law that a sampler draws from is their softmax."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from transformers.generation.logits_process import (
    ClassifierFreeGuidanceLogitsProcessor,
    EpsilonLogitsWarper,
    EtaLogitsWarper,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
    UnbatchedClassifierFreeGuidanceLogitsProcessor,
)
from transformers.loss.loss_utils import ForCausalLMLoss
from transformers.modeling_outputs import CausalLMOutput
from transformers.trainer_pt_utils import LabelSmoother

from examples.conformance.entry import Entry

IGNORED = -100


def _law(processor: Any, z: Tensor) -> Tensor:
    none = torch.zeros(len(z), 1, dtype=torch.long)
    scores: Tensor = processor(none, z)
    return scores.softmax(-1)


def temperature(z: Tensor, tau: float) -> Tensor:
    return _law(TemperatureLogitsWarper(tau), z)


def top_k(z: Tensor, top_k: float) -> Tensor:
    return _law(TopKLogitsWarper(math.ceil(top_k)), z)


def top_p(z: Tensor, top_p: float) -> Tensor:
    return _law(TopPLogitsWarper(top_p), z)


def min_p(z: Tensor, min_p: float) -> Tensor:
    return _law(MinPLogitsWarper(min_p), z)


def typical(z: Tensor, mass: float) -> Tensor:
    return _law(TypicalLogitsWarper(mass), z)


def epsilon(z: Tensor, epsilon: float) -> Tensor:
    return _law(EpsilonLogitsWarper(epsilon), z)


def eta(z: Tensor, epsilon: float) -> Tensor:
    return _law(EtaLogitsWarper(epsilon), z)


def repetition_penalty(z: Tensor, tok: Tensor, m: Tensor, theta: float) -> Tensor:
    beyond = z.shape[1]  # a token that the processor is to ignore
    scores: Tensor = RepetitionPenaltyLogitsProcessor(theta)(torch.where(m, tok, beyond), z)
    return scores


def guidance(z_c: Tensor, z_u: Tensor, s: float) -> Tensor:
    none = torch.zeros(len(z_c), 1, dtype=torch.long)
    scores: Tensor = ClassifierFreeGuidanceLogitsProcessor(s)(none, torch.cat([z_c, z_u]))
    return scores.softmax(-1)


def guidance_unbatched(z_c: Tensor, z_u: Tensor, s: float) -> Tensor:
    def model(*_: Any, **__: Any) -> CausalLMOutput:
        return CausalLMOutput(logits=z_u[:, None])

    return _law(UnbatchedClassifierFreeGuidanceLogitsProcessor(s, model), z_c)


def causal_lm_loss(z: Tensor, tok: Tensor, m: Tensor) -> Tensor:
    labels = torch.where(m, tok, IGNORED)
    return ForCausalLMLoss(z, labels, z.shape[-1]).to(z.dtype)


def causal_lm_loss_accumulated(z: Tensor, y: Tensor, m: Tensor) -> Tensor:
    labels, items = torch.where(m, y, IGNORED), m.sum()
    losses = [
        ForCausalLMLoss(one, None, z.shape[-1], num_items_in_batch=items, shift_labels=label)
        for one, label in zip(z, labels, strict=True)
    ]
    return torch.stack(losses).sum().to(z.dtype)


def label_smoother(z: Tensor, y: Tensor, m: Tensor, epsilon: float) -> Tensor:
    labels = torch.where(m, y, IGNORED)
    loss: Tensor = LabelSmoother(epsilon)(CausalLMOutput(logits=z), labels)
    return loss.to(z.dtype)


ENTRIES = (
    Entry("TemperatureLogitsWarper", "lawful.filters.Temperature", temperature, "z / tau"),
    Entry(
        "TopKLogitsWarper",
        "lawful.filters.TopKTiesFilter",
        top_k,
        "ties with the k-th largest all stay",
    ),
    Entry(
        "TopPLogitsWarper",
        "lawful.filters.TopPFilter",
        top_p,
        "the token that crosses top_p stays",
    ),
    Entry("MinPLogitsWarper", "lawful.filters.MinPFilter", min_p, "on probabilities"),
    Entry(
        "TypicalLogitsWarper",
        "lawful.typicality.LocallyTypical",
        typical,
        "tokens as far from the entropy as the last one stay",
        why=(
            "It refuses a mass of 1, as it documents; at any other nothing is beyond its tolerance."
        ),
    ),
    Entry(
        "EpsilonLogitsWarper",
        "lawful.typicality.EpsilonSampling",
        epsilon,
        "the largest stays in any case",
    ),
    Entry(
        "EtaLogitsWarper",
        "lawful.typicality.EtaSampling",
        eta,
        "the largest stays in any case",
    ),
    Entry(
        "RepetitionPenaltyLogitsProcessor",
        "lawful.penalties.RepetitionPenalty",
        repetition_penalty,
        "negative logits multiplied, others divided; once however often a token occurred",
        why=(
            "The value is right. The gradient of a token that occurred n times is n times too "
            "large: its logit is gathered once for each occurrence, and all of them are written "
            "back to the same place. Generation takes no gradient."
        ),
    ),
    Entry(
        "ClassifierFreeGuidanceLogitsProcessor",
        "sampling.ClassifierFreeGuidanceBeyond1",
        guidance,
        "on logits; it refuses a scale of 1 or less",
    ),
    Entry(
        "UnbatchedClassifierFreeGuidanceLogitsProcessor",
        "lawful.guidance.ClassifierFreeGuidanceLogProbs",
        guidance_unbatched,
        "on log-probabilities",
    ),
    Entry(
        "ForCausalLMLoss",
        "lawful.losses.next_token.NextTokenCrossEntropy",
        causal_lm_loss,
        "shifts labels by one; a mean over the positions that are not ignored",
        why="Computed in float32 whatever the dtype.",
    ),
    Entry(
        "ForCausalLMLoss, num_items_in_batch",
        "lawful.losses.sharded.AccumulatedCrossEntropy",
        causal_lm_loss_accumulated,
        "one denominator for all micro-batches",
        why="Computed in float32 whatever the dtype.",
    ),
    Entry(
        "LabelSmoother",
        "lawful.losses.cross_entropy.LabelSmoothing",
        label_smoother,
        "the smoothed mass is spread over all classes, the right one among them",
        why="The sum over classes is in float32 whatever the dtype.",
    ),
)
