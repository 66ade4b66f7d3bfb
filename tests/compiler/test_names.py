"""Names in generated code."""

from __future__ import annotations

import keyword
import unicodedata

import pytest
import torch
from lawful.compiler.names import RESERVED, is_plain, python_name, snake_case


@pytest.mark.parametrize(
    ("name", "expected"),
    {
        "SimPO": "sim_po",
        "AdamW": "adam_w",
        "TopKMoe": "top_k_moe",
        "RMSNorm": "rms_norm",
        "DPO": "dpo",
        "SwiGLU": "swi_glu",
        "CausalSelfAttention": "causal_self_attention",
        "TopKTopPSampler": "top_k_top_p_sampler",
        "GQA": "gqa",
        "Eval": "eval_",
        "Σ": "sigma",
    }.items(),
)
def test_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    {"β": "beta", "Σ": "Sigma", "λ": "lambda_", "train": "train_", "x": "x", "W_Q": "W_Q",
     "η_0": "eta_0", "self": "self_", "μ": "mu"}.items(),
)  # fmt: skip
def test_python_name(name: str, expected: str) -> None:
    assert python_name(name) == expected


def test_every_greek_letter_is_spelt_out() -> None:
    letters = [chr(c) for c in range(0x391, 0x3AA) if c != 0x3A2]
    letters += [chr(c) for c in range(0x3B1, 0x3CA)] + list("ϵϕϑϰϱϖς\u00b5")
    for letter in letters:
        assert is_plain(letter), unicodedata.name(letter)
        assert python_name(letter).isidentifier()
    assert not is_plain("ж") and not is_plain("é")


def test_no_name_hides_an_attribute_of_a_module_or_a_tuple() -> None:
    attributes = {*dir(torch.nn.Module()), *dir(())}
    public = {name for name in attributes if name[0].isalpha()}
    assert public <= RESERVED | set(keyword.kwlist)
