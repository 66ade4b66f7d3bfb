"""Figures: well-formed, with every point where its numbers say."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from plots import Panel, Scale, figure, ticks

SVG = "{http://www.w3.org/2000/svg}"
POINTS = f"{SVG}g/{SVG}circle"  # those of the legend are in no panel


def panel(**lines: list[tuple[float, float]]) -> Panel:
    return Panel("time & more", "T < 2", "ms", lines)


def test_a_figure_names_its_axes_and_lines() -> None:
    drawn = ET.fromstring(figure([panel(ours=[(1, 2), (10, 20)], peer=[(1, 3)])]))
    texts = [text.text for text in drawn.iter(f"{SVG}text")]
    assert {"time & more", "T < 2", "ms", "ours", "peer", "1", "10"} <= set(texts)
    assert "floor" not in texts
    assert len(drawn.findall(POINTS)) == 2


def test_a_power_is_a_straight_line() -> None:
    points = [(2.0**i, 5 * 4.0**i) for i in range(5)]
    drawn = figure([panel(ours=points)]).rpartition("</g>")[0]
    x, y = (
        [float(n) for n in re.findall(rf'circle [^>]*c{axis}="([^"]+)"', drawn)] for axis in "xy"
    )
    for values, sign in ((x, 1), (y, -1)):
        steps = [sign * (b - a) for a, b in pairwise(values)]
        assert min(steps) > 0 and max(steps) - min(steps) < 0.3


def test_what_is_not_positive_has_no_place() -> None:
    drawn = figure([panel(ours=[(1, 0), (2, 4), (4, 8)], peer=[(1, 0)])])
    assert len(ET.fromstring(drawn).findall(POINTS)) == 2
    assert "nothing measured" in figure([panel(ours=[(1, 0)])])


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (3, 40, [2, 5, 10, 20, 50]),
        (1, 1000, [1, 10, 100, 1000]),
        (0.02, 3000, [0.01, 0.1, 1, 10, 100, 1000, 10000]),
        (2, 2, [2, 5]),
    ],
)
def test_ticks_are_round_and_enclose(low: float, high: float, marks: list[float]) -> None:
    assert ticks(low, high) == marks


def test_a_scale_is_logarithmic() -> None:
    scale = Scale(1, 100, 0, 50)
    assert [scale(x) for x in (1, 10, 100)] == [0, 25, 50]
