"""Draws the panels of a dashboard with the lines that Prometheus answers, as SVG."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tests.drivers.deployment.prometheus import Series

XMLNS, FONT = "http://www.w3.org/2000/svg", 'font-family="sans-serif" font-size="11"'
COLORS = ("#2563a8", "#b4560f", "#2e7d4f", "#8a3b8f", "#a02c3c", "#5b6770", "#b8860b", "#00838f")
COLUMN, ROW, TOP = 46, 27, 34  # a unit of the grid, and the height of the title, in pixels
LEFT, RIGHT, ABOVE, LEGEND = 52, 12, 30, 62  # around the lines of a panel
LINE, CHARACTER, LEFT_OF_NAMES = 15, 6.1, 8.0
NAME_ROWS, REST = 3, 30  # rows of names, and the room for the number of others
LINES = 4  # across, at most
PLACEHOLDER = re.compile(r"{{\s*(\w+)\s*}}")
PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
SUFFIXES = {"s": " s", "bytes": "B", "Bps": "B/s", "ops": "/s", "reqps": "/s", "percentunit": " %"}


@dataclass(frozen=True)
class Line:
    """A line of a panel with the name in its legend."""

    name: str
    points: tuple[tuple[float, float], ...]


def lines_of(series: Sequence[Series], legend: str) -> list[Line]:
    """Returns the lines, the highest first, with their names: the legend, `{{label}}` filled in."""
    made = [
        Line(PLACEHOLDER.sub(lambda m, s=one: s.labels.get(m[1], ""), legend).strip(), one.points)
        for one in series
    ]
    return sorted(made, key=lambda line: -max(value for _, value in line.points))


def formatted(value: float, unit: str) -> str:
    """Returns a value as the axis has it: `1.5 kB/s`, `20 %`, `0.2 s`."""
    if unit == "percentunit":
        value *= 100
    factor, prefix = next(
        ((f, p) for f, p in PREFIXES if abs(value) >= f and unit != "s"), (1.0, "")
    )
    suffix = SUFFIXES.get(unit, "")
    space = " " if prefix and suffix else ""
    return f"{value / factor:.3g}{space}{prefix}{suffix}"


def steps(highest: float) -> list[float]:
    """Returns round values from 0 to `highest` or above, at most LINES + 1 of them."""
    if highest <= 0:
        return [0.0, 1.0]
    rough = highest / LINES
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * f for f in (1, 2, 5, 10) if power * f >= rough * (1 - 1e-9))
    return [step * n for n in range(math.ceil(highest / step - 1e-9) + 1)]


def drawing(board: Mapping[str, Any], lines: Mapping[int, Sequence[Line]], title: str) -> str:
    """Returns the picture of a dashboard; `lines` has those of each panel by its id."""
    panels = board["panels"]
    width = 24 * COLUMN
    height = TOP + ROW * max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels)
    times = [t for group in lines.values() for line in group for t, _ in line.points]
    span = (min(times), max(times)) if times else (0.0, 1.0)
    parts = [
        f'<svg xmlns="{XMLNS}" viewBox="0 0 {width} {height}" {FONT}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#f4f5f7"/>',
        f'<text x="8" y="22" font-size="15" font-weight="bold">{escape(title)}</text>',
    ]
    for panel in panels:
        parts += _panel(panel, lines.get(panel["id"], ()), span)
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Mapping[str, Any], lines: Sequence[Line], span: tuple[float, float]) -> list[str]:
    grid = panel["gridPos"]
    x, y = grid["x"] * COLUMN + 3, TOP + grid["y"] * ROW + 3
    width, height = grid["w"] * COLUMN - 6, grid["h"] * ROW - 6
    parts = [
        f'<g transform="translate({x} {y})">',
        f'<rect width="{width}" height="{height}" rx="3" fill="#fff" stroke="#d5d9dd"/>',
        f'<text x="8" y="17" font-weight="bold">{escape(panel["title"])}</text>',
    ]
    if not lines:
        parts.append(f'<text x="{width / 2:.0f}" y="{height / 2:.0f}" fill="#777">none</text>')
        return [*parts, "</g>"]
    inside = (width - LEFT - RIGHT, height - ABOVE - LEGEND)
    parts += _axes(panel, lines, span, inside)
    parts += _legend(lines, width, height - LEGEND + 26)
    return [*parts, "</g>"]


def _axes(
    panel: Mapping[str, Any],
    lines: Sequence[Line],
    span: tuple[float, float],
    inside: tuple[float, float],
) -> list[str]:
    """The lines between the axes."""
    unit = panel["fieldConfig"]["defaults"].get("unit", "short")
    values = steps(max(v for line in lines for _, v in line.points))
    down, across = inside[1] / values[-1], inside[0] / max(span[1] - span[0], 1e-9)
    parts: list[str] = []
    for value in values:
        y = ABOVE + inside[1] - value * down
        parts.append(f'<path d="M{LEFT} {y:.1f}h{inside[0]}" stroke="#e3e6e9"/>')
        parts.append(
            f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end" fill="#555">'
            f"{formatted(value, unit)}</text>"
        )
    for minutes in steps((span[1] - span[0]) / 60)[:-1]:
        x = LEFT + minutes * 60 * across
        y = ABOVE + inside[1] + 14
        parts.append(f'<text x="{x:.1f}" y="{y:.1f}" fill="#555">{minutes:g} min</text>')
    for number, line in enumerate(lines):
        points = " ".join(
            f"{x},{y}"
            for x, y in thinned(
                [
                    (f"{LEFT + (t - span[0]) * across:.1f}", f"{ABOVE + inside[1] - v * down:.1f}")
                    for t, v in line.points
                ]
            )
        )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke-width="1.4"'
            f' stroke="{_color(number)}"/>'
        )
    return parts


def thinned(points: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leaves out the points between others of the same height."""
    last = len(points) - 1
    return [
        (x, y)
        for n, (x, y) in enumerate(points)
        if n in (0, last) or not points[n - 1][1] == y == points[n + 1][1]
    ]


def _legend(lines: Sequence[Line], width: float, top: float) -> list[str]:
    """The names of the lines, in rows as wide as the panel, and how many have no room."""
    parts: list[str] = []
    x, y = LEFT_OF_NAMES, top
    for number, line in enumerate(lines):
        needed = len(line.name) * CHARACTER + 22
        if x + needed > width - REST and x > LEFT_OF_NAMES and y < top + LINE * (NAME_ROWS - 1):
            x, y = LEFT_OF_NAMES, y + LINE
        if x + needed > width - REST and x > LEFT_OF_NAMES:
            parts.append(f'<text x="{x:.1f}" y="{y:g}">+ {len(lines) - number}</text>')
            break
        square = f'width="9" height="9" fill="{_color(number)}"'
        parts.append(f'<rect x="{x:.1f}" y="{y - 8:g}" {square}/>')
        parts.append(f'<text x="{x + 13:.1f}" y="{y:g}">{escape(line.name)}</text>')
        x += needed
    return parts


def _color(number: int) -> str:
    return COLORS[number % len(COLORS)]
