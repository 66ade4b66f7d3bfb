"""Figures of lines over logarithmic axes, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 34, 50
STYLES = {
    "ours": ("#1565c0", "", "circle"),
    "peer": ("#d84315", "", "square"),
    "floor": ("#616161", ' stroke-dasharray="5 4"', ""),
}


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines by the names in `STYLES`, over the same axes."""

    title: str
    x: str
    y: str
    lines: Mapping[str, Points]


@dataclass(frozen=True, slots=True)
class Scale:
    """From numbers between two bounds to pixels, by the logarithm."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))
        return self.start + share * (self.end - self.start)


def figure(panels: Sequence[Panel]) -> str:
    """Panels side by side, and what the lines are."""
    width, height = WIDTH * len(panels), HEIGHT + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for i, panel in enumerate(panels):
        parts += [f'<g transform="translate({i * WIDTH} 0)">', *_panel(panel), "</g>"]
    names = [name for name in STYLES if any(panel.lines.get(name) for panel in panels)]
    for i, name in enumerate(names):
        points = [(LEFT + 90.0 * i, HEIGHT + 8.0), (LEFT + 90.0 * i + 24, HEIGHT + 8.0)]
        parts += _line(name, points)
        parts.append(f'<text x="{points[1][0] + 8:.0f}" y="{HEIGHT + 12}">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel) -> Iterator[str]:
    """A panel; of numbers that are not positive, which have no place, nothing is drawn."""
    lines = {
        name: [(x, y) for x, y in points if x > 0 and y > 0] for name, points in panel.lines.items()
    }
    xs = sorted({x for points in lines.values() for x, _ in points})
    ys = [y for points in lines.values() for _, y in points]
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    yield f'<text x="{LEFT}" y="20" font-weight="bold">{escape(panel.title)}</text>'
    if not ys:
        yield f'<text x="{LEFT}" y="{HEIGHT / 2:.0f}">nothing measured</text>'
        return
    marks = ticks(min(ys), max(ys))
    across = Scale(xs[0] / 1.15, xs[-1] * 1.15, LEFT, right)
    up = Scale(min(marks[0], min(ys)) / 1.1, max(marks[-1], max(ys)) * 1.1, bottom, TOP)
    for y in marks:
        at = f"{up(y):.1f}"
        yield f'<path d="M{LEFT} {at}H{right}" stroke="#e0e0e0"/>'
        yield f'<text x="{LEFT - 6}" y="{up(y) + 4:.1f}" text-anchor="end">{y:g}</text>'
    for x in xs:
        at = f"{across(x):.1f}"
        yield f'<path d="M{at} {TOP}V{bottom}" stroke="#eeeeee"/>'
        yield f'<text x="{at}" y="{bottom + 16}" text-anchor="middle">{x:g}</text>'
    yield f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="#424242"/>'
    middle = (LEFT + right) / 2
    label = f'<text x="{middle:.0f}" y="{bottom + 34}" text-anchor="middle">'
    yield f"{label}{escape(panel.x)}</text>"
    place = f'transform="translate(16 {(TOP + bottom) / 2:.0f}) rotate(-90)"'
    yield f'<text {place} text-anchor="middle">{escape(panel.y)}</text>'
    for name in STYLES:
        yield from _line(name, [(across(x), up(y)) for x, y in lines.get(name, ())])


def _line(name: str, points: Points) -> Iterator[str]:
    """A line through pixels, with a mark at each."""
    colour, dashes, mark = STYLES[name]
    if not points:
        return
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
    for x, y in points:
        if mark == "circle":
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
        elif mark == "square":
            yield f'<rect x="{x - 3:.1f}" y="{y - 3:.1f}" width="6" height="6" fill="{colour}"/>'


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from at most the lowest to at least the highest: powers of ten, or 1, 2 and
    5 times those where there would be few."""
    steps = (1,) if high / low > 300 else (1, 2, 5)
    found = [
        float(f"{step}e{power}")
        for power in range(floor(log10(low)), ceil(log10(high)) + 1)
        for step in steps
    ]
    first = max(i for i, tick in enumerate(found) if tick <= low)
    last = min(i for i, tick in enumerate(found) if tick >= high)
    return found[first : last + 1] if first < last else found[first : first + 2]
