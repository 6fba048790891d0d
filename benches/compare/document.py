"""Puts docs/BENCHMARKS.md together from what was measured."""

from __future__ import annotations

import json
import re

from harness import OTHERS, OTHERS_MAX, ROOT, Comparison, Row, spread

DOCUMENT = ROOT / "docs" / "BENCHMARKS.md"
RESULTS = ROOT / "benches" / "results"
TRIED = ROOT / "benches" / "compare" / "tried.md"
"""What was tried to make rows faster, and what it gave."""

HEAD = """\
# Benchmarks

Written by `make bench` from the figures in `benches/results/`; change those that measure
(`benches/compare/`), not this file. hvmap and what one would pick instead do the same work on the
same machine, in turns A B A B; figures are medians of the turns with the smallest and the largest, and
a ratio is taken turn by turn. These are benchmarks and no tests: nothing fails when a figure falls.

Inputs: 4,000 JPEG tiles of the synthetic world, a tenth with towers, in one block of an MBTiles file
or as `z/x/y.jpg`; a full Xception 256×256 with the head of 2018 (a dense layer of 256, softmax over
two) and random weights, which make no difference to its speed, packaged by `hvmap-model` in fp32 and
int8. How many of the tiles a side takes is in its command.
"""


def write_document(rows: dict[str, Row]) -> None:
    results = {name: read(name) for name in rows}
    parts = [HEAD, summary(rows, results)]
    parts += [section(row, results[row.name]) for row in rows.values()]
    if TRIED.exists():
        parts.append(TRIED.read_text())
    DOCUMENT.write_text("\n".join(part.rstrip() + "\n" for part in parts))


def read(name: str) -> dict | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def summary(rows: dict[str, Row], results: dict[str, dict | None]) -> str:
    lines = ["| comparison | ratio | range | wanted | |", "|---|---|---|---|---|"]
    for row in rows.values():
        for comparison in row.comparisons:
            lines.append(line(comparison, results[row.name]))
    return "\n".join(lines) + "\n"


def line(comparison: Comparison, result: dict | None) -> str:
    name = f"{comparison.first} / {comparison.second}"
    if comparison.figure != "tiles_per_s":
        name += f", {spoken(comparison.figure)}"
    wanted = comparison.wanted or "reported"
    found = ratios(comparison, result) if result else []
    if not found:
        return f"| {name} | not measured | | {wanted} | |"
    median, least, most = spread(found)
    verdict = "" if not comparison.wanted else "met" if met(median, comparison.wanted) else "**not met**"
    return f"| {name} | **{number(median)}** | {number(least)}–{number(most)} | {wanted} | {verdict} |"


def ratios(comparison: Comparison, result: dict) -> list[float]:
    sides = (comparison.first, comparison.second)
    return [
        turn[sides[0]][comparison.figure] / turn[sides[1]][comparison.figure]
        for turn in result["turns"]
        if all(comparison.figure in turn.get(side, {}) for side in sides)
    ]


def met(ratio: float, wanted: str) -> bool:
    sign, bound = re.fullmatch(r"([≥≤<>]) ([0-9.]+)", wanted).groups()
    bound = float(bound)
    return {"≥": ratio >= bound, "≤": ratio <= bound, "<": ratio < bound, ">": ratio > bound}[sign]


def section(row: Row, result: dict | None) -> str:
    lines = [f"## {row.title}", ""]
    if row.note:
        lines += [row.note, ""]
    if result is None:
        return "\n".join([*lines, f"Not measured; `make bench ROW={row.name}` does it."]) + "\n"
    turns = result["turns"]
    names = list(dict.fromkeys(name for turn in turns for name in turn))
    figures = {
        figure: heading
        for figure, heading in (row.figures | {"peak_mb": "peak MB"}).items()
        if any(figure in turn[name] for turn in turns for name in turn)
    }
    lines.append("| | " + " | ".join(f"{heading} | range" for heading in figures.values()) + " |")
    lines.append("|---|" + "---|---|" * len(figures))
    for name in names:
        cells = []
        for figure in figures:
            values = [turn[name][figure] for turn in turns if figure in turn.get(name, {})]
            cells += cell(values) if values else ["", ""]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", *(f"- {name}: `{result['commands'][name]}`" for name in names), ""]
    lines.append(f"{counted(turns)} on {result['date']}{disturbance(turns)}. {conditions(result)}")
    return "\n".join(lines) + "\n"


def counted(turns: list[dict]) -> str:
    return "1 turn" if len(turns) == 1 else f"{len(turns)} turns"


def disturbance(turns: list[dict]) -> str:
    """What else ran, where it was seen and was more than a little."""
    most = max((one.get(OTHERS, 0.0) for turn in turns for one in turn.values()), default=0.0)
    return f", while **other programs took up to {most:.1f} cores**" if most > OTHERS_MAX else ""


def cell(values: list[float]) -> list[str]:
    median, least, most = spread(values)
    return [number(median), "" if least == most else f"{number(least)}–{number(most)}"]


def conditions(result: dict) -> str:
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['gpu'] + ', ' if 'gpu' in machine else ''}"
        f"{machine['system']}, load {machine['load_before']} before. {versions}."
    )


def spoken(figure: str) -> str:
    return {"elapsed_s": "time", "peak_mb": "peak memory"}.get(figure, figure.replace("_", " "))


def number(value: float) -> str:
    """Three digits that mean something, or all of a large number."""
    if value == int(value) and abs(value) >= 1000 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")
