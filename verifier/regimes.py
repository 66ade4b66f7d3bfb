"""Inputs for the checks: one case for each regime, exact in the formats under test.

A regime is a way in which real inputs are unlike the plain random ones that hide bugs. Every
tensor holds numbers that its format represents exactly, so that oracle and code are given
the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..compiler import typed as t
from .brink import at_the_brink
from .settings import Setting, choose, evaluate

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Regime:
    """How the tensors of a case are drawn. `draw`, `scale` and `offset` shape real inputs,
    `masks` names a pattern for boolean ones; params keep to moderate values throughout;
    consts are off their defaults unless `defaults`; of several settings the most `telling` is
    taken. `repeats` cases are tried for each seed. A
    regime says nothing new about modules without what it `needs`: masks (boolean inputs), consts,
    limits (consts with bounds that they may equal, where they are put one after another), draws
    (random sources), or cuts (consts that tensors are compared with, which are moved beside one
    of them)."""

    name: str
    claim: str
    scale: float = 1.0
    offset: float = 0.0
    draw: str = "normal"
    masks: str = "random"
    shortest: bool = False
    defaults: bool = True
    telling: bool = False
    quick: bool = True
    repeats: int = 1
    needs: Literal["", "masks", "consts", "limits", "draws", "cuts"] = ""

    @property
    def by(self) -> tuple[bool, ...]:
        """What sizes and consts are chosen by: regimes that agree in it share them."""
        return self.shortest, self.defaults, self.telling, self.needs == "limits"


REGIMES: tuple[Regime, ...] = (
    Regime("typical", "numbers around 1"),
    Regime(
        "consts",
        "constants off their defaults, where all that is given has an effect",
        defaults=False,
        telling=True,
        needs="consts",
    ),
    Regime("limits", "constants at the limits of what is required", needs="limits"),
    Regime("large", "scores and logits of some tens", scale=30.0, quick=False),
    Regime("extreme", "inputs of ±1e4", scale=1e4, draw="signs", repeats=3),
    Regime("tiny", "rows of about 1e-3", scale=2.0**-10, masks="ragged"),
    Regime("offset", "rows far from zero mean", offset=3.0, masks="ragged", quick=False),
    Regime(
        "confident",
        "rows near one-hot, mostly at the first classes",
        draw="peaks",
        masks="all",
        repeats=2,
    ),
    Regime("log_probs", "log-probabilities from -1e-8 to -1e3", draw="powers"),
    Regime("heavy", "a few numbers hundreds of times the others", draw="tails", quick=False),
    Regime(
        "low_rank",
        "rows that repeat one another or are multiples of one",
        draw="multiples",
        quick=False,
    ),
    Regime("ties", "few distinct values, draws on boundaries", draw="grid", masks="all"),
    Regime(
        "filters",
        "temperature and filters together, which one order or another tells apart",
        defaults=False,
        repeats=6,
        needs="draws",
    ),
    Regime(
        "boundary",
        "equal probabilities, draws and constants exactly where the law is cut",
        draw="level",
        defaults=False,
        repeats=12,
        needs="draws",
    ),
    Regime(
        "tail",
        "draws at the very ends of their range",
        draw="ends",
        repeats=6,
        needs="draws",
    ),
    Regime(
        "brink",
        "a constant just beside what it is compared with",
        defaults=False,
        repeats=8,
        needs="cuts",
    ),
    Regime("ragged", "rows of different lengths", masks="ragged", needs="masks"),
    Regime("empty", "all masked out", masks="none", needs="masks"),
    Regime("shortest", "lengths of 1", shortest=True),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One setting of everything a module is given. Real tensors are float64 arrays whose
    numbers have at most `bits` significant bits. `file` is the one that it was kept in, if any.
    """

    regime: str
    seed: int
    bits: int
    setting: Setting
    tensors: Mapping[str, Array]
    cotangents: Mapping[str, Array]
    file: str = ""


def case(
    module: t.Module,
    regime: Regime,
    seed: int,
    bits: int,
    repeat: int = 0,
    setting: Setting | None = None,
) -> Case:
    """A case of a regime and seed; equal arguments give equal cases. Sizes and consts are chosen
    where no setting is given. Raises NoSetting."""
    if setting is None:
        rng = random.Random(f"{module.qualified}/{seed}" + f"/{repeat}" * (repeat > 0))
        setting = choose(
            module,
            rng,
            shortest=regime.shortest,
            defaults=regime.defaults,
            limit=repeat if regime.needs == "limits" else None,
        )
    draw = np.random.default_rng(
        [seed, repeat, bits, *module.qualified.encode(), *regime.name.encode()]
    )
    tensors: dict[str, Array] = {}
    variables = (*module.inputs.values(), *module.params.values(), *module.randoms.values())
    for variable in variables:
        shape = shape_of(variable.dims, setting)
        tensors[variable.name] = _tensor(variable, shape, regime, draw, bits, setting)
    if regime.needs == "cuts":
        setting = at_the_brink(module, setting, tensors, draw)
    cotangents = {
        name: rounded(draw.standard_normal(shape_of(module.definitions[name].dims, setting)), 8)
        for name in module.outputs
        if module.definitions[name].type == "real"
    }
    return Case(regime.name, seed, bits, setting, tensors, cotangents)


def shape_of(dims: tuple[t.Expr, ...], setting: Setting) -> tuple[int, ...]:
    return tuple(int(evaluate(dim, setting.sizes, {})) for dim in dims)


