"""What guided scans would find, detector by detector and area by area: a table and a picture.

    python benches/guided/curves.py --area pakistan.geojson --towers towers.geojson.gz
    python benches/guided/curves.py --area … --towers … recall window      some groups of rows alone
    python benches/guided/curves.py areas                                  places of the synthetic world
    python benches/guided/curves.py --write                                table and picture anew

Each row is one `hvmap simulate --scan follow`. What it gave is kept in benches/results/guided-curves,
a file a row, so that the rows can be run one by one; those that are there are not run again unless
`--again` is given. The table goes to docs/GUIDED-CURVES.md and the picture beside it.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "compare"))

from curve_rows import GROUPS, Row  # noqa: E402
from curves_document import write_document  # noqa: E402
from harness import HVMAP, ROOT, quiet_environment, spoken  # noqa: E402
from machine import versions  # noqa: E402

WORK = ROOT / "target" / "guided"
KEPT = ROOT / "benches" / "results" / "guided-curves"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)} [all]")
    parser.add_argument("--area", type=Path, help="GeoJSON of the area")
    parser.add_argument("--towers", type=Path, help="GeoJSON of its towers")
    parser.add_argument("--again", action="store_true", help="run rows that are there once more")
    parser.add_argument("--write", action="store_true", help="only put the document together")
    parser.add_argument("--kept", type=Path, default=KEPT, help="folder of the rows' figures")
    parser.add_argument("--document", type=Path, default=ROOT / "docs" / "GUIDED-CURVES.md")
    options = parser.parse_args()
    if unknown := [name for name in options.groups if name not in GROUPS]:
        parser.error(f"there is no group {unknown[0]}; there are {', '.join(GROUPS)}")
    rows = [row for name in options.groups or GROUPS for row in GROUPS[name].rows]
    if not options.write and not (options.area and options.towers) and not all(row.place for row in rows):
        parser.error("give --area and --towers, or --write")
    if not options.write:
        options.kept.mkdir(parents=True, exist_ok=True)
        done = set()
        for row in rows:
            file = options.kept / f"{row.name}.json"
            if row.name not in done and (options.again or not file.exists()):
                file.write_text(json.dumps(simulate(row, options)) + "\n")
            done.add(row.name)
    write_document(options.kept, options.document)
    print(f"wrote {options.document}", file=sys.stderr)
    return 0


def simulate(row: Row, options: argparse.Namespace) -> dict:
    """One scan: its outcome, its course, and what it took."""
    curve = options.kept / f".{row.name}.csv"
    area, towers = ("--area", options.area), options.towers
    if row.place:
        area, towers = row.place.area, WORK / f"{row.name}.geojson"
        WORK.mkdir(parents=True, exist_ok=True)
        truth = ("synth", "truth", *area, "--seed", row.place.seed, "--force", "-o", towers)
        subprocess.run([HVMAP, *map(str, truth)], check=True, capture_output=True)
    words = [
        HVMAP, "simulate", *area, "--zoom", 18, "--towers", towers,
        "--scan", "follow", "--seed", 1, *row.flags, "--curve", curve, "--json",
    ]  # fmt: skip
    words = [str(word) for word in words]
    print(f"  {row.name}: {spoken(words)}", file=sys.stderr, flush=True)
    start = time.perf_counter()
    child = subprocess.Popen(words, stdout=subprocess.PIPE, env=quiet_environment())
    outcome = json.loads(child.stdout.read() or "{}")
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{spoken(words)}\nended with {child.returncode}")
    course = [[int(value) for value in line] for line in list(csv.reader(curve.open()))[1:]]
    curve.unlink()
    told = {name: outcome[name] for name in ("visited_fraction", "recall_of_full_scan")}
    print(f"    {told}, {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return {
        "area": " ".join(str(word) for word in area[1:]) if row.place else options.area.stem,
        "flags": [str(flag) for flag in row.flags],
        "outcome": outcome,
        "course": course,
        "processor_s": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mb": round(usage.ru_maxrss * 1024 / 1e6),
        "hvmap": versions(())["hvmap"],
    }


if __name__ == "__main__":
    sys.exit(main())
