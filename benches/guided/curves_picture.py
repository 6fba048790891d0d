"""The courses of the scans as an SVG: visited against found, a panel a group."""

from __future__ import annotations

import math
from html import escape

from curve_rows import Group

WIDTH, HEIGHT = 300, 230
"""Of a panel, in pixels, with its margins."""
LEFT, RIGHT, TOP, BOTTOM = 42, 12, 26, 34
COLUMNS = 2
COLOURS = ("#0072b2", "#009e73", "#e69f00", "#d55e00")
"""Told apart by colour-blind people too (Okabe and Ito 2008)."""
AXIS = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
"""Per cent of the tiles visited; the axis is logarithmic."""


def panels(groups: list[Group], results: dict[str, dict]) -> str:
    """One scale for all, so that panels compare."""
    rows = (len(groups) + COLUMNS - 1) // COLUMNS
    width, height = COLUMNS * WIDTH, rows * HEIGHT
    drawn = [
        f'<g transform="translate({at % COLUMNS * WIDTH},{at // COLUMNS * HEIGHT})">'
        + panel(group, results)
        + "</g>"
        for at, group in enumerate(groups)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="10" fill="#222">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n' + "\n".join(drawn) + "\n</svg>\n"
    )


def x(percent: float) -> float:
    first, last = math.log(AXIS[0]), math.log(AXIS[-1])
    at = (math.log(max(percent, AXIS[0])) - first) / (last - first)
    return LEFT + (WIDTH - LEFT - RIGHT) * at


def y(percent: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - percent / 100)


def panel(group: Group, results: dict[str, dict]) -> str:
    left, right = x(AXIS[0]), x(AXIS[-1])
    parts = [text(left, 16, group.panel, "start", "bold")]
    for percent in range(0, 101, 20):
        parts.append(line(left, y(percent), right, y(percent)))
        parts.append(text(left - 4, y(percent) + 3, f"{percent}", "end"))
    for percent in AXIS:
        parts.append(line(x(percent), y(0), x(percent), y(100)))
        parts.append(text(x(percent), y(0) + 12, f"{percent:g}", "middle"))
    parts.append(text(right, HEIGHT - 6, "% of the tiles visited", "end"))
    parts.append(
        f'<text transform="translate(12,{y(50):.0f}) rotate(-90)" text-anchor="middle">% found</text>'
    )
    # What tiles drawn at random would find.
    chance = [AXIS[0] * (AXIS[-1] / AXIS[0]) ** (step / 40) for step in range(41)]
    parts.append(polyline([(x(percent), y(percent)) for percent in chance], "#999", "4 3"))
    for at, (colour, row) in enumerate(zip(COLOURS, group.rows, strict=True)):
        height = y(100) + 14 + 13 * at
        parts.append(line(left + 6, height - 3, left + 20, height - 3, colour, width=2.5))
        parts.append(text(left + 24, height, row.label, "start"))
        if row.name in results:
            parts.append(course(results[row.name], colour))
    return "\n".join(parts)


def course(result: dict, colour: str) -> str:
    outcome = result["outcome"]
    planned, towers = outcome["planned"], max(outcome["full_scan_true_positives"], 1)
    points = [
        (x(100 * visited / planned), y(100 * true / towers)) for visited, true, _ in result["course"]
    ]
    end = points[-1]
    return (
        polyline(points, colour)
        + f'<circle cx="{end[0]:.1f}" cy="{end[1]:.1f}" r="2.6" fill="{colour}"/>'
    )


def polyline(points: list[tuple[float, float]], colour: str, dash: str = "") -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"{dashed}/>'


def line(x0: float, y0: float, x1: float, y1: float, colour: str = "#e4e4e4", width: float = 1) -> str:
    return (
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{colour}" '
        f'stroke-width="{width}"/>'
    )


def text(x: float, y: float, words: str, anchor: str, weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(words)}</text>"
    )
