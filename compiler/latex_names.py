"""Names and numbers in LaTeX: Greek letters, accents, labels."""

from __future__ import annotations

import unicodedata
from fractions import Fraction

from .names import GREEK, transliterate

ACCENTS = frozenset({"hat", "bar", "tilde"})
GLYPHS = {
    "eps": r"\varepsilon",
    "lam": r"\lambda",
    "omicron": "o",
    "Delta": r"\Delta",
    "Upsilon": r"\Upsilon",
}
GLYPHS |= {word: rf"\{word}" for word in GREEK.values() if word != "omicron"}
GLYPHS |= {word: rf"\{word}" for word in "Gamma Theta Lambda Xi Pi Sigma Phi Psi Omega".split()}
"""Names that are one symbol. Capitals that look Latin have no command of their own."""

_PLACES = 100
"""A number with more decimal places than this is written as a fraction."""


def name(text: str, *, tensor: bool = False, prime: bool = False) -> str:
    """The name of a quantity. What follows `_`, or digits at its end, is a label: raised where
    the name is a tensor's, whose indices stand below, and lowered where it is a scalar's.

    `W_Q` -> `W^{Q}`, `theta_new` -> `\\theta^{\\mathrm{new}}`, `beta1` -> `\\beta_{1}`,
    `m_hat` -> `\\hat{m}`; a name that does not begin with a symbol is a word, `\\mathrm{top\\_k}`.
    An output of a call keeps its dot, `r.z`.
    """
    if "." in text:
        record, _, field = text.partition(".")
        return f"{name(record, prime=prime)}.{name(field, tensor=tensor)}"
    plain = transliterate(unicodedata.normalize("NFKC", text))
    base, label = _split(plain)
    mark = r"\prime" if prime else ""
    if label in ACCENTS:
        base, label = rf"\{label}{{{base}}}", ""
    if not label:
        return base + (f"^{{{mark}}}" if mark else "")
    written = label if len(label) == 1 and label.isalpha() else rf"\mathrm{{{_escape(label)}}}"
    if label.isdigit():
        written = f"({label})" if tensor else label
    if tensor:
        return f"{base}^{{{written}{mark}}}"
    return f"{base}_{{{written}}}" + (f"^{{{mark}}}" if mark else "")


def _split(plain: str) -> tuple[str, str]:
    """The symbol or word that a name begins with, and its label."""
    for cut in (plain.find("_"), len(plain.rstrip("0123456789"))):
        if 0 < cut < len(plain) and _symbol(plain[:cut]):
            return _symbol(plain[:cut]), plain[cut:].lstrip("_")
    return _symbol(plain) or rf"\mathrm{{{_escape(plain)}}}", ""


def _symbol(plain: str) -> str:
    """A single letter or Greek letter; empty where it is neither."""
    if len(plain) == 1:
        return plain
    return GLYPHS.get(plain, "")


def _escape(plain: str) -> str:
    return plain.replace("_", r"\_")


def number(value: Fraction) -> str:
    """A decimal where the number is one, `10^{-6}` where it is small or large; else a fraction."""
    if value < 0:
        return "-" + number(-value)
    scaled, places = value, 0
    while scaled.denominator != 1 and places < _PLACES:
        scaled, places = scaled * 10, places + 1
    if scaled.denominator != 1:
        return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
    digits = str(scaled.numerator)
    stem = digits.rstrip("0") or "0"
    lead = len(digits) - 1 - places
    if lead < -4 or len(digits) - len(stem) - places >= 5:
        mantissa = stem[0] + ("." + stem[1:] if stem[1:] else "")
        return ("" if stem == "1" else rf"{mantissa} \cdot ") + f"10^{{{lead}}}"
    padded = digits.rjust(places + 1, "0")
    return f"{padded[:-places]}.{padded[-places:]}" if places else digits
