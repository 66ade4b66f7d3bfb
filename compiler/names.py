"""What names become in generated Python: transliteration, hazards, snake case."""

from __future__ import annotations

import keyword
import re
import unicodedata
from functools import cache

GREEK = {
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "epsilon",
    "ζ": "zeta",
    "η": "eta",
    "θ": "theta",
    "ι": "iota",
    "κ": "kappa",
    "λ": "lambda",
    "μ": "mu",
    "ν": "nu",
    "ξ": "xi",
    "ο": "omicron",
    "π": "pi",
    "ρ": "rho",
    "σ": "sigma",
    "ς": "sigma",
    "τ": "tau",
    "υ": "upsilon",
    "φ": "phi",
    "χ": "chi",
    "ψ": "psi",
    "ω": "omega",
}
"""Lower-case letters; capitals get a capital (`Σ` -> `Sigma`). NFKC has turned the variants
(ϵ ϕ ϑ ϰ ϱ ϖ, the micro sign) into these."""

RESERVED = frozenset(
    """
    self cls torch math ops generator device dtype params cache print len range tuple list dict
    set int float bool str sum min max abs round any all zip map filter sorted iter next type
    object id input super isinstance getattr setattr hasattr annotations Tensor Mapping
    NamedTuple nn spec wide
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda
    double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter
    get_submodule half ipu load_state_dict modules mtia named_buffers named_children
    named_modules named_parameters parameters register_backward_hook register_buffer
    register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter
    register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state
    set_submodule share_memory state_dict to to_empty train training type xpu zero_grad
    count index
    init_cache step reset_parameters
    """.split()
)
"""Names that would hide something in generated code: names it uses, attributes of
torch.nn.Module, attributes of a tuple. They get a trailing `_`."""


def transliterate(name: str) -> str:
    """Greek letters spelt out; other characters as they are."""
    return "".join(map(_letter, unicodedata.normalize("NFKC", name)))


def _letter(character: str) -> str:
    lower = character.lower()
    if lower not in GREEK:
        return character
    word = GREEK[lower]
    return word if character == lower else word.capitalize()


@cache
def python_name(name: str) -> str:
    """The name in generated code."""
    plain = transliterate(name)
    hazard = keyword.iskeyword(plain) or plain in RESERVED
    return plain + "_" if hazard else plain


def class_name(name: str) -> str:
    """The class of a module: its name, with a `_` where that hides something or is the name
    of its function."""
    plain = python_name(name)
    return plain + "_" if plain == snake_case(name) else plain


def snake_case(name: str) -> str:
    """`SimPO` -> `sim_po`, `TopKMoE` -> `top_k_moe`, `RMSNorm` -> `rms_norm`: a split before a
    capital that follows a lower-case letter, and before the last capital of a run when at
    least two lower-case letters follow."""
    plain = transliterate(name)
    split = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})", "_", plain)
    return python_name(split.lower())


def is_plain(name: str) -> bool:
    """Whether the name is ASCII once Greek is spelt out."""
    return transliterate(name).isascii()