def rounded(x: Array, bits: int, to: Callable[[Array], Array] = np.round) -> Array:
    """The nearest numbers with so many significant bits, multiples of the smallest number of
    the formats that share them: float16's for 8 bits, float32's for 24. Those below or above,
    where `to` is floor or ceil."""
    smallest = {8: -24, 24: -149}[bits]
    _, exponent = np.frexp(x)
    place = np.maximum(exponent - bits, smallest)
    result: Array = np.ldexp(to(np.ldexp(x, -place)), place)
    return result


def _tensor(
    variable: t.Variable,
    shape: tuple[int, ...],
    regime: Regime,
    draw: np.random.Generator,
    bits: int,
    setting: Setting,
) -> Array:
    if variable.type == "bool":
        return MASKS[regime.masks](shape, draw)
    if variable.type == "int":
        assert variable.domain is not None
        top = int(evaluate(variable.domain, setting.sizes, {}))
        if regime.draw == "peaks":
            return _frequent(shape, top, draw)
        return draw.integers(0, top, shape)
    if variable.kind == "random":
        return _random(variable, shape, regime, draw, bits, setting)
    if variable.kind == "param":
        centre = 1.0 if _starts_at_one(variable) else 0.0
        return rounded(centre + 0.5 * draw.standard_normal(shape), bits)
    return rounded(_input(shape, regime, draw), bits)


def _input(shape: tuple[int, ...], regime: Regime, draw: np.random.Generator) -> Array:
    """A real input, before it is rounded to the format."""
    rows, length = ((*shape[:-1], 1), shape[-1]) if shape else ((), 1)
    match regime.draw:
        case "grid":
            return draw.integers(-2, 3, shape) / 2.0
        case "level":
            return np.broadcast_to(draw.integers(-2, 3, rows) / 2.0, shape)
        case "signs":
            sizes = draw.choice([1.0, 1.0, 0.5, 2.0**-14], shape)
            return np.asarray(draw.choice([-1.0, 1.0], shape) * sizes * regime.scale)
        case "peaks":
            peak = (np.arange(length) == _frequent(rows, length, draw)).reshape(shape)
            return np.asarray(draw.standard_normal(shape) + draw.uniform(6, 12, rows) * peak)
        case "powers":
            return np.asarray(-(10.0 ** draw.integers(-8, 4, shape)))
        case "tails":
            return draw.standard_normal(shape) * np.exp(2 * draw.standard_normal(shape))
        case "multiples":
            factors = draw.choice([-2.0, -1.0, 1.0, 1.0, 0.5], rows)
            return (factors * draw.standard_normal(length)).reshape(shape)
        case _:
            return regime.offset + regime.scale * draw.standard_normal(shape)


def _frequent(shape: tuple[int, ...], top: int, draw: np.random.Generator) -> Array:
    """Numbers below `top`, each a quarter as likely as the one before it, so that they often
    meet."""
    return np.minimum(draw.geometric(0.75, shape), top) - 1


def _starts_at_one(variable: t.Variable) -> bool:
    initial = variable.initial
    value = initial.arguments.get("value") if initial is not None else None
    return isinstance(value, t.Number) and value.value == 1


def _random(
    variable: t.Variable,
    shape: tuple[int, ...],
    regime: Regime,
    draw: np.random.Generator,
    bits: int,
    setting: Setting,
) -> Array:
    """A draw as the source gives it; on a grid, and at its ends, where ties are the matter."""
    assert variable.initial is not None
    arguments = {
        name: float(evaluate(value, setting.sizes, setting.consts))
        for name, value in variable.initial.arguments.items()
    }
    match variable.initial.name:
        case "uniform":
            low, high = arguments["low"], arguments["high"]
            unit = draw.random(shape)
            if regime.draw in ("grid", "level"):
                unit = draw.integers(0, 8, shape) / 8.0
            elif regime.draw in ("ends", "signs"):
                unit = draw.choice([0.0, 1.0 - 2.0**-bits], shape)
            exact = low + (high - low) * np.minimum(unit, 1.0 - 2.0**-bits)
            below = rounded(exact, bits, np.floor)
            return np.where(below < low, rounded(exact, bits, np.ceil), below)
        case "normal":
            return rounded(arguments["mean"] + arguments["std"] * draw.standard_normal(shape), bits)
        case "exponential":
            return rounded(draw.exponential(size=shape), bits)
        case "gumbel":
            return rounded(draw.gumbel(size=shape), bits)
        case _:
            raise AssertionError(variable.initial.name)


def _scattered(shape: tuple[int, ...], draw: np.random.Generator) -> Array:
    """Admits 7 of 10, and of several always one: most losses say nothing of none."""
    chance = np.asarray(draw.random(shape))
    return np.asarray((chance < 0.7) | ((chance == chance.min()) & (chance.size > 1)))


def _ragged(shape: tuple[int, ...], draw: np.random.Generator) -> Array:
    """Along the last axis each row is admitted up to a length of its own, as different as they
    can be; where there are three rows or more, one is wholly masked out."""
    if not shape:
        return np.asarray(True)
    rows = int(np.prod(shape[:-1]))
    lengths = np.round(np.linspace(min(2, shape[-1]), shape[-1], rows)).astype(np.int64)
    if rows >= 3:
        lengths[rows // 2] = 0
    lengths = draw.permutation(lengths).reshape(shape[:-1])
    mask: Array = np.arange(shape[-1]) < lengths[..., None]
    return mask


MASKS: Mapping[str, Callable[[tuple[int, ...], np.random.Generator], Array]] = {
    "random": _scattered,
    "all": lambda shape, draw: np.ones(shape, dtype=bool),
    "none": lambda shape, draw: np.zeros(shape, dtype=bool),
    "ragged": _ragged,
}
