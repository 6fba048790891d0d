"""The table and the picture of the curves."""

from __future__ import annotations

import json
from pathlib import Path

from curve_rows import GROUPS, Group
from curves_picture import panels

HEAD = """\
# What guided scans find, detector by detector

Written by `benches/guided/curves.py` from the figures in `benches/results/guided-curves/`; change those
that measure, not this file. [GUIDED-SCAN.md](GUIDED-SCAN.md) says how it works and what this means.

Zoom 18; {area} but for the last table, in brackets the west, south, east and north of a rectangle. *Towers* are the tiles that hold one, of the file that was
given, in the last table of the synthetic world. The detector is pretended. *Visited* is the share of the
tiles that were looked at; *found* the share of the towers that the same detector finds in a full scan;
*false* the share of its false positives that are met. *Gain* is found over visited: how many times more
towers a tile shows than in a full scan. *Hits that are towers* is the guided scan's precision by tile,
and after it the full scan's. *Recall* is what the detector sees of all towers in a full scan. *s* is
processor time, *MB* peak memory. A scan was cut off at 5,000,000 tiles.

```sh
{command}
```

![visited against found]({picture})
"""
COLUMNS = ("tiles", "towers", "visited", "found", "false", "gain", "hits that are towers", "full scan's", "recall", "s", "MB")


def write_document(kept: Path, document: Path) -> None:
    results = {
        row.name: json.loads(file.read_text())
        for group in GROUPS.values()
        for row in group.rows
        if (file := kept / f"{row.name}.json").exists()
    }
    if not results:
        raise SystemExit(f"no row has been run yet: {kept} is empty")
    picture = document.with_suffix(".svg")
    picture.write_text(panels([group for group in GROUPS.values() if group.panel], results))
    parts = [
        HEAD.format(
            picture=picture.name,
            area=results["plain"]["area"].capitalize() if "plain" in results else "not measured",
            command="python benches/guided/curves.py --area area.geojson --towers towers.geojson.gz",
        )
    ]
    parts += [table(group, results) for group in GROUPS.values()]
    programs = sorted({result["hvmap"] for result in results.values()})
    parts.append(f"Measured with hvmap {', '.join(programs)}.\n")
    document.write_text("\n".join(parts))


def table(group: Group, results: dict[str, dict]) -> str:
    lines = [f"## {group.title}", "", f"| | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for row in group.rows:
        result = results.get(row.name)
        cells = figures(result) if result else ["not measured"] + [""] * (len(COLUMNS) - 1)
        lines.append(f"| {row.label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def figures(result: dict) -> list[str]:
    outcome = result["outcome"]
    true, false = outcome["true_positives"], outcome["false_positives"]
    all_true, all_false = outcome["full_scan_true_positives"], outcome["full_scan_false_positives"]
    visited, found = outcome["visited_fraction"], outcome["recall_of_full_scan"]
    cut_off = " (cut off)" if str(outcome["visited"]) in result["flags"] else ""
    return [
        f"{outcome['planned']:,}",
        f"{outcome['truth_tiles']:,}",
        percent(visited) + cut_off,
        percent(found),
        percent(share(false, all_false)),
        f"{share(found, visited):.1f}",
        percent(share(true, true + false)),
        percent(share(all_true, all_true + all_false)),
        percent(share(all_true, outcome["truth_tiles"])),
        f"{result['processor_s']:.0f}",
        f"{result['peak_mb']:,}",
    ]


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def percent(value: float) -> str:
    value *= 100
    return f"{value:.2f} %" if value < 10 else f"{value:.1f} %"
